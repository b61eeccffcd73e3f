"""Before any verb: help, version, mistyped words, exit codes, and standard output in every state."""

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.cli import main as cli_main
from orchestrator.cli import sweeps as sweeps_verb
from orchestrator.cli.usage import explain, help_of
from orchestrator.errors import DynofarmError, StoreError
from tests.cli.conftest import Dynofarm, as_process, keep_runs
from tests.making import make_job, make_run

VERBS = (
    ("init",), ("run",), ("stop",), ("sweeps",), ("results",), ("show",), ("sql",), ("best",), ("export",), ("serve",),
    ("device",), ("device", "add"), ("device", "list"), ("device", "show"), ("device", "check"), ("device", "edit"),
    ("device", "ping"), ("device", "trust"), ("device", "remove"),
    ("model",), ("model", "add"), ("model", "list"), ("model", "show"), ("model", "remove"),
)  # fmt: skip


@pytest.mark.parametrize("verb", [(), *VERBS], ids=" ".join)
def test_every_command_has_help_with_an_example(dynofarm: Dynofarm, verb: tuple[str, ...]) -> None:
    said = dynofarm(*verb, "--help").ok()
    assert "xample: dynofarm" in said.out
    assert said.err == ""
    assert dynofarm(*verb, "-h").ok().out == said.out


def test_the_help_lists_what_every_exit_code_means(dynofarm: Dynofarm) -> None:
    words = " ".join(dynofarm("--help").out.split())
    for meaning in ("0 all measured", "1 some runs failed", "2 usage", "3 a gate failed", "4 store", "130 stopped"):
        assert meaning in words


@pytest.mark.parametrize("words", [("--help", "run"), ("-C", "run", "--help"), ("--debug", "--help", "results")])
def test_the_help_lists_every_verb_whatever_words_are_beside_it(dynofarm: Dynofarm, words: tuple[str, ...]) -> None:
    assert dynofarm(*words).ok().out == dynofarm("--help").ok().out


def test_the_version_is_told(dynofarm: Dynofarm) -> None:
    assert dynofarm("--version").ok().out == f"dynofarm {__version__}\n"


@pytest.mark.parametrize("words", [(), ("device",), ("model",)], ids=" ".join)
def test_a_group_without_a_verb_shows_its_verbs(dynofarm: Dynofarm, words: tuple[str, ...]) -> None:
    assert "Commands:" in dynofarm(*words).failed(2).out


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (("rnu",), "no such command 'rnu'", "dynofarm --help"),
        (("device", "chek"), "no such command 'chek'. Did you mean 'check'?", "dynofarm device --help"),
        (("run", "--treads", "1"), "no such option: --treads", "dynofarm run --help"),
        (("device", "add"), "missing argument 'NAME'", "dynofarm device add --help"),
        (("show",), "missing argument 'RUN'", "dynofarm show --help"),
        (("results", "--limit", "0"), "invalid value for '--limit'", "dynofarm results --help"),
        (("run", "--repeats", "many"), "invalid value for '--repeats'", "dynofarm run --help"),
        (("sweeps", "--limit"), "option '--limit' requires an argument", "dynofarm --help"),
    ],
)
def test_a_mistyped_command_says_what_and_what_next(
    dynofarm: Dynofarm, words: tuple[str, ...], told: str, hint: str
) -> None:
    said = dynofarm(*words).failed(2)
    assert said.out == ""
    first, last = said.err.splitlines()
    assert first.startswith(f"dynofarm: {told}"), first
    assert last == f"  next: {hint}"


def test_what_is_no_fault_of_the_command_line_is_not_explained_as_one() -> None:
    assert explain(ValueError("x")) is None
    assert help_of(ValueError("x")) is None


@pytest.mark.parametrize("words", [("results",), ("device", "list"), ("run",), ("sweeps",), ("model", "list")])
def test_without_a_farm_the_next_step_is_named(dynofarm: Dynofarm, words: tuple[str, ...]) -> None:
    said = dynofarm(*words).failed(2)
    assert "there is no farm in" in said.err
    assert "next: make one here with: dynofarm init" in said.err


def test_a_folder_that_is_not_there_is_named(dynofarm: Dynofarm) -> None:
    assert "/nowhere: there is no such folder" in dynofarm("-C", "/nowhere", "results").failed(2).err


def break_a_verb(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    def fall(_context: object) -> None:
        raise fault

    monkeypatch.setattr(sweeps_verb, "settings_of", fall)


def test_an_error_has_its_own_exit_code_and_next_step(dynofarm: Dynofarm, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_verb(monkeypatch, StoreError("one\ntwo \x1b[2J", "do this"))
    assert dynofarm("sweeps").failed(4).err == "dynofarm: one\ndynofarm: two \\x1b[2J\n  next: do this\n"


def test_an_error_without_a_hint_names_no_next_step(dynofarm: Dynofarm, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_verb(monkeypatch, DynofarmError(""))
    assert dynofarm("sweeps").failed(2).err == "dynofarm: \n"


def test_a_fault_of_ours_is_one_line_and_names_debug(dynofarm: Dynofarm, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_verb(monkeypatch, RuntimeError("oh"))
    said = dynofarm("sweeps")
    assert said.status == 4
    assert said.err == (
        "dynofarm: this is a fault of dynofarm: RuntimeError: oh\n  next: run it again with: dynofarm --debug …\n"
    )


def test_ctrl_c_is_exit_code_130(dynofarm: Dynofarm, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_verb(monkeypatch, KeyboardInterrupt())
    assert dynofarm("sweeps").status == 130


@pytest.mark.parametrize("fault", [RuntimeError("oh"), StoreError("oh")])
def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    break_a_verb(monkeypatch, fault)
    monkeypatch.setattr(cli_main.sys, "argv", ["dynofarm", "--debug", "sweeps"])
    with pytest.raises(type(fault), match="oh"):
        cli_main.main()


# --------------------------------------------------------------------------- standard output, as a process


@pytest.fixture
def measured(farm: Path) -> Path:
    keep_runs(farm, [make_run(make_job(f"{at:032x}", threads=at + 1)) for at in range(3)])
    return farm


def run_process(
    farm: Path, *words: str, environment: dict[str, str] | None = None, tail: str = ""
) -> tuple[int, str, str]:
    """Through a shell where what happens to standard output is the matter; the words are ours."""
    argv, variables = as_process(*words, farm=farm, environment=environment)
    if tail:
        argv = ["bash", "-c", f'"$@" {tail}', "bash", *argv]
    done = subprocess.run(argv, env=variables, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


@pytest.mark.parametrize("words", [("results",), ("results", "--json"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_enough_is_no_fault(measured: Path, words: tuple[str, ...]) -> None:
    status, _, err = run_process(measured, *words, tail="| true; exit ${PIPESTATUS[0]}")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("words", [("results",), ("results", "--format", "csv")], ids=" ".join)
def test_a_closed_standard_output_is_no_fault(measured: Path, words: tuple[str, ...]) -> None:
    assert run_process(measured, *words, tail=">&-") == (0, "", "")


@pytest.mark.parametrize("words", [("results",), ("device", "list", "--json")], ids=" ".join)
def test_a_full_standard_output_is_one_sentence(measured: Path, words: tuple[str, ...]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    status, _, err = run_process(measured, *words, tail=">/dev/full")
    assert status == 4
    assert err == "dynofarm: standard output: no room left to write it\n  next: make room, or send it elsewhere\n"


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("words", [("show", "0" * 31 + "1"), ("results",), ("device", "show", "local"), ("--help",)])
def test_a_poor_encoding_gets_plainer_signs_and_no_error(
    measured: Path, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    (measured / "device_profiles" / "local.yaml").write_text("transport: local\nnotes: “µ – 板”\n")
    status, out, err = run_process(measured, *words, environment=environment)
    assert (status, err) == (0, "")
    assert out


def test_json_in_a_poor_encoding_loses_nothing(measured: Path, dynofarm: Dynofarm) -> None:
    (measured / "device_profiles" / "local.yaml").write_text("transport: local\nnotes: 板\n")
    status, out, _ = run_process(
        measured, "device", "show", "local", "--json", environment={"PYTHONIOENCODING": "ascii"}
    )
    assert status == 0
    assert '"notes": "\\u677f"' in out
    assert dynofarm("device", "show", "local", "--json").ok().json["profile"]["notes"] == "板"


def test_a_word_that_is_no_text_is_told_all_the_same(farm: Path) -> None:
    argv, variables = as_process("device", "show", farm=farm)
    done = subprocess.run(
        [*argv, os.fsdecode(b"k\xfftchen")], env=variables, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert b"there is no device" in done.stderr
