"""The reference model in a plan: around every block, on every board that works, and in nobody's way. Energy behind."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import Facts
from orchestrator.devices import Device
from orchestrator.models import Model
from orchestrator.plan import LOAD_ALLOWANCE_S, plan, reference_job
from orchestrator.reference_model import NAME, reference_model
from orchestrator.runs import Job, Role
from orchestrator.runtimes import objection as real_objection
from orchestrator.sweep import MLPERF_LIKE, OPS, REFERENCE, REFERENCE_RUNTIME, RuntimeChoice, Sweep
from tests.making import make_facts, make_model

BOARDS = [Device("kitchen", host="a"), Device("attic", host="b")]
METERED = make_facts(sensors=["thermal", "power:in"])
FACTS = {"kitchen": METERED, "attic": METERED}
LOOK = make_model("dynofarm-reference")
SWEEP = Sweep("s", ("bert",), ("all",), threads=(1, 2, 4), repeats=3)


def fine(choice: RuntimeChoice, delegate: str, threads: int, model: Model, facts: Facts) -> str | None:
    return None


def no_litert(choice: RuntimeChoice, delegate: str, threads: int, model: Model, facts: Facts) -> str | None:
    return "litert has no library for this board" if choice.name == "litert" else None


def ids() -> Iterator[str]:
    return (f"job{number}" for number in count())


def jobs_of(
    sweep: Sweep = SWEEP,
    objection: Any = fine,
    *,
    boards: list[Device] = BOARDS,
    facts: Mapping[str, Facts] = FACTS,
    look: Model | None = LOOK,
) -> list[Job]:
    models = [make_model(name) for name in sweep.models]
    return plan(sweep, models, boards, facts, objection, ids().__next__, look)


def looks_at(board: str, jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if job.device == board and job.role is Role.REFERENCE]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.lists(st.integers(1, 8), min_size=1, max_size=4, unique=True))
def test_every_case_lies_between_two_looks_at_its_board(repeats: int, seed: int, threads: list[int]) -> None:
    jobs = jobs_of(replace(SWEEP, repeats=repeats, seed=seed, threads=tuple(threads)))
    for board in ("kitchen", "attic"):
        mine = [job for job in jobs if job.device == board]
        assert [job.block for job in mine if job.role is Role.REFERENCE] == list(range(repeats + 1))
        assert mine[0].role is mine[-1].role is Role.REFERENCE
        for block in range(repeats):
            first, *cases = [job for job in mine if job.block == block]
            assert (first.role, first.position) == (Role.REFERENCE, 0)
            assert {job.role for job in cases} == {Role.CASE}
            assert len(cases) == len(threads)
            assert all(job.position > 0 for job in cases)


@pytest.mark.parametrize("energy", [True, False])
def test_the_plan_stands_in_the_order_in_which_the_store_gives_it_back(energy: bool) -> None:
    jobs = jobs_of(replace(SWEEP, energy=energy, profile=OPS))
    assert [(job.block, job.position) for job in jobs] == sorted((job.block, job.position) for job in jobs)
    for board in ("kitchen", "attic"):
        places = [(job.block, job.position) for job in jobs if job.device == board]
        assert len(set(places)) == len(places)


def test_looking_changes_the_order_of_the_cases_in_no_way() -> None:
    with_looks = [replace(job, job_id="") for job in jobs_of() if job.role is Role.CASE]
    without = [replace(job, job_id="") for job in jobs_of(replace(SWEEP, reference=False))]
    assert with_looks == without


def test_a_look_is_short_and_the_same_whatever_the_sweep_asks_for() -> None:
    sweep = replace(
        SWEEP, protocol=MLPERF_LIKE, threads=(4,), delegates=("none",), options=({"fast": True},), seed=9, sample_hz=3.0
    )
    first = looks_at("kitchen", jobs_of(sweep))[0]
    assert (first.model, first.model_digest) == (LOOK.name, LOOK.digest)
    assert (first.runtime, first.threads, first.delegate, first.options) == (REFERENCE_RUNTIME, 1, "xnnpack", {})
    assert first.protocol == REFERENCE
    assert first.deadline_s == REFERENCE.warmup_limit_s + REFERENCE.max_s + LOAD_ALLOWANCE_S
    assert (first.seed, first.sample_hz) == (9, 3.0)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_plan_looks_and_all(seed: int) -> None:
    sweep = replace(SWEEP, seed=seed, energy=True)
    assert jobs_of(sweep) == jobs_of(sweep)


def test_a_board_whose_cases_are_all_left_out_is_not_looked_at() -> None:
    jobs = jobs_of(replace(SWEEP, exclude=({"device": "attic"},)))
    assert looks_at("attic", jobs) == []
    assert len(looks_at("kitchen", jobs)) == 4


def test_a_board_that_can_run_no_case_is_not_looked_at() -> None:
    boards = [BOARDS[0], Device("attic", host="b", runtimes=("onnxruntime",))]
    jobs = jobs_of(boards=boards)
    assert looks_at("attic", jobs) == []
    assert [job.skip_reason is not None for job in jobs if job.device == "attic"] == [True] * 3


def test_where_nothing_runs_there_is_nothing_to_look_at() -> None:
    assert {job.role for job in jobs_of(objection=no_litert)} == {Role.CASE}
    assert jobs_of(boards=[]) == []
    assert jobs_of(replace(SWEEP, exclude=({"model": "*"},))) == []


def test_a_board_without_litert_skips_the_looks_once_with_the_reason_and_runs_its_cases() -> None:
    jobs = jobs_of(replace(SWEEP, runtimes=(RuntimeChoice("onnxruntime"),)), no_litert)
    for board in ("kitchen", "attic"):
        (look,) = looks_at(board, jobs)
        assert (look.block, look.position, look.skip_reason) == (0, 0, "litert has no library for this board")
    assert sum(job.role is Role.CASE and job.skip_reason is None for job in jobs) == 2 * 3 * 3


def test_a_profile_that_lists_runtimes_without_litert_gets_no_look() -> None:
    boards = [Device("kitchen", host="a", runtimes=("onnxruntime",))]
    (look,) = looks_at("kitchen", jobs_of(replace(SWEEP, runtimes=(RuntimeChoice("onnxruntime"),)), boards=boards))
    assert look.skip_reason == "the profile of kitchen lists only these runtimes: onnxruntime"


def test_a_board_that_was_never_seen_is_looked_at_as_if_it_could() -> None:
    assert [job.skip_reason for job in looks_at("attic", jobs_of(objection=no_litert, facts={}))] == [None] * 4


def test_a_sweep_may_do_without() -> None:
    for jobs in (jobs_of(replace(SWEEP, reference=False)), jobs_of(look=None)):
        assert {job.role for job in jobs} == {Role.CASE}
        assert len(jobs) == 2 * 3 * 3


def test_power_is_read_once_a_case_behind_everything_else() -> None:
    jobs = jobs_of(replace(SWEEP, energy=True))
    energy = [job for job in jobs if job.role is Role.ENERGY]
    assert jobs[-len(energy) :] == energy
    assert {job.block for job in energy} == {SWEEP.repeats}
    assert [job.position for job in energy] == [1, 2, 3, 4, 5, 6]
    cases = {job.case_key for job in jobs if job.role is Role.CASE}
    assert sorted(job.case_key for job in energy) == sorted(cases)
    assert all(job.protocol == SWEEP.protocol for job in energy)


def test_a_board_without_a_meter_reads_no_power_and_says_why() -> None:
    jobs = jobs_of(replace(SWEEP, energy=True), facts={"kitchen": METERED, "attic": make_facts(sensors=["thermal"])})
    reasons = {(job.device, job.skip_reason is None) for job in jobs if job.role is Role.ENERGY}
    assert reasons == {("kitchen", True), ("attic", False)}


def test_power_is_not_read_for_a_case_that_cannot_run() -> None:
    jobs = jobs_of(replace(SWEEP, energy=True), no_litert)
    assert [job for job in jobs if job.role is Role.ENERGY] == []


def test_operators_are_profiled_once_a_case_last_of_all() -> None:
    jobs = jobs_of(replace(SWEEP, energy=True, profile=OPS))
    profiled = [job for job in jobs if job.role is Role.PROFILE]
    assert jobs[-len(profiled) :] == profiled
    assert [job.position for job in profiled] == [7, 8, 9, 10, 11, 12]
    assert {job.block for job in profiled} == {SWEEP.repeats}
    cases = {job.case_key for job in jobs if job.role is Role.CASE}
    assert sorted(job.case_key for job in profiled) == sorted(cases)
    assert all(job.protocol == SWEEP.protocol and job.skip_reason is None for job in profiled)


def test_nothing_is_profiled_unless_it_is_asked_for() -> None:
    assert not [job for job in jobs_of(SWEEP) if job.role is Role.PROFILE]


def test_a_runtime_without_a_profiler_is_skipped_and_those_with_one_are_named() -> None:
    runtimes = (RuntimeChoice("litert"), RuntimeChoice("tflite-runtime"), RuntimeChoice("onnxruntime"))
    jobs = jobs_of(replace(SWEEP, runtimes=runtimes, threads=(1,), profile=OPS), facts={})
    reasons = {job.runtime.name: job.skip_reason for job in jobs if job.role is Role.PROFILE}
    assert reasons == {
        "litert": None,
        "tflite-runtime": (
            "operators are not profiled: tflite-runtime does not tell what they take; these do: litert, onnxruntime"
        ),
        "onnxruntime": None,
    }


@pytest.mark.parametrize(
    ("changes", "able"),
    [
        ({}, True),
        ({"architecture": "x86_64", "libc": "glibc 2.31", "isa": ["sse4_1", "avx2"]}, True),
        ({"architecture": "mips64", "bits": 64}, False),
    ],
)
def test_what_the_catalogue_knows_of_a_board_decides_about_its_looks(changes: dict[str, Any], able: bool) -> None:
    look = reference_job(SWEEP, reference_model(), BOARDS[0], make_facts(**changes), real_objection, 2, "id")
    assert (look.skip_reason is None) == able
    assert (look.job_id, look.block, look.position, look.role, look.model) == ("id", 2, 0, Role.REFERENCE, NAME)


def test_only_what_the_user_asked_for_is_counted_for_the_user() -> None:
    jobs = jobs_of(replace(SWEEP, energy=True, profile=OPS))
    counted = {Role.CASE: True, Role.ENERGY: True, Role.PROFILE: True, Role.REFERENCE: False}
    assert {job.role: job.asked_for for job in jobs} == counted
