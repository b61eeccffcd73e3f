"""From a sweep to its jobs: complete, repeatable, and nothing silently absent."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import Facts
from orchestrator.devices import Device, Kind
from orchestrator.models import Model
from orchestrator.plan import LOAD_ALLOWANCE_S, plan, select, unmatched
from orchestrator.runs import Job
from orchestrator.sweep import QUICK, STANDARD, RuntimeChoice, Sweep
from tests.making import make_facts, make_model

DEVICES = [
    Device("kitchen", host="a", tags=("arm64", "desk")),
    Device("attic", host="b", tags=("arm64",)),
    Device("cellar", host="c", kind=Kind.LOOPBACK),
]
FACTS = {"kitchen": make_facts(), "cellar": make_facts(architecture="x86_64")}


def no_objection(choice: RuntimeChoice, delegate: str, threads: int, model: Model, facts: Facts) -> str | None:
    return None


def at_most_two_threads(choice: RuntimeChoice, delegate: str, threads: int, model: Model, facts: Facts) -> str | None:
    return f"{threads} threads are too many" if threads > 2 else None


def ids() -> Iterator[str]:
    return (f"job{number}" for number in count())


def jobs_of(
    sweep: Sweep, objection: Any = no_objection, facts: Mapping[str, Facts] = FACTS, **changes: Any
) -> list[Job]:
    models = changes.get("models", [make_model(name) for name in sweep.models])
    devices = changes.get("devices", DEVICES)
    return plan(sweep, models, devices, facts, objection, ids().__next__, changes.get("reference"))


def axes_of(job: Job) -> tuple[Any, ...]:
    return (job.device, job.model, job.runtime, job.threads, job.delegate, repr(sorted(job.options.items())))


SWEEPS = st.builds(
    Sweep,
    name=st.just("s"),
    models=st.lists(st.sampled_from(["bert", "mini", "mobile"]), min_size=1, unique=True).map(tuple),
    on=st.just(("all",)),
    runtimes=st.lists(
        st.builds(RuntimeChoice, st.sampled_from(["litert", "onnxruntime"]), st.sampled_from([None, "1.0", "2.0"])),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    threads=st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(tuple),
    delegates=st.lists(st.sampled_from(["xnnpack", "none"]), min_size=1, unique=True).map(tuple),
    options=st.sampled_from([({},), ({"a": 1}, {"a": True})]),
    repeats=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    exclude=st.lists(
        st.dictionaries(
            st.sampled_from(["device", "model", "runtime", "threads", "delegate", "version", "options.a"]),
            st.sampled_from(["kitchen", "m*", "litert", "1.*", 2, "xnnpack", [1, 3], "*"]),
            max_size=2,
        ),
        max_size=3,
    ).map(tuple),
)


@settings(deadline=None, max_examples=30)
@given(SWEEPS)
def test_every_case_comes_once_a_block_or_once_with_its_reason(sweep: Sweep) -> None:
    everything = jobs_of(Sweep(**{**vars(sweep), "exclude": ()}), at_most_two_threads)
    jobs = jobs_of(sweep, at_most_two_threads)
    left = Counter(axes_of(job) for job in jobs)
    for case, times in Counter(axes_of(job) for job in everything).items():
        device, _model, _runtime, threads, *_ = case
        skipped = threads > 2 and device in FACTS
        assert times == (1 if skipped else sweep.repeats)
        assert left[case] in (0, times)
    assert set(left) <= {axes_of(job) for job in everything}
    if not any(sweep.exclude):
        assert left == Counter(axes_of(job) for job in everything)


@settings(deadline=None, max_examples=20)
@given(SWEEPS)
def test_each_block_holds_every_case_that_can_run(sweep: Sweep) -> None:
    jobs = jobs_of(sweep, at_most_two_threads)
    runnable = {axes_of(job) for job in jobs if job.skip_reason is None}
    for block in range(sweep.repeats):
        inside = [axes_of(job) for job in jobs if job.block == block and job.skip_reason is None]
        assert len(inside) == len(set(inside))
        assert set(inside) == runnable
    assert all(job.block == 0 for job in jobs if job.skip_reason is not None)
    assert [job.block for job in jobs] == sorted(job.block for job in jobs)
    places = [(job.block, job.position) for job in jobs]
    assert places == sorted(set(places))
    assert len({job.job_id for job in jobs}) == len(jobs)


@settings(deadline=None, max_examples=30)
@given(SWEEPS)
def test_the_same_seed_gives_the_same_order(sweep: Sweep) -> None:
    assert jobs_of(sweep) == jobs_of(sweep)


def test_blocks_and_seeds_differ_in_their_order() -> None:
    sweep = Sweep("s", ("bert", "mini"), ("all",), threads=(1, 2, 3, 4), repeats=2)
    first = [axes_of(job) for job in jobs_of(sweep) if job.block == 0]
    second = [axes_of(job) for job in jobs_of(sweep) if job.block == 1]
    other = [axes_of(job) for job in jobs_of(Sweep(**{**vars(sweep), "seed": 2})) if job.block == 0]
    assert sorted(first, key=str) == sorted(second, key=str) == sorted(other, key=str)
    assert first != second
    assert first != other


def test_an_order_once_recorded_holds_for_ever() -> None:
    sweep = Sweep("s", ("bert",), ("all",), threads=(1, 2, 3, 4), repeats=2, seed=7)
    order = [job.threads for job in jobs_of(sweep, devices=DEVICES[:1])]
    assert order == [2, 1, 4, 3, 2, 4, 3, 1], "a stored seed must give the order that it gave when it was stored"


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"threads": 4}, {("litert", None, 1), ("onnxruntime", "1.2", 1)}),
        ({"threads": "4"}, {("litert", None, 1), ("onnxruntime", "1.2", 1)}),
        ({"threads": [1, 4]}, set()),
        ({"runtime": "onnx*"}, {("litert", None, 1), ("litert", None, 4)}),
        (
            {"runtime": "onnxruntime", "threads": 4},
            {("litert", None, 1), ("litert", None, 4), ("onnxruntime", "1.2", 1)},
        ),
        ({"version": "1.*"}, {("litert", None, 1), ("litert", None, 4)}),
        ({"version": "*"}, {("litert", None, 1), ("litert", None, 4)}),
        ({"device": "kitchen"}, set()),
        (
            {"device": "kit"},
            {("litert", None, 1), ("litert", None, 4), ("onnxruntime", "1.2", 1), ("onnxruntime", "1.2", 4)},
        ),
        (
            {"model": "BERT"},
            {("litert", None, 1), ("litert", None, 4), ("onnxruntime", "1.2", 1), ("onnxruntime", "1.2", 4)},
        ),
        ({"delegate": "xnnpack", "model": "b?rt"}, set()),
        ({}, {("litert", None, 1), ("litert", None, 4), ("onnxruntime", "1.2", 1), ("onnxruntime", "1.2", 4)}),
    ],
)
def test_a_rule_leaves_out_what_matches_all_its_keys(rule: dict[str, Any], left: set[Any]) -> None:
    runtimes = (RuntimeChoice("litert"), RuntimeChoice("onnxruntime", "1.2"))
    sweep = Sweep("s", ("bert",), ("all",), runtimes, (1, 4), ("xnnpack",), repeats=1, exclude=(rule,))
    jobs = jobs_of(sweep, devices=DEVICES[:1])
    assert {(job.runtime.name, job.runtime.version, job.threads) for job in jobs} == left


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (True, [1, "x", None]),
        ("true", [1, "x", None]),
        (1, [True, "x", None]),
        ("1", [True, "x", None]),
        ("x", [True, 1, None]),
        (None, [True, 1, "x"]),
        ("*", [None]),
    ],
)
def test_an_option_that_is_true_is_not_the_number_one(wanted: Any, left: list[Any]) -> None:
    options = ({"o": True}, {"o": 1}, {"o": "x"}, {})
    sweep = Sweep("s", ("bert",), ("all",), options=options, repeats=1, exclude=({"options.o": wanted},))
    jobs = jobs_of(sweep, devices=DEVICES[:1])
    assert sorted(str(job.options.get("o")) for job in jobs) == sorted(str(one) for one in left)


def test_a_profile_that_lists_runtimes_allows_no_other() -> None:
    devices = [Device("kitchen", host="a", runtimes=("litert", "fake"))]
    sweep = Sweep("s", ("bert",), ("all",), (RuntimeChoice("onnxruntime"),), repeats=3)
    (job,) = jobs_of(sweep, devices=devices)
    assert job.skip_reason == "the profile of kitchen lists only these runtimes: litert, fake"


def test_a_board_that_was_never_seen_is_planned_in_full() -> None:
    jobs = jobs_of(Sweep("s", ("bert",), ("all",), threads=(4,), repeats=2), at_most_two_threads)
    reasons = {job.device: job.skip_reason for job in jobs}
    assert reasons == {"kitchen": "4 threads are too many", "attic": None, "cellar": "4 threads are too many"}


def test_a_job_carries_what_the_sweep_says() -> None:
    sweep = Sweep("s", ("bert",), ("all",), options=({"a": 1},), protocol=QUICK, seed=9, sample_hz=5.0, deadline_s=7.0)
    job = jobs_of(sweep)[0]
    assert (job.protocol, job.seed, job.sample_hz, job.deadline_s, job.options) == (QUICK, 9, 5.0, 7.0, {"a": 1})
    assert job.model_digest == make_model("bert").digest


def test_the_deadline_leaves_room_for_both_loops_and_the_loading() -> None:
    job = jobs_of(Sweep("s", ("bert",), ("all",), protocol=STANDARD))[0]
    assert job.deadline_s == STANDARD.warmup_limit_s + STANDARD.max_s + LOAD_ALLOWANCE_S


def test_nothing_to_measure_is_an_empty_plan() -> None:
    sweep = Sweep("s", ("bert",), ("all",))
    assert jobs_of(sweep, devices=[]) == []
    assert jobs_of(sweep, models=[]) == []


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        (["all"], ["kitchen", "attic", "cellar"]),
        (["kitchen"], ["kitchen"]),
        (["*"], ["kitchen", "attic", "cellar"]),
        (["?ttic"], ["attic"]),
        (["tag:arm64"], ["kitchen", "attic"]),
        (["tag:d*"], ["kitchen"]),
        (["arch:x86_64"], ["cellar"]),
        (["arch:*"], ["kitchen", "cellar"]),
        (["kind:loopback"], ["cellar"]),
        (["cellar", "tag:desk", "kitchen"], ["kitchen", "cellar"]),
        (["Kitchen"], []),
        (["tag:"], []),
        (["nonsense:x"], []),
        ([], []),
    ],
)
def test_selectors_pick_devices_each_once_in_the_order_of_the_farm(selectors: list[str], names: list[str]) -> None:
    assert [device.name for device in select(DEVICES, selectors, FACTS)] == names


def test_selectors_that_pick_nothing_are_named() -> None:
    assert unmatched(DEVICES, ["all", "tag:gpu", "attic", "arch:riscv64", "kichen"], FACTS) == [
        "tag:gpu",
        "arch:riscv64",
        "kichen",
    ]


def test_the_usual_delegate_is_the_runtimes_own_and_not_counted_twice() -> None:
    runtimes = (RuntimeChoice("litert"), RuntimeChoice("onnxruntime"))
    sweep = Sweep("s", ("bert",), ("all",), runtimes, delegates=("usual", "xnnpack"), repeats=1)
    found = {(job.runtime.name, job.delegate) for job in jobs_of(sweep, devices=DEVICES[:1])}
    assert found == {("litert", "xnnpack"), ("onnxruntime", "none"), ("onnxruntime", "xnnpack")}
