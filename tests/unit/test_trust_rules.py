"""Every reason made, and not made: what a run must look like for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import Gate, Samples, Surroundings, Timing
from orchestrator.runs import Role, Run, RunStatus
from orchestrator.sweep import STANDARD
from orchestrator.trust.evidence import NOTHING_KNOWN, Context, Glance, Neighbour
from orchestrator.trust.judge import judge
from orchestrator.trust.reasons import CATALOGUE, Severity, severity_of
from orchestrator.trust.verdicts import RULES, Judgement, Verdict
from tests.making import make_conditions, make_facts, make_job, make_result, make_run

SECOND = 10**9
START = 1000 * SECOND
QUIET = Surroundings(
    others_cpu_s=0.01,
    steal_s=0.0,
    wait_s=0.0001,
    involuntary_switches=2,
    major_faults=0,
    swapped_pages=0,
    pressure_cpu_s=0.001,
    pressure_memory_s=0.0,
    pressure_io_s=0.0,
    clock_step_s=0.00001,
)
BESIDE = Context(Glance(1e6, False), Glance(1.01e6, False), 1e6)
TENTHS = [START + index * SECOND // 10 for index in range(11)]


def quiet_run(
    *,
    latencies_ns: list[int] | None = None,
    surroundings: Surroundings | None = QUIET,
    channels: dict[str, list[float | None]] | None = None,
    timing: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    **result: Any,
) -> Run:
    """A run of one second against which nothing speaks, but for the changes."""
    latencies = latencies_ns if latencies_ns is not None else [10_000_000 + 1000 * (index % 7) for index in range(100)]
    clock = {
        "load_ns": 1, "first_ns": 1, "warmup_inferences": 50, "warmup_ns": SECOND // 2, "steady": True,
        "latencies_ns": latencies, "loop_start_ns": START, "loop_wall_ns": SECOND + SECOND // 100,
        "loop_cpu_ns": SECOND,
    }  # fmt: skip
    usual: dict[str, list[float | None]] = {
        "temp_c": [50.0] * 11,
        "clock_khz": [1.5e6] * 11,
        "throttle_bits": [0.0] * 11,
    }
    return make_run(
        make_job(**(job or {})),
        result=make_result(
            timing=Timing(**(clock | (timing or {}))),
            samples=Samples(TENTHS, usual | (channels or {})),
            surroundings=surroundings,
            **({"conditions_after": make_conditions()} | result),
        ),
        facts=make_facts(**(facts or {})),
    )


def ring(**changes: Any) -> Surroundings:
    return replace(QUIET, **changes)


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


MADE: dict[str, tuple[Callable[[], Run], Context]] = {
    "impossible": (lambda: quiet_run(latencies_ns=[20_000_000] * 100), BESIDE),
    "under_voltage": (lambda: quiet_run(channels={"throttle_bits": [0.0] * 5 + [1.0] + [0.0] * 5}), BESIDE),
    "throttled": (lambda: quiet_run(conditions_after=make_conditions(throttle_bits=0x40000)), BESIDE),
    "slow_clock": (lambda: quiet_run(channels={"clock_khz": [1.5e6] * 9 + [0.6e6] * 2}), BESIDE),
    "warmed_up": (lambda: quiet_run(channels={"temp_c": [50.0 + index * 1.1 for index in range(11)]}), BESIDE),
    "thermal_gate_gave_up": (lambda: quiet_run(details={"thermal_gate": "gave up"}, thermal_wait_s=600.0), BESIDE),
    "others_ran": (lambda: quiet_run(surroundings=ring(others_cpu_s=0.2)), BESIDE),
    "pushed_meanwhile": (lambda: quiet_run(details={"pushed_meanwhile": {"s": 9.0, "clocked_s": 0.4}}), BESIDE),
    "stolen": (lambda: quiet_run(surroundings=ring(steal_s=0.25)), BESIDE),
    "paused": (
        lambda: quiet_run(surroundings=ring(steal_s=0.06), timing={"loop_cpu_ns": SECOND * 98 // 100}),
        BESIDE,
    ),
    "swapped": (lambda: quiet_run(surroundings=ring(swapped_pages=300)), BESIDE),
    "paged": (lambda: quiet_run(surroundings=ring(major_faults=2)), BESIDE),
    "memory_pressure": (lambda: quiet_run(surroundings=ring(pressure_memory_s=0.02)), BESIDE),
    "colocated": (quiet_run, replace(BESIDE, neighbours=(Neighbour("attic", 0.5),))),
    "reference_moved": (quiet_run, replace(BESIDE, after=Glance(1.2e6, True))),
    "hardly_any": (lambda: quiet_run(latencies_ns=[10_000_000] * 7), BESIDE),
    "unsteady": (lambda: quiet_run(timing={"steady": False}), BESIDE),
    "trend": (lambda: quiet_run(latencies_ns=[9_000_000 + 20_000 * index for index in range(100)]), BESIDE),
    "emulated": (lambda: quiet_run(facts={"emulated": "qemu-user"}), BESIDE),
    "bimodal": (
        lambda: quiet_run(latencies_ns=[(8 + index % 2 * 4) * 10**6 + 9_973 * (index % 11) for index in range(99)]),
        BESIDE,
    ),
    "restless": (quiet_run, replace(BESIDE, restless=0.06)),
    "too_few": (lambda: quiet_run(job={"protocol": STANDARD}), BESIDE),
    "gate_unchecked": (lambda: quiet_run(gate=Gate(0, None, None)), BESIDE),
    "power_read": (lambda: quiet_run(job={"role": Role.ENERGY}), BESIDE),
    "operators_profiled": (lambda: quiet_run(job={"role": Role.PROFILE}), BESIDE),
    "examples_timed": (lambda: quiet_run(job={"role": Role.TASK}), BESIDE),
    "no_reference": (quiet_run, NOTHING_KNOWN),
    "weak_supply": (
        lambda: quiet_run(
            conditions_before=make_conditions(throttle_bits=0x10000),
            conditions_after=make_conditions(throttle_bits=0x10000),
        ),
        BESIDE,
    ),
    "on_battery": (lambda: quiet_run(conditions_before=make_conditions(on_battery=True)), BESIDE),
    "governor": (lambda: quiet_run(conditions_before=make_conditions(governor="performance+ondemand")), BESIDE),
    "oversubscribed": (lambda: quiet_run(job={"threads": 8}), BESIDE),
    "clock_jumped": (lambda: quiet_run(surroundings=ring(clock_step_s=-3600.0)), BESIDE),
    "no_sensor": (lambda: quiet_run(surroundings=None), BESIDE),
}  # fmt: skip


def test_nothing_speaks_against_a_quiet_run() -> None:
    assert judge(quiet_run(), BESIDE) == Judgement(Verdict.TRUSTED, (), RULES)


def test_every_reason_of_the_catalogue_is_tried_here() -> None:
    assert set(MADE) == set(CATALOGUE)


@pytest.mark.parametrize("code", MADE)
def test_a_reason_is_made_alone_and_makes_its_verdict(code: str) -> None:
    make, context = MADE[code]
    judgement = judge(make(), context)
    # Seven inferences are fewer than the protocol wants, too.
    assert codes(judgement) == ([code, "too_few"] if code == "hardly_any" else [code])
    assert judgement.verdict is severity_of(code).verdict


NOT_MADE: dict[str, Callable[[], Run]] = {
    "a sensor's reading before the loop": lambda: at(-5, "throttle_bits", 1.0),
    "a sensor's reading after the loop": lambda: at(+5, "temp_c", 90.0),
    "one slow reading of eleven": lambda: quiet_run(channels={"clock_khz": [0.6e6] + [1.5e6] * 10}),
    "a clock nobody knows the nominal of": lambda: quiet_run(
        channels={"clock_khz": [0.6e6] * 11}, facts={"nominal_clock_khz": None}
    ),
    "a board that cools": lambda: quiet_run(channels={"temp_c": [70.0 - index for index in range(11)]}),
    "a rise of ten degrees": lambda: quiet_run(channels={"temp_c": [50.0 + index for index in range(11)]}),
    "readings that are missing": lambda: quiet_run(channels={"temp_c": [None] * 11, "throttle_bits": []}),
    "readings that are none": lambda: quiet_run(
        channels={"temp_c": [float("nan")] * 11, "clock_khz": [float("inf")] * 11}
    ),
    "throttled long before and long over": lambda: quiet_run(
        conditions_before=make_conditions(throttle_bits=0x40000),
        conditions_after=make_conditions(throttle_bits=0x40000),
    ),
    "thermal events before the run": lambda: quiet_run(channels={"throttle_count": [17.0] * 11}),
    "a hundredth of a processor for others": lambda: quiet_run(surroundings=ring(others_cpu_s=0.04)),
    "threads that wait for their own kind": lambda: quiet_run(job={"threads": 4}, surroundings=ring(wait_s=0.9)),
    "a wait that is nothing": lambda: quiet_run(surroundings=ring(wait_s=0.009, others_cpu_s=0.09)),
    "a page of somebody's": lambda: quiet_run(surroundings=ring(swapped_pages=5)),
    "one page of the worker's": lambda: quiet_run(surroundings=ring(major_faults=1)),
    "a clock that is slewed": lambda: quiet_run(surroundings=ring(clock_step_s=0.0005)),
}  # fmt: skip


def at(offset_s: int, channel: str, value: float) -> Run:
    run = quiet_run()
    assert run.result is not None
    t_ns = [START + offset_s * SECOND, *TENTHS] if offset_s < 0 else [*TENTHS, START + offset_s * SECOND]
    channels = {
        name: ([value if name == channel else readings[0], *readings] if offset_s < 0 else [*readings, value])
        for name, readings in run.result.samples.channels.items()
    }
    return replace(run, result=replace(run.result, samples=Samples(t_ns, channels)))


@pytest.mark.parametrize("name", NOT_MADE)
def test_what_is_harmless_is_no_reason(name: str) -> None:
    judgement = judge(NOT_MADE[name](), BESIDE)
    assert judgement.verdict is Verdict.TRUSTED, judgement.reasons
    assert judgement.reasons == ()


@pytest.mark.parametrize(
    ("steal_s", "threads", "loop_cpu_ns", "verdict"),
    [
        (0.06, 1, SECOND, Verdict.TRUSTED),  # from another processor: this worker ran all the time
        (0.06, 1, SECOND * 94 // 100, Verdict.SUSPECT),  # from its own
        (0.06, 1, SECOND * 98 // 100, Verdict.TRUSTED),  # from its own, a little: only the p99 knows
        (0.04, 1, SECOND * 94 // 100, Verdict.TRUSTED),  # a few ticks
        (0.06, 2, SECOND * 94 // 100, Verdict.TRUSTED),  # threads wait for each other, too: nothing is known
        (0.25, 2, SECOND * 2, Verdict.SUSPECT),  # much of all four processors
    ],
)
def test_what_the_host_took_counts_where_it_was_the_workers(
    steal_s: float, threads: int, loop_cpu_ns: int, verdict: Verdict
) -> None:
    run = quiet_run(surroundings=ring(steal_s=steal_s), job={"threads": threads}, timing={"loop_cpu_ns": loop_cpu_ns})
    assert judge(run, BESIDE).verdict is verdict


def test_a_worker_that_waited_while_others_ran_is_suspect_even_where_they_took_little() -> None:
    assert codes(judge(quiet_run(surroundings=ring(wait_s=0.03, others_cpu_s=0.05)), BESIDE)) == ["others_ran"]


def test_a_wait_alone_tells_where_nobody_counted_the_others() -> None:
    unknown = ring(wait_s=0.3, others_cpu_s=None)
    samples: dict[str, list[float | None]] = {"others_cpu_percent": [None] * 11}
    assert codes(judge(quiet_run(surroundings=unknown, channels=samples), BESIDE)) == ["others_ran"]
    threads = quiet_run(surroundings=unknown, channels=samples, job={"threads": 4}, details={"cpus": [0, 1]})
    assert codes(judge(threads, BESIDE)) == ["oversubscribed"], "they waited for each other"


def test_an_older_run_is_judged_by_its_samples() -> None:
    busy: dict[str, list[float | None]] = {"others_cpu_percent": [None, *([35.0] * 10)]}
    judgement = judge(quiet_run(surroundings=None, channels=busy), BESIDE)
    assert codes(judgement) == ["others_ran"]
    assert judgement.reasons[0].figures == {"others": "35 %", "waited": "unknown"}


def test_a_run_of_which_hardly_anything_is_known_is_judged_all_the_same() -> None:
    bare = make_conditions(
        boot_id=None, uptime_s=None, governor=None, clock_khz=None, temperatures_c={}, throttle_bits=None, load_1m=None,
        procs_running=None, memory_available_bytes=None, swap_used_bytes=None, disk_free_bytes=None,
    )  # fmt: skip
    run = quiet_run(surroundings=None, conditions_before=bare, conditions_after=bare)
    assert run.result is not None
    run = replace(run, facts=None, result=replace(run.result, samples=Samples([], {})))
    judgement = judge(run)
    assert judgement.verdict is Verdict.TRUSTED
    assert codes(judgement) == ["no_reference", "no_sensor"]
    assert judgement.reasons[1].figures == {"missing": "temperature, clock, other processes"}


def test_a_raspberry_pi_that_hides_its_throttle_bits_is_told() -> None:
    run = quiet_run(conditions_before=make_conditions(throttle_bits=None), channels={"throttle_bits": []})
    assert run.result is not None
    without = {name: one for name, one in run.result.samples.channels.items() if name != "throttle_bits"}
    run = replace(run, result=replace(run.result, samples=Samples(TENTHS, without)))
    assert judge(run, BESIDE).reasons[0].figures == {"missing": "throttle bits"}


@pytest.mark.parametrize(
    ("channel", "readings", "how"),
    [
        ("throttle_bits", [4.0], "throttled"),
        ("throttle_bits", [2.0, 8.0], "frequency capped, soft temperature limit"),
        ("throttle_count", [5.0, 6.0], "the processor counted thermal events"),
        ("cooling_state", [0.0, 3.0], "the kernel cooled it by a slower clock"),
    ],
)
def test_every_way_of_holding_the_clock_down_is_named(channel: str, readings: list[float], how: str) -> None:
    judgement = judge(quiet_run(channels={channel: [*readings, *([readings[-1]] * (11 - len(readings)))]}), BESIDE)
    assert codes(judgement) == ["throttled"]
    assert judgement.reasons[0].figures == {"how": how}


@pytest.mark.parametrize(
    ("held_khz", "found"), [(600_000, []), (1_000_000, ["slow_clock"]), ("garbage", ["slow_clock"])]
)
def test_a_clock_is_slow_beside_the_one_that_the_profile_asks_for(held_khz: object, found: list[str]) -> None:
    run = quiet_run(channels={"clock_khz": [0.6e6] * 11}, details={"held_clock_khz": held_khz})
    assert codes(judge(run, BESIDE)) == found


def test_the_kernels_alarm_of_the_supply_counts_as_the_firmwares() -> None:
    assert codes(judge(quiet_run(channels={"under_voltage": [0.0] * 10 + [1.0]}), BESIDE)) == ["under_voltage"]


def test_the_gravest_reason_comes_first_and_decides() -> None:
    run = quiet_run(
        latencies_ns=[30_000_000] * 100,
        surroundings=ring(others_cpu_s=0.5),
        conditions_before=make_conditions(governor="x"),
    )
    judgement = judge(run, BESIDE)
    assert judgement.verdict is Verdict.INVALID
    assert codes(judgement) == ["impossible", "others_ran", "governor"]


def test_notes_lower_no_verdict() -> None:
    run = quiet_run(
        gate=Gate(0, None, None), conditions_before=make_conditions(governor="ondemand"), job={"threads": 5}
    )
    judgement = judge(run)
    assert len(judgement.reasons) == 4
    assert judgement.verdict is Verdict.TRUSTED


def test_the_reference_model_is_the_witness_and_not_the_accused() -> None:
    context = Context(Glance(1e6, True), Glance(2e6, True), 1e6)
    run = quiet_run(job={"role": Role.REFERENCE}, gate=Gate(0, None, None))
    assert judge(run, context).reasons == ()
    assert judge(run).reasons == ()


def test_a_restless_board_is_judged_against_itself() -> None:
    small = quiet_run(latencies_ns=[9_000_000 + 20_000 * index for index in range(100)], timing={"steady": False})
    assert codes(judge(small, replace(BESIDE, restless=0.02))) == ["unsteady", "trend"]
    assert codes(judge(small, replace(BESIDE, restless=0.1))) == ["restless"]
    great = quiet_run(latencies_ns=[5_000_000 + 80_000 * index for index in range(100)])
    assert codes(judge(great, replace(BESIDE, restless=0.1))) == ["trend", "restless"]


def test_a_run_without_a_result_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="no result"):
        judge(make_run(status=RunStatus.CRASHED))


WORSE = st.fixed_dictionaries(
    {},
    optional={
        "temp_c": st.floats(50, 120),
        "clock_khz": st.floats(1, 1.5e6),
        "throttle_bits": st.integers(0, 0xF000F).map(float),
        "under_voltage": st.sampled_from([0.0, 1.0]),
        "cooling_state": st.floats(0, 9),
    },
)


@given(before=st.lists(WORSE, max_size=6), bad=WORSE, place=st.integers(0, 6))
def test_one_more_bad_reading_never_makes_a_verdict_better(
    before: list[dict[str, float]], bad: dict[str, float], place: int
) -> None:
    names = ("temp_c", "clock_khz", "throttle_bits", "under_voltage", "cooling_state")

    def judged(readings: list[dict[str, float]]) -> Judgement:
        run = quiet_run()
        assert run.result is not None
        t_ns = [START + index for index in range(len(readings))]
        channels: dict[str, list[float | None]] = {name: [one.get(name) for one in readings] for name in names}
        return judge(replace(run, result=replace(run.result, samples=Samples(t_ns, channels))), BESIDE)

    # A slow clock is a share of its readings: only one that is slow itself is a bad one.
    bad = {name: min(value, 1e6) if name == "clock_khz" else value for name, value in bad.items()}
    first, second = judged(before), judged([*before[:place], bad, *before[place:]])
    assert grave(first) <= grave(second)


@given(
    st.builds(
        Surroundings,
        others_cpu_s=st.floats(0, 10),
        steal_s=st.floats(0, 10),
        wait_s=st.floats(0, 10),
        major_faults=st.integers(0, 1000),
        swapped_pages=st.integers(0, 10**6),
        pressure_memory_s=st.floats(0, 10),
    ),
    st.sampled_from(["others_cpu_s", "steal_s", "wait_s", "major_faults", "swapped_pages", "pressure_memory_s"]),
    st.integers(1, 100),
)
def test_more_trouble_around_a_run_never_makes_a_verdict_better(around: Surroundings, name: str, more: int) -> None:
    worse = replace(around, **{name: getattr(around, name) + more})
    first, second = (judge(quiet_run(surroundings=one), BESIDE) for one in (around, worse))
    assert grave(first) <= grave(second)


@given(
    latencies=st.lists(st.integers(0, 2**62), max_size=200),
    start=st.integers(0, 2**62),
    wall=st.integers(0, 2**62),
    cpu=st.integers(0, 2**62),
    steady=st.booleans(),
    around=st.builds(
        Surroundings,
        others_cpu_s=st.none() | st.floats(),
        steal_s=st.none() | st.floats(),
        wait_s=st.none() | st.floats(),
        swapped_pages=st.none() | st.integers(),
        major_faults=st.none() | st.integers(),
        pressure_memory_s=st.none() | st.floats(),
        clock_step_s=st.none() | st.floats(),
    ),
    readings=st.lists(st.none() | st.floats(), max_size=20),
    t_ns=st.lists(st.integers(0, 2**62), max_size=20),
)
def test_garbage_is_judged_and_never_breaks_the_judge(
    latencies: list[int],
    start: int,
    wall: int,
    cpu: int,
    steady: bool,
    around: Surroundings,
    readings: list[float | None],
    t_ns: list[int],
) -> None:
    names = ("temp_c", "clock_khz", "throttle_bits", "others_cpu_percent", "cooling_state", "throttle_count")
    run = quiet_run()
    assert run.result is not None
    result = replace(
        run.result,
        timing=Timing(0, 0, 0, 0, steady, latencies, start, wall, cpu),
        surroundings=around,
        samples=Samples(t_ns, dict.fromkeys(names, readings)),
    )
    judgement = judge(replace(run, result=result))
    assert judgement.verdict in Verdict
    assert all(code in CATALOGUE for code in codes(judgement))


def grave(judgement: Judgement) -> set[str]:
    """The reasons that count, so that growing sets mean a verdict that never gets better."""
    return {code for code in codes(judgement) if severity_of(code) > Severity.NOTE}
