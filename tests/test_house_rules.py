"""Rules of this house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*ROOT.glob("orchestrator/**/*.py"), *ROOT.glob("agent/**/*.py"), *ROOT.glob("dynofarm/**/*.py")])
AGENT = sorted(ROOT.glob("agent/**/*.py"))
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
).stdout.splitlines()


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 400, "split it: a reader must be able to keep it in mind"
    assert ast.get_docstring(ast.parse("\n".join(lines))) or lines[0].startswith("#"), "say at the top what it is for"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_is_a_drawer_for_leftovers(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc"}


@pytest.mark.parametrize("path", AGENT, ids=name_of)
def test_the_agent_parses_as_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("path", AGENT, ids=name_of)
def test_the_agent_imports_only_the_standard_library_at_import(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            assert top == "agent" or top in sys.stdlib_module_names, f"{name}: boards may lack it; import it late"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_unpickled_and_no_shell_is_started(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\b(import pickle|from pickle|pickle\.loads?|shell=True|os\.system)\b", text)


def test_every_error_stands_in_the_tree_at_the_top_of_its_module() -> None:
    from orchestrator import errors

    classes = [
        node.name for node in ast.parse(Path(errors.__file__).read_text()).body if isinstance(node, ast.ClassDef)
    ]
    assert classes
    for name in classes:
        assert re.search(rf"\b{name}\b", errors.__doc__ or ""), f"draw {name} in the tree"


def test_every_failure_reason_of_the_agent_is_a_status_of_the_orchestrator() -> None:
    from agent.protocol import FAILURE_REASONS
    from orchestrator.runs import RunStatus

    assert {RunStatus(reason).value for reason in FAILURE_REASONS} == set(FAILURE_REASONS)


def test_every_command_has_help_with_an_example() -> None:
    import typer

    from orchestrator.cli.main import command_line

    found = []

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, f"{path} {name}".strip())
        else:
            found.append(path)
            assert getattr(command, "help", None), f"{path} has no help"
            assert "xample" in (getattr(command, "epilog", None) or ""), f"{path} has no example"

    walk(typer.main.get_command(command_line()), "")
    assert len(found) >= 15


@pytest.mark.parametrize(
    "name", [name for name in TRACKED if name.endswith((".py", ".md", ".toml", ".txt", ".yaml", ".sh"))]
)
def test_no_file_names_a_machine_or_a_package_host(name: str) -> None:
    hosts = [r"py" r"pi\.org", r"python" r"hosted", r"registry\." r"npmjs", r"deb\." r"debian\."]
    text = (ROOT / name).read_text(errors="replace")
    for host in hosts:
        assert not re.search(host, text), f"{name} names a package host"
