"""Fetch the scripts of other projects that pages carry, and write down what they are.

npm brings the packages; no code of theirs is run. Everything that is bundled in their builds comes with its licence.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "orchestrator" / "pages" / "assets"

VERSIONS = {"vega": "6.4.0", "vega-lite": "6.5.0", "vega-interpreter": "2.3.2", "htmx.org": "2.0.11"}
FILES = {
    "vega.min.js": ("vega", "build/vega.min.js"),
    "vega-lite.min.js": ("vega-lite", "build/vega-lite.min.js"),
    "vega-interpreter.js": ("vega-interpreter", "build/vega-interpreter.js"),
    "htmx.min.js": ("htmx.org", "dist/htmx.min.js"),
}
BUNDLED = ("d3-", "delaunator", "htmx.org", "internmap", "robust-predicates", "topojson-client", "vega")
"""How the names begin of what is inside of those builds; the rest serves the packages' command lines."""

INTERPRETER_IMPORT = "import { ascending, isString, DisallowedObjectProperties } from 'vega-util';"
INTERPRETER_EXPORT = "export { expression as expressionInterpreter };"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        modules = _installed(Path(folder))
        for name, (package, path) in FILES.items():
            text = (modules / package / path).read_text()
            (ASSETS / name).write_text(_as_script(text) if package == "vega-interpreter" else text)
        (ASSETS / "licences.txt").write_text(_licences(modules))
        licences = {package: _manifest(modules / package)["license"] for package in VERSIONS}
    (ASSETS / "assets.json").write_text(json.dumps(_described(licences), indent=1) + "\n")
    return 0


def _installed(folder: Path) -> Path:
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": VERSIONS}))
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "node_modules"


def _as_script(text: str) -> str:
    """A module as a plain script: a page that opens from a file may load no modules."""
    if INTERPRETER_IMPORT not in text or INTERPRETER_EXPORT not in text:
        raise SystemExit("vega-interpreter imports or exports something else by now: look at the file")
    text = text.replace(INTERPRETER_IMPORT, "const { ascending, isString, DisallowedObjectProperties } = vega;")
    text = text.replace(INTERPRETER_EXPORT, "globalThis.vegaInterpreter = expression;")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("//# sourceMappingURL"))
    return (
        "/* vega-interpreter, changed in its first and its last statement: a module there, a script here. */\n"
        f"(function () {{\n{body}\n}})();\n"
    )


def _licences(modules: Path) -> str:
    """Each licence once, beneath the names of the packages that are under it."""
    found: dict[str, list[str]] = {}
    for manifest in sorted(modules.glob("**/package.json")):
        package, told = manifest.parent, _manifest(manifest.parent)
        name = str(told.get("name", ""))
        licence = next((path for path in sorted(package.iterdir()) if path.name.upper().startswith("LICEN")), None)
        if licence is None or not name.startswith(BUNDLED) or package.parent.name != "node_modules":
            continue
        text = "\n".join(line.rstrip() for line in licence.read_text().strip().splitlines())
        found.setdefault(text, []).append(f"{name} {told.get('version')}")
    parts = [f"{', '.join(dict.fromkeys(names))}\n\n{text}\n" for text, names in found.items()]
    return ("\n" + "-" * 78 + "\n\n").join(parts)


def _described(licences: dict[str, str]) -> list[dict[str, Any]]:
    rows = []
    for file, (package, path) in FILES.items():
        origin = {"package": package, "version": VERSIONS[package], "licence": licences[package], "path": path}
        rows.append({"file": file, **origin, **_measured(ASSETS / file)})
    return rows


def _measured(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}


def _manifest(package: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((package / "package.json").read_text())
    return told


if __name__ == "__main__":
    sys.exit(main())
