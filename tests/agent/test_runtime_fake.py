import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.gate import digest, run_once
from agent.protocol import InputRecipe, ModelOnBoard
from agent.runtimes import Loaded, Rejected, Unsupported, open_engine

ROOT = Path(__file__).resolve().parents[2]
MODEL = ModelOnBoard("0" * 64, "m", "tflite", [InputRecipe("x", "float32", [4], "uniform")])


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.write_bytes(b"any bytes")
    return path


def load(path: Path, **options: Any) -> Loaded:
    return open_engine("fake", None).load(str(path), 1, "xnnpack", options)


def run_in_a_process(path: Path, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from agent.runtimes import open_engine\n"
        "loaded = open_engine('fake', None).load(sys.argv[2], 1, 'none', json.loads(sys.argv[3]))\n"
        "loaded.feed([])\n"
        "for number in range(3):\n"
        "    loaded.invoke()\n"
        "    sys.stderr.write('done %d\\n' % number)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(ROOT), str(path), json.dumps({"sleep_ms": 0, **options})]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


def test_outputs_depend_on_the_inputs_alone(model_path: Path) -> None:
    first, second = load(model_path, sleep_ms=0), load(model_path, sleep_ms=0, seed=5)
    assert run_once(first, MODEL, 1) == run_once(second, MODEL, 1)
    assert run_once(first, MODEL, 1) != run_once(first, MODEL, 2)


def test_an_inference_takes_at_least_the_time_asked_for(model_path: Path) -> None:
    for spin in (False, True):
        loaded = load(model_path, sleep_ms=20, jitter=0, spin=spin)
        start, start_cpu = time.perf_counter(), time.process_time()
        loaded.invoke()
        assert time.perf_counter() - start >= 0.02
        assert (time.process_time() - start_cpu > 0.002) or not spin


def test_the_latencies_of_one_seed_are_the_same_draws(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    for seed in (1, 1, 2):
        loaded = load(model_path, sleep_ms=10, jitter=0.1, seed=seed)
        del slept[:]
        for _ in range(4):
            loaded.invoke()
        if seed == 1:
            draws = list(slept)
    assert all(0.009 <= time_s <= 0.011 for time_s in draws)
    assert slept != draws


def test_loading_takes_the_time_asked_for(model_path: Path) -> None:
    start = time.perf_counter()
    load(model_path, load_sleep_ms=30)
    assert time.perf_counter() - start >= 0.03


def test_memory_asked_for_is_told(model_path: Path) -> None:
    assert load(model_path, allocate_bytes=12345).details()["arena_bytes"] == 12345


@pytest.mark.parametrize(("crash", "code"), [("segfault", -signal.SIGSEGV), ("abort", -signal.SIGABRT), ("exit", 3)])
def test_a_crash_ends_the_process_at_the_inference_asked_for(model_path: Path, crash: str, code: int) -> None:
    done = run_in_a_process(model_path, crash=crash, crash_at=2)
    assert done.returncode == code
    assert done.stderr.splitlines() == [b"done 0"]


def test_a_crash_can_be_had_while_loading(model_path: Path) -> None:
    done = run_in_a_process(model_path, crash="exit", crash_at="load")
    assert done.returncode == 3
    assert done.stderr == b""


def test_a_hang_lasts(model_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; sys.path.insert(0, sys.argv[1])\n"
                "from agent.runtimes.fake import FakeRuntime\n"
                "FakeRuntime(None).load(sys.argv[2], 1, 'none', {'crash': 'hang'}).invoke()",
                str(ROOT),
                str(model_path),
            ],
            timeout=2,
            check=False,
        )


def test_garbage_goes_to_the_process_s_own_stdout(model_path: Path) -> None:
    done = run_in_a_process(model_path, crash="stdout-garbage", crash_at=2)
    assert done.returncode == 0
    assert b"garbage" in done.stdout
    assert done.stderr.splitlines() == [b"done 0", b"done 1", b"done 2"]


def test_out_of_memory_ends_at_its_limit_where_nothing_else_ends_it(model_path: Path) -> None:
    loaded = load(model_path, crash="oom", oom_limit_bytes=2**25)
    with pytest.raises(MemoryError):
        loaded.invoke()


def test_unsupported_and_rejected_can_be_asked_for_with_a_reason(model_path: Path) -> None:
    with pytest.raises(Unsupported, match="no NEON"):
        load(model_path, unsupported="no NEON")
    with pytest.raises(Rejected, match="asked to reject"):
        load(model_path, rejected=True)


def test_a_missing_model_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="no model file"):
        load(tmp_path / "absent")


def test_an_unknown_option_or_crash_lists_the_known_ones(model_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"no option 'sleep_s'; it knows .*sleep_ms"):
        load(model_path, sleep_s=1)
    with pytest.raises(Unsupported, match="no crash 'boom'; it knows segfault"):
        load(model_path, crash="boom")


def test_the_gate_and_the_fake_give_the_same_answer_on_other_pythons(model_path: Path, other_python: str) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from agent.gate import check, digest\n"
        "from agent.protocol import InputRecipe, ModelOnBoard\n"
        "from agent.runtimes import open_engine\n"
        "model = ModelOnBoard('0' * 64, 'm', 'tflite', [InputRecipe('x', 'float32', [4], 'uniform')])\n"
        "loaded = open_engine('fake', None).load(sys.argv[2], 1, 'none', {'sleep_ms': 0})\n"
        "print(check(loaded, model, 7, []).checked, digest(loaded.outputs()))"
    )
    command = [other_python, "-I", "-S", "-c", script, str(ROOT), str(model_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    expected = load(model_path, sleep_ms=0)
    assert done.stdout.split() == ["0", digest(run_once(expected, MODEL, 7))]


def test_an_unknown_runtime_lists_the_known_ones() -> None:
    with pytest.raises(Unsupported, match="no runtime 'tensorrt'; it knows ai-edge-litert, executorch, fake"):
        open_engine("tensorrt", None)


def test_the_log_tells_when_which_loaded_model_was_at_work(model_path: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    began = time.monotonic_ns()
    for inferences in (2, 0):
        loaded = load(model_path, sleep_ms=0, log=str(log))
        for _ in range(inferences):
            loaded.invoke()
    lines = [line.split() for line in log.read_text().splitlines()]
    names = [name for name, _ in lines]
    assert [names.count(name) for name in dict.fromkeys(names)] == [3, 1]
    moments = [int(moment) for _, moment in lines]
    assert began <= moments[0]
    assert moments == sorted(moments)


def test_a_log_that_cannot_be_written_disturbs_nothing(model_path: Path, tmp_path: Path) -> None:
    loaded = load(model_path, sleep_ms=0, log=str(tmp_path / "nowhere" / "log"))
    loaded.invoke()
    assert not (tmp_path / "nowhere").exists()
