"""Tab completion, as the shell asks for it: in a process of its own, nothing but names on standard output."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.cli.conftest import as_process, keep_runs
from tests.making import MOMENT, make_job, make_model, make_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stocked(farm: Path) -> Path:
    (farm / "device_profiles" / "kitchen.yml").write_text("host: h\n")
    (farm / "device_profiles" / ".hidden.yaml").write_text("host: h\n")
    with Store.open(farm / "results.db") as store:
        store.add_model(make_model("bert"))
        store.add_model(make_model("bert-tiny"))
        store.add_model(make_model("gone"))
        store.remove_model("gone")
    return farm


def complete(farm: Path, *words: str) -> list[str]:
    """What is offered for the last of these words."""
    argv, variables = as_process(farm=farm)
    variables |= {
        "_DYNOFARM_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["dynofarm", "-C", str(farm), *words]),
        "COMP_CWORD": str(len(words) + 2),
    }
    done = subprocess.run(argv[:3], env=variables, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("dev",), ["device"]),
        (("device", "show", ""), ["kitchen", "local"]),
        (("device", "edit", "k"), ["kitchen"]),
        (("device", "check", "local,k"), ["local,kitchen"]),
        (("run", "b"), ["bert", "bert-tiny"]),
        (("run", "swe"), ["sweeps/example.yaml"]),
        (("run", "bert", "--on", "a"), ["all"]),
        (("model", "show", ""), ["bert", "bert-tiny"]),
        (("results", "--model", "bert-"), ["bert-tiny"]),
        (("results", "--format", "j"), ["json", "jsonl"]),
        (("results", "--role", ""), ["all", "case", "energy", "profile", "reference", "task"]),
    ],
)
def test_names_are_offered(stocked: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(stocked, *words) == offered


@pytest.mark.parametrize("words", [("device", "show", ""), ("model", "show", ""), ("run", "s"), ("stop", "")])
def test_where_there_is_no_farm_nothing_is_offered_and_nothing_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert complete(tmp_path / "nowhere", *words) == []


def test_sweeps_are_offered_the_newest_first_and_to_stop_those_that_run(stocked: Path) -> None:
    keep_runs(stocked, [make_run(make_job("a" * 32))], name="early")
    keep_runs(stocked, [make_run(make_job("b" * 32))], name="late")
    with Store.open(stocked / "results.db") as store:
        store.sittings.begin(1, "anna@lab", MOMENT)
    for words in (
        ("run", "--resume"),
        ("results", "--sweep"),
        ("judge", "--sweep"),
        ("best", "--sweep"),
        ("sweeps", "--faults"),
        ("baseline", "set", "main"),
        *((verb,) for verb in ("answers", "report", "table", "claims", "waterfall")),
    ):
        assert complete(stocked, *words, "") == ["2", "1"], words
    assert complete(stocked, "report", "1") == ["1"]
    assert complete(stocked, "stop", "") == ["1"]
    assert complete(stocked, "stop", "2") == []


def test_a_sweep_whose_process_died_is_not_offered_to_be_stopped(stocked: Path) -> None:
    keep_runs(stocked, [make_run()])
    begin = "import sys; from orchestrator.store import Store; from tests.making import MOMENT\n"
    begin += "with Store.open(sys.argv[1]) as store: store.sittings.begin(1, 'anna@lab', MOMENT)"
    subprocess.run([sys.executable, "-c", begin, str(stocked / "results.db")], cwd=ROOT, timeout=60, check=True)
    assert complete(stocked, "stop", "") == []


def test_a_broken_farm_offers_what_is_left_of_it(stocked: Path) -> None:
    (stocked / "results.db").write_text("not a database at all, only long enough to have a header")
    assert complete(stocked, "model", "show", "") == []
    assert complete(stocked, "stop", "") == complete(stocked, "report", "") == []
    (stocked / "sweeps" / "example.yaml").unlink()
    (stocked / "sweeps").rmdir()
    assert complete(stocked, "run", "s") == []
    assert complete(stocked, "device", "show", "l") == ["local"]


def test_completing_makes_no_database(stocked: Path) -> None:
    for path in stocked.glob("results.db*"):
        path.unlink()
    assert complete(stocked, "model", "show", "") == []
    assert not (stocked / "results.db").exists()


def test_the_shells_script_is_printed() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on this machine")
    argv, variables = as_process("--show-completion", farm=Path("/"))
    # Typer asks which shell it was started from; the last command would take the shell's own place.
    script = f"{shlex.join(argv)}; exit $?"
    shown = subprocess.run([bash, "-c", script], env=variables, capture_output=True, text=True, timeout=60, check=True)
    assert "_DYNOFARM_COMPLETE=complete_bash" in shown.stdout
