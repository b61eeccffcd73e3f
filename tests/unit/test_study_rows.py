"""The rows of a study's table, from stored sweeps whose truth is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UnknownName
from orchestrator.metrics import Estimate
from orchestrator.metrics.mcnemar import paired
from orchestrator.runs import RunStatus
from orchestrator.study import Artifact, Figure, StudyCase, StudyRow, TaskScore, find_teacher, rows
from orchestrator.study.failures import Kind
from orchestrator.study.figures import between_runs, more_runs
from orchestrator.sweep import RuntimeChoice
from orchestrator.trust.verdicts import Verdict
from tests.studying import Planned, keep_study, student_model, teacher_model

TEACHER, STUDENT = teacher_model(), student_model()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: each stores a sweep of its own."""
    return tmp_path_factory.mktemp("study") / "results.db"


def rows_of(database: Path, *planned: Planned, scores: Any = None, teacher: str | None = None) -> list[StudyRow]:
    _, cases, artifacts = keep_study(database, planned)
    return rows(cases, artifacts, scores or {}, find_teacher(list(artifacts.values()), teacher))


def only(found: list[StudyRow], model: str) -> StudyRow:
    (row,) = [row for row in found if row.model == model]
    return row


def test_a_row_has_the_truth_within_its_bounds(database: Path) -> None:
    found = rows_of(database, Planned(TEACHER, ms=400), Planned(STUDENT, ms=10, spread=0.02))
    row = only(found, "mini")
    assert row.p50_ns is not None and row.items_per_s is not None and row.speedup is not None
    assert 9.7e6 < row.p50_ns.low < row.p50_ns.value < row.p50_ns.high < 10.3e6
    assert row.items_per_s.low < 1e9 / row.p50_ns.value < row.items_per_s.high
    assert row.speedup.low < 40 < row.speedup.high
    assert row.bytes_ratio == 438_000_000 / 2_700_000
    assert (row.runs, row.n, row.one_per_s) == (5, 100, "yes")
    assert row.peak_rss_bytes == 20_000_000
    assert row.failure is None
    assert only(found, "bert").is_teacher


def test_a_percentile_is_there_only_where_every_run_supports_it(database: Path) -> None:
    assert rows_of(database, Planned(STUDENT, n=63))[0].p90_ns is None
    row = rows_of(database, Planned(STUDENT, n=64))[0]
    assert row.p90_ns is not None
    assert row.p99_ns is None


def test_of_one_run_nothing_is_decided(database: Path) -> None:
    row = rows_of(database, Planned(STUDENT, runs=1))[0]
    assert row.items_per_s is not None
    assert not row.items_per_s.is_bounded
    assert row.one_per_s == "undecided"


def test_less_than_one_item_a_second_is_a_no(database: Path) -> None:
    assert rows_of(database, Planned(TEACHER, ms=1500))[0].one_per_s == "no"


@pytest.mark.parametrize(
    ("status", "message", "kind", "text"),
    [
        (RunStatus.OUT_OF_MEMORY, "killed at 512 MB", Kind.INFEASIBLE, "infeasible: out of memory"),
        (RunStatus.UNSUPPORTED, "no operator ERF", Kind.UNSUPPORTED, "unsupported: no operator ERF"),
        (RunStatus.SKIPPED, "one core", Kind.UNSUPPORTED, "skipped: one core"),
        (RunStatus.WRONG_OUTPUT, "NaN", Kind.FAILED, "wrong output: NaN"),
        (RunStatus.CRASHED, "signal 11", Kind.FAILED, "crashed: signal 11"),
        (RunStatus.TIMED_OUT, "", Kind.FAILED, "timed out"),
        (RunStatus.LOST, "no answer", Kind.MISSING, "lost: no answer"),
    ],
)
def test_a_failure_is_a_row_with_its_reason(
    database: Path, status: RunStatus, message: str, kind: Kind, text: str
) -> None:
    (row,) = rows_of(database, Planned(STUDENT, status=status, message=message, runs=2))
    assert row.failure is not None
    assert (row.failure.kind, row.failure.text) == (kind, text)
    assert (row.p50_ns, row.runs, row.verdict, row.one_per_s) == (None, 0, None, "not measured")


def test_what_is_still_owed_is_a_row(database: Path) -> None:
    (row,) = rows_of(database, Planned(STUDENT, runs=0, owed=3))
    assert row.failure is not None
    assert row.failure.text == "not run yet"
    assert row.file_bytes == STUDENT.size_bytes


def test_a_case_that_failed_in_part_keeps_its_figures_and_tells(database: Path) -> None:
    _, cases, artifacts = keep_study(database, [Planned(STUDENT, runs=3, owed=1)])
    crashed = replace(cases[0].runs[2], status=RunStatus.CRASHED)
    (row,) = rows([replace(cases[0], runs=(*cases[0].runs[:2], crashed))], artifacts, {})
    assert (row.runs, row.failure, row.trouble) == (2, None, "1 of 3 crashed, 1 not run yet")


def test_invalid_runs_make_no_figure_and_suspect_ones_lower_the_verdict(database: Path) -> None:
    _, (case,), artifacts = keep_study(database, [Planned(STUDENT, ms=10, runs=3)])
    bad = replace(case.runs[0], verdict=Verdict.INVALID, median_ns=9e9, reasons="throttled no_sensor")
    doubted = replace(case.runs[1], verdict=Verdict.SUSPECT, reasons="no_sensor")
    good = replace(case.runs[2], verdict=Verdict.TRUSTED)
    (row,) = rows([replace(case, runs=(bad, doubted, good))], artifacts, {})
    assert row.p50_ns is not None
    assert row.p50_ns.value < 11e6
    assert (row.runs, row.verdict, row.reasons) == (2, Verdict.SUSPECT, ())
    (row,) = rows([replace(case, runs=(bad,))], artifacts, {})
    assert row.failure is not None
    assert row.failure.text == "invalid: throttled"


def test_two_versions_of_a_runtime_are_two_rows(database: Path) -> None:
    old = Planned(STUDENT, runtime=RuntimeChoice("tflite-runtime", "2.13.0"), version="2.13.0")
    new = Planned(STUDENT, runtime=RuntimeChoice("tflite-runtime", "2.14.0"), version="2.14.0")
    assert [row.runtime_version for row in rows_of(database, old, new)] == ["2.13.0", "2.14.0"]


def test_a_speed_up_compares_the_same_setting_and_no_two_kinds_of_board(database: Path) -> None:
    found = rows_of(
        database,
        Planned(TEACHER, ms=400),
        Planned(STUDENT, ms=10),
        Planned(STUDENT, ms=5, threads=4),
        Planned(STUDENT, ms=20, device="loop", kind="loopback"),
    )
    speedups = {(row.device, row.threads): row.speedup for row in found if row.model == "mini"}
    assert speedups["pi", 1] is not None
    assert speedups["pi", 4] is None
    assert speedups["loop", 1] is None


def scores_of(case: StudyCase) -> dict[tuple[str, str], TaskScore]:
    found = Estimate(400, 0.76, 0.72, 0.80)
    model = TaskScore("classification", "model", 400, accuracy=found, versus_teacher=paired(290, 10, 20, 80))
    whole = TaskScore(
        "classification",
        "end_to_end",
        400,
        accuracy=found,
        items_per_s=Figure(50, 48, 52, 3),
        agrees=False,
    )
    return {(case.case_key, "model"): model, (case.case_key, "end_to_end"): whole}


def test_the_two_scopes_are_two_rows_and_never_mixed(database: Path) -> None:
    _, (case,), artifacts = keep_study(database, [Planned(STUDENT, ms=10)])
    alone, whole = rows([case], artifacts, scores_of(case))
    assert (alone.scope, whole.scope) == ("model", "end_to_end")
    assert alone.accuracy == whole.accuracy == Estimate(400, 0.76, 0.72, 0.80)
    assert alone.items_per_s is not None
    assert alone.items_per_s.value == pytest.approx(100, rel=0.02)
    assert whole.items_per_s == Figure(50, 48, 52, 3)
    assert (whole.p50_ns, whole.load_ns, whole.peak_rss_bytes, whole.verdict) == (None, None, None, None)
    assert (alone.agrees, whole.agrees) == (None, False)


def test_where_a_model_writes_texts_an_item_is_a_text(database: Path) -> None:
    _, (case,), artifacts = keep_study(database, [Planned(STUDENT, ms=10)])
    score = TaskScore("generation", "model", 20, items_per_s=Figure(5, 4, 6, 3), token_ns=Figure(1e7, 9e6, 2e7, 3))
    (row,) = rows([case], artifacts, {(case.case_key, "model"): score})
    assert (row.items_per_s, row.token_ns) == (Figure(5, 4, 6, 3), Figure(1e7, 9e6, 2e7, 3))
    assert row.peak_rss_bytes == 20_000_000


def test_a_task_without_answers_is_a_row_with_the_reason(database: Path) -> None:
    _, (case,), artifacts = keep_study(database, [Planned(STUDENT, ms=10)])
    lost = TaskScore("classification", "end_to_end", 400, trouble="the vocabulary is not on the board")
    alone, whole = rows([case], artifacts, {(case.case_key, "end_to_end"): lost})
    assert alone.failure is None
    assert whole.failure is not None
    assert whole.failure.text == "no answers: the vocabulary is not on the board"


def test_without_scores_nothing_is_known_of_the_answers(database: Path) -> None:
    (row,) = rows_of(database, Planned(STUDENT))
    assert (row.accuracy, row.macro_f1, row.versus_teacher, row.energy_j_per_item) == (None, None, None, None)


def test_energy_is_the_median_with_the_widest_interval(database: Path) -> None:
    _, (case,), artifacts = keep_study(database, [Planned(STUDENT, runs=3)])
    joules = ((0.010, 0.001), (0.012, 0.004), (0.011, None))
    metered = tuple(
        replace(run, energy_j_per_inference=j, energy_uncertainty_j=u, energy_source="a meter")
        for run, (j, u) in zip(case.runs, joules, strict=True)
    )
    (row,) = rows([replace(case, energy=metered)], artifacts, {})
    assert row.energy_j_per_item is not None
    assert (row.energy_j_per_item.value, row.energy_j_per_item.high) == (0.011, 0.015)
    assert row.energy_source == "a meter"


def artifact(name: str, size: int, parent: str | None = None) -> Artifact:
    return Artifact(name, f"digest of {name}", "tflite", size, parent=parent and f"digest of {parent}")


def test_the_teacher_is_the_one_named_else_the_common_parent_else_the_largest() -> None:
    family = [artifact("fp32", 400), artifact("int8", 100, "fp32"), artifact("int4", 50, "int8")]
    large = artifact("large", 900)
    assert find_teacher([*family, large]) == family[0]
    assert find_teacher([*family, large], "large") == large
    assert find_teacher([family[2], large]) == large
    assert find_teacher(family[:1]) is None
    with pytest.raises(UnknownName) as caught:
        find_teacher(family, "bert")
    assert caught.value.hint == "there are: fp32, int4, int8"


def test_a_lineage_that_goes_in_a_circle_ends() -> None:
    circle = [artifact("a", 1, "b"), artifact("b", 2, "a")]
    assert find_teacher(circle) in circle


def test_what_is_no_number_above_zero_makes_no_figure() -> None:
    for values in ([], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")], [float("inf")]):
        assert between_runs(values) is None


def test_more_runs_are_asked_for_where_the_bound_is_near() -> None:
    figure = between_runs([10.0, 10.2, 9.9, 10.1, 9.8])
    assert figure is not None
    near, far = more_runs(figure, 10.1), more_runs(figure, 20.0)
    assert near is not None and far is not None
    assert near > far
    assert more_runs(figure, figure.value) is None
    alone = between_runs([10.0])
    assert alone is not None
    assert more_runs(alone, 20.0) == 4
    assert more_runs(alone, -1.0) is None
