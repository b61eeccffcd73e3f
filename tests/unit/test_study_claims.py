"""Claims decided on bounds: what holds, what fails, and what would decide the rest."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.metrics import Estimate
from orchestrator.metrics.mcnemar import paired
from orchestrator.study import Artifact, Decision, Figure, Outcome, StudyRow, decide
from orchestrator.study.failures import Failure, Kind
from orchestrator.study.figures import between_runs
from orchestrator.sweep_files.claims import parse_claim
from orchestrator.trust.verdicts import Verdict

TEACHER = Artifact("bert", "t", "tflite", 438_000_000, parameters=110_000_000)
HOLDS, FAILS, UNDECIDED = Outcome


def row(**changes: Any) -> StudyRow:
    values: dict[str, Any] = {
        "device": "pi",
        "device_kind": "real",
        "model": "mini",
        "model_digest": "m",
        "runtime": "litert",
        "runtime_version": "2.3.0",
        "threads": 1,
        "delegate": "xnnpack",
        "options": {},
        "protocol": "quick",
        "case_key": "pi | mini",
        "scope": "model",
        "task": "",
        "parameters": 22_000_000,
        "file_bytes": 2_700_000,
        "teacher": TEACHER,
    }
    return StudyRow(**(values | changes))


def around(middle: float, share: float = 0.05) -> Figure:
    return Figure(middle, middle * (1 - share), middle * (1 + share), 5)


def failed(kind: Kind, status: str) -> dict[str, Any]:
    return {"failure": Failure(kind, status, "")}


def decided(text: str, *rows: StudyRow) -> Decision:
    (found,) = decide([parse_claim(text)], rows)
    return found


@pytest.mark.parametrize(
    ("relation", "bound", "outcome"),
    [
        (">=", 0.94, HOLDS),
        (">=", 0.95, HOLDS),
        (">", 0.95, UNDECIDED),
        (">=", 1.0, UNDECIDED),
        (">=", 1.05, UNDECIDED),
        (">", 1.05, FAILS),
        (">=", 1.06, FAILS),
        ("<=", 1.05, HOLDS),
        ("<", 1.05, UNDECIDED),
        ("<=", 0.95, UNDECIDED),
        ("<", 0.95, FAILS),
        ("<=", 0.94, FAILS),
    ],
)
def test_the_bounds_decide_and_not_the_middle(relation: str, bound: float, outcome: Outcome) -> None:
    figure = Figure(1.0, 0.95, 1.05, 5)
    assert decided(f"items_per_s {relation} {bound}", row(items_per_s=figure)).outcome is outcome


def test_latencies_are_claimed_in_milliseconds() -> None:
    assert decided("p90_ms <= 45", row(p90_ns=around(40e6))).outcome is HOLDS
    assert decided("p90_ms <= 45 ms", row(p90_ns=around(50e6))).outcome is FAILS
    assert decided("p90_ms <= .045 s", row(p90_ns=around(45e6))).outcome is UNDECIDED


def test_a_ratio_of_files_is_exact_and_tells_both_byte_counts() -> None:
    found = decided("file_bytes ratio teacher/student >= 160", row())
    assert found.outcome is HOLDS
    assert "file_bytes teacher/student 162.2 (438,000,000 / 2,700,000)" in found.because
    assert decided("file_bytes ratio student/teacher >= 160", row()).outcome is FAILS
    assert decided("parameters ratio teacher/student > 5", row()).outcome is FAILS
    assert decided("parameters ratio teacher/student >= 5", row()).outcome is HOLDS
    assert decided("parameters <= 1", row(parameters=None)).outcome is UNDECIDED


def test_a_ratio_of_times_goes_both_ways() -> None:
    fast = row(speedup=around(8.0), throughput_gain=around(9.0))
    for text in ("p50_ms ratio teacher/student >= 7", "items_per_s ratio student/teacher >= 8"):
        assert decided(text, fast).outcome is HOLDS
    assert decided("p50_ms ratio student/teacher <= 0.14", fast).outcome is HOLDS
    assert decided("items_per_s ratio teacher/student >= 1", fast).outcome is FAILS
    assert "the teacher has no such case" in decided("p50_ms ratio teacher/student >= 7", row()).because


@pytest.mark.parametrize(
    ("gained", "lost", "outcome"), [(5, 6, HOLDS), (0, 60, FAILS), (5, 22, UNDECIDED), (30, 0, HOLDS)]
)
def test_a_drop_of_accuracy_is_in_points_and_paired(gained: int, lost: int, outcome: Outcome) -> None:
    found = paired(400 - gained - lost, gained, lost, 0)
    assert decided("accuracy drop <= 4.1 points", row(versus_teacher=found)).outcome is outcome


def test_without_a_teacher_nothing_is_compared_with_it() -> None:
    for text in ("file_bytes ratio teacher/student >= 160", "accuracy drop <= 4 points"):
        found = decided(text, row(teacher=None))
        assert (found.outcome, "the study has no teacher" in found.because) == (UNDECIDED, True)


def test_a_share_that_is_undecided_tells_how_many_examples_it_wants() -> None:
    found = decided("accuracy >= 75 %", row(accuracy=Estimate(400, 0.77, 0.73, 0.81)))
    assert found.outcome is UNDECIDED
    assert "about 1,600 examples instead of 400 would probably decide it" in found.because


def test_times_that_are_undecided_tell_how_many_runs_they_want() -> None:
    one = between_runs([1.2])
    found = decided("items_per_s >= 1", row(items_per_s=one))
    assert (found.outcome, "4 more runs would probably decide it" in found.because) == (UNDECIDED, True)
    near = between_runs([1.0, 1.1, 0.9, 1.05])
    assert "more runs would probably decide it" in decided("items_per_s >= 1.1", row(items_per_s=near)).because
    ratio = Figure(1.1, 0.9, 1.3, 5)
    assert (
        "more runs would probably decide it" in decided("p50_ms ratio teacher/student > 1", row(speedup=ratio)).because
    )
    same = Figure(1.0, 0.9, 1.1, 5)
    assert "too near to be told by more runs" in decided("p50_ms ratio teacher/student > 1", row(speedup=same)).because


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(Kind.INFEASIBLE, FAILS), (Kind.FAILED, FAILS), (Kind.MISSING, UNDECIDED), (Kind.INVALID, UNDECIDED)],
)
def test_what_was_tried_and_failed_fails_and_what_was_not_measured_is_undecided(kind: Kind, outcome: Outcome) -> None:
    found = decided("items_per_s >= 1", row(**failed(kind, "out of memory")))
    assert found.outcome is outcome
    assert "out of memory" in found.because
    assert decided("file_bytes <= 3 MB", row(**failed(kind, "out of memory"))).outcome is HOLDS


def test_what_a_runtime_does_not_take_is_left_out_beside_what_it_does() -> None:
    good, not_taken = row(items_per_s=around(9)), row(runtime="onnxruntime", **failed(Kind.UNSUPPORTED, "unsupported"))
    assert decided("items_per_s >= 1", good, not_taken).outcome is HOLDS
    assert decided("items_per_s >= 1", not_taken).outcome is UNDECIDED


def test_every_device_means_each_and_any_device_one() -> None:
    fast, slow = row(items_per_s=around(9)), row(device="zero", items_per_s=around(0.5))
    assert decided("items_per_s >= 1", fast, slow).outcome is FAILS
    assert decided("items_per_s >= 1 on every device", fast, slow).outcome is FAILS
    assert decided("items_per_s >= 1 on any device", fast, slow).outcome is HOLDS
    assert decided("items_per_s >= 1 on zero", fast, slow).outcome is FAILS
    unknown = row(device="zero", **failed(Kind.MISSING, "not run yet"))
    assert decided("items_per_s >= 1", fast, unknown).outcome is UNDECIDED


def test_at_best_one_case_of_a_model_on_a_board_is_enough() -> None:
    rows = [row(items_per_s=around(0.5)), row(threads=4, items_per_s=around(2))]
    assert decided("items_per_s >= 1", *rows).outcome is FAILS
    assert decided("items_per_s >= 1 at best", *rows).outcome is HOLDS
    assert decided("items_per_s >= 1 with threads=4", *rows).outcome is HOLDS


def test_the_teacher_is_meant_only_by_name() -> None:
    rows = [row(items_per_s=around(9)), row(model="bert", model_digest="t", items_per_s=around(0.2))]
    assert decided("items_per_s >= 1", *rows).outcome is HOLDS
    assert decided("items_per_s >= 1 for bert", *rows).outcome is FAILS


def test_the_scope_of_the_model_alone_is_meant_unless_another_is_named() -> None:
    rows = [row(items_per_s=around(9)), row(scope="end_to_end", items_per_s=around(0.5))]
    assert decided("items_per_s >= 1", *rows).outcome is HOLDS
    assert decided("items_per_s >= 1 in scope end_to_end", *rows).outcome is FAILS
    answered = [row(), row(scope="end_to_end", accuracy=Estimate(400, 0.77, 0.73, 0.81))]
    assert decided("accuracy >= 70 %", *answered).outcome is HOLDS


def test_a_claim_about_nothing_is_undecided() -> None:
    for text in (
        "items_per_s >= 1 for nobody",
        "items_per_s >= 1 on nowhere",
        "items_per_s >= 1 with options.fast=true",
    ):
        found = decided(text, row(items_per_s=around(9), options={}))
        assert (found.outcome, found.cases) == (UNDECIDED, ())
        assert found.because.startswith("not measured")


def test_an_option_that_is_true_is_spelt_as_yaml_spells_it() -> None:
    rows = [row(items_per_s=around(9), options={"fast": True}), row(items_per_s=around(0.1), options={"fast": False})]
    assert decided("items_per_s >= 1 with options.fast=true", *rows).outcome is HOLDS


BOUNDS = st.tuples(st.floats(0.001, 1e6), st.floats(0.001, 1e6), st.floats(0.001, 1e6)).map(sorted)


@given(BOUNDS, st.floats(0.001, 1e6), st.sampled_from([">=", ">", "<=", "<"]))
def test_a_claim_and_its_opposite_never_both_hold(bounds: list[float], bound: float, relation: str) -> None:
    low, middle, high = bounds
    figure = Figure(middle, low, high, 5)
    opposite = {">=": "<", ">": "<=", "<=": ">", "<": ">="}[relation]
    text = f"{bound:.6f}"
    one = decided(f"items_per_s {relation} {text}", row(items_per_s=figure)).outcome
    other = decided(f"items_per_s {opposite} {text}", row(items_per_s=figure)).outcome
    assert {one, other} in ({HOLDS, FAILS}, {UNDECIDED})


def test_a_bound_that_nobody_knows_is_undecided() -> None:
    found = decided("items_per_s >= 1", row(items_per_s=Figure(9, 0, math.inf, 1)))
    assert found.outcome is UNDECIDED


def test_a_decision_on_suspect_runs_says_so() -> None:
    doubted = row(items_per_s=around(9), verdict=Verdict.SUSPECT)
    assert decided("items_per_s >= 1", doubted).because.endswith(", of suspect runs")
    both = decided("items_per_s >= 1", doubted, row(threads=4, items_per_s=around(9), verdict=Verdict.TRUSTED))
    assert both.because == "in all 2 cases, 1 of them of suspect runs"
    assert "suspect" not in decided("file_bytes <= 3 MB", doubted).because
