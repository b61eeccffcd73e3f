"""Acceptance on other architectures: runs the demo's models on an emulated arm64 board and a whole aarch64 machine.

Structure is checked, never speed: every job measured by the native library and by a bundle of wheels, outputs equal
to this machine's references, rows marked as emulated, nothing installed on the boards, nothing left running.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FARM = ROOT / ".acceptance"
MODELS = [
    str(ROOT / "examples" / "models" / f"{name}.tflite") for name in ("bert-tiny", "bert-tiny-int8", "face-detection")
]
SWEEP = """\
models: [bert-tiny, bert-tiny-int8, face-detection]
runtimes: [litert, ai-edge-litert]
on: [kind:emulated]
exclude:
  - {runtime: ai-edge-litert, model: "bert-*"}
protocol: {name: acceptance, base: quick, warmup_s: 0, warmup_limit_s: 2, min_inferences: 4, min_s: 0, max_s: 60}
repeats: 2
"""

sys.path.insert(0, str(ROOT))
from tests.boards import catalogue, profiles  # noqa: E402 - the checkout is not installed as a package of tests


def main() -> int:
    """0 when everything holds; prints what does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tiers", nargs="*", default=["arm64", "vm"], help="arm64, vm, namespace or loopback")
    tiers = parser.parse_args().tiers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the boards are stopped then, too
    shutil.rmtree(FARM, ignore_errors=True)
    profiles.make_farm(FARM)
    boards = []
    try:
        for tier in tiers:
            began = time.monotonic()
            _, took_s = catalogue.start(FARM, f"{tier}-1", tier)
            boards.append(f"{tier}-1")
            print(f"{tier}-1: banner after {took_s:.1f} s ({time.monotonic() - began:.0f} s with what had to be made)")
        dynofarm("device", "check", *boards)
        dynofarm("model", "add", *MODELS)
        (FARM / "sweeps" / "acceptance.yaml").write_text(SWEEP)
        began = time.monotonic()
        dynofarm("run", "sweeps/acceptance.yaml", "--on", ",".join(boards))
        print(f"the sweep took {time.monotonic() - began:.0f} s")
        faults = check(boards)
    finally:
        for name in boards:
            catalogue.stop(FARM, name)
    for fault in faults:
        print(f"FAILED: {fault}")
    print("acceptance: " + (f"{len(faults)} faults" if faults else "passed"))
    return 1 if faults else 0


def check(boards: list[str]) -> list[str]:
    """What is not as it must be."""
    rows = json.loads(dynofarm("results", "--sweep", "last", "--json", quiet=True))
    facts = {name: json.loads(dynofarm("device", "show", name, "--json", quiet=True))["facts"] for name in boards}
    faults = []
    wanted = len(boards) * 4 * 2  # three models natively, one through a bundle, two repeats
    if len(rows) != wanted:
        faults.append(f"{len(rows)} runs are stored, {wanted} were planned")
    for row in rows:
        place = f"{row['device']}, {row['model']}, {row['runtime']}"
        if row["status"] != "ok":
            faults.append(f"{place}: {row['status']}: {row['message']}")
        elif row["worst_error"] is None:
            faults.append(f"{place}: its outputs were not checked")
        if row["device_kind"] == "real":
            faults.append(f"{place}: not marked as emulated")
    for name in boards:
        if name.startswith(("arm64", "vm")) and facts[name]["architecture"] != "aarch64":
            faults.append(f"{name}: says it is {facts[name]['architecture']}")
        if not name.startswith("loopback") and not facts[name]["emulated"]:
            faults.append(f"{name}: the agent did not find the mark of emulation")
        if facts[name]["modules"]:
            faults.append(f"{name}: has modules installed: {facts[name]['modules']}")
    return faults


def dynofarm(*words: str, quiet: bool = False) -> str:
    """Run the command in the farm; a failure ends the acceptance."""
    command: list[Any] = [Path(sys.executable).with_name("dynofarm"), *words]
    if not quiet:
        print(f"\n$ dynofarm {' '.join(words)}", flush=True)
    done = subprocess.run(command, cwd=FARM, stdout=subprocess.PIPE, text=True, check=False)
    if not quiet:
        print(done.stdout, end="", flush=True)
    if done.returncode not in (0, 1):
        sys.exit(f"dynofarm ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
