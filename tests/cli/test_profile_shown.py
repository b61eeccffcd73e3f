"""Profiled operators on the page of a run, and the way there: asked for, planned, run by a real agent, kept apart."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.profiling import Operator, Profile
from agent.protocol import to_plain
from orchestrator.profile_tables import DETAIL
from orchestrator.report.run_page import run_page
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.cli.conftest import Dynofarm
from tests.making import MOMENT, make_job, make_model, make_result, make_run

CASE, PROFILED, ASIDE = "b" * 32, "c" * 32, "d" * 32
OPERATORS = [
    Operator("EMBEDDING_LOOKUP #5", "EMBEDDING_LOOKUP", "litert", 1.0, 7.2),
    Operator("Fully Connected #19", "Fully Connected", "xnnpack", 1.0, 480.0),
    Operator("Softmax #30", "Softmax [red]", "xnnpack", 0.5, 12.8),
]


def told(operators: Any = None, **changes: Any) -> dict[str, Any]:
    plain = to_plain(Profile("LiteRT's profiler", 18, 36, 500.0, 645.0, 512.0, OPERATORS))
    return {**plain, **({} if operators is None else {"operators": operators}), **changes}


def keep(farm: Path, plain: Any) -> None:
    """A case, and the same case profiled, nine times slower."""
    jobs = [make_job(CASE, position=1), make_job(PROFILED, block=1, position=1, role=Role.PROFILE)]
    with Store.open(farm / "results.db", create=True) as store:
        store.create_sweep(Sweep("nightly", ("bert",), ("all",), profile="ops"), jobs, [make_model()], MOMENT)
        store.save_run(make_run(jobs[0], result=make_result(CASE, [1_000_000] * 70)))
        result = make_result(PROFILED, [9_000_000] * 70, details={DETAIL: plain})
        store.save_run(make_run(jobs[1], result=result))


def page(farm: Path, job_id: str = PROFILED, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with Store.open(farm / "results.db") as store:
        run_page(store.run(job_id), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_shows_a_row_a_kind_and_what_ran_outside_the_delegate(farm: Path) -> None:
    keep(farm, told())
    lines = page(farm).splitlines()
    heading = next(index for index, line in enumerate(lines) if line.startswith("Operators"))
    rows = [line.split() for line in lines[heading + 1 : heading + 5]]
    assert rows[0] == ["operator", "where", "nodes", "calls", "µs", "share"]
    assert rows[1] == ["Fully", "Connected", "xnnpack", "1", "1", "480", "96.0%"]
    assert rows[2] == ["Softmax", "[red]", "xnnpack", "1", "0.50", "12.8", "2.6%"]
    assert rows[3] == ["EMBEDDING_LOOKUP", "litert", "1", "1", "7.2", "1.4%"]
    text = "\n".join(lines)
    assert "xnnpack 493 µs (98.6%), litert 7.2 µs (1.4%)" in text
    assert "500 µs, 97.7% of this run's loop (512 µs, not profiled)" in text
    assert "645 µs, +26.0% against the loop" in text
    assert "LiteRT's profiler, mean of 18 inferences, the middle half of 36" in text
    assert "operators profiled" in text
    assert "operator_profile" not in text


def test_hundreds_of_kinds_are_cut_and_counted(farm: Path) -> None:
    operators = [to_plain(Operator(f"n{index}", f"KIND{index}", "cpu", 1.0, 1000.0 - index)) for index in range(300)]
    keep(farm, told(operators=operators))
    text = page(farm)
    assert "KIND24 " in text
    assert "KIND25 " not in text
    assert "275 further kinds" in text


@pytest.mark.parametrize("plain", [None, "garbage", {}, {"operators": [1]}, told(operators=[])])
def test_what_cannot_be_read_is_told_in_a_sentence(farm: Path, plain: Any) -> None:
    keep(farm, plain)
    assert "not known: " in page(farm)


def test_names_from_a_board_do_nothing_to_a_terminal(farm: Path) -> None:
    evil = to_plain(Operator("\x1b[2Jx", "\x1b]0;owned\x07[bold]", "\n\n", 1.0, 5.0))
    keep(farm, told(operators=[evil], source="\x1b[31m"))
    text = page(farm)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_page_of_an_ordinary_run_does_not_speak_of_operators(farm: Path) -> None:
    keep(farm, told())
    assert "Operators" not in page(farm, CASE)


def test_programs_get_the_table_and_every_node(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, told())
    shown = dynofarm("show", PROFILED[:6], "--json").ok().json
    assert shown["operators"]["sum_over_loop"] == pytest.approx(500 / 512)
    assert shown["operators"]["kinds"][0]["kind"] == "Fully Connected"
    assert len(shown["result"]["details"][DETAIL]["operators"]) == 3
    assert dynofarm("show", CASE[:6], "--json").ok().json["operators"] is None


def test_profiled_runs_are_in_no_list_of_results(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, told())
    assert [row["job_id"] for row in dynofarm("results", "--json").ok().json] == [CASE]
    table = dynofarm("results").ok().out
    assert "9.000" not in table
    profiled = dynofarm("results", "--role", "profile", "--json").ok().json
    assert [(row["job_id"], row["role"]) for row in profiled] == [(PROFILED, "profile")]
    assert "operators_profiled" in profiled[0]["reasons"]
    (sweep,) = dynofarm("sweeps", "--json").ok().json
    assert (sweep["jobs"], sweep["ok"]) == (2, 2)


@pytest.fixture
def fake(dynofarm: Dynofarm, farm: Path) -> str:
    """A model of the fake runtime, and this machine as its board."""
    path = farm / "toy.fake"
    path.write_text(json.dumps({"format": "fake"}))
    return str(path)


def test_the_plan_counts_what_will_be_profiled_and_says_what_cannot(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, told())
    words = ("run", "bert", "--on", "local", "--profile", "ops", "--no-reference", "--dry-run")
    rows = dynofarm(*words, "--runtimes", "litert,tflite-runtime", "--json").ok().json
    roles = [(row["runtime"], row["role"], row["skipped"] is None) for row in rows]
    assert ("litert", "case", True) in roles
    assert ("litert", "profile", True) in roles
    assert "of them with the operators profiled" in dynofarm(*words).ok().out


def test_another_word_than_ops_is_refused_with_those_there_are(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, told())
    said = dynofarm("run", "bert", "--on", "local", "--profile", "layers").failed(2)
    assert "--profile: found 'layers', allowed: ops or none" in said.err


def test_resuming_takes_no_new_wish(dynofarm: Dynofarm, farm: Path) -> None:
    keep(farm, told())
    assert "--profile would change it" in dynofarm("run", "--resume", "--profile", "ops").failed(2).err


def test_a_skipped_profile_keeps_its_sentence(farm: Path) -> None:
    job = make_job(ASIDE, role=Role.PROFILE, skip_reason="operators are not profiled")
    with Store.open(farm / "results.db", create=True) as store:
        store.create_sweep(Sweep("s", ("bert",), ("all",)), [job], [make_model()], MOMENT)
        store.save_run(make_run(job, RunStatus.SKIPPED, message=job.skip_reason))
    assert "skipped: operators are not profiled" in page(farm, ASIDE)
