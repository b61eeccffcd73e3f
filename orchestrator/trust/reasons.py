"""The catalogue of reasons: how grave each is, what it says to people, and what to do about it. Pure.

`docs/trust.md` is written from it (`scripts/trust_page`), and a test holds the two alike. Thresholds are told from the
constants of the rules, which say where they come from.
"""

from dataclasses import dataclass
from enum import IntEnum

from orchestrator.trust import (
    latencies,
    restlessness,
    rules_of_board,
    rules_of_neighbours,
    rules_of_surroundings,
    rules_of_timing,
)
from orchestrator.trust.verdicts import Reason, Verdict


class Severity(IntEnum):
    """A `note` is worth knowing and lowers no verdict."""

    NOTE = 0
    SUSPECT = 1
    INVALID = 2

    @property
    def verdict(self) -> Verdict:
        return (Verdict.TRUSTED, Verdict.SUSPECT, Verdict.INVALID)[self]

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Entry:
    """`sentence` has the reason's figures in braces; `when` is the threshold in words; `brief` is for a line that
    stands for many runs; DEVICE and RUN in `remedy` are for the reader to fill in."""

    code: str
    severity: Severity
    brief: str
    sentence: str
    when: str
    remedy: str


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


_T, _S, _B, _N = rules_of_timing, rules_of_surroundings, rules_of_board, rules_of_neighbours
_R, _L = restlessness, latencies

_ENTRIES = (
    Entry(
        "impossible",
        Severity.INVALID,
        "the figures contradict each other",
        "The figures contradict each other: {what}.",
        "latencies longer than their loop, no time at all, or more CPU time than there are processors",
        "The board's clock cannot be right; look at the virtual machine or the emulator under it, and measure again.",
    ),
    Entry(
        "under_voltage",
        Severity.SUSPECT,
        "the supply was too weak",
        "The board's voltage was too low while it measured.",
        "the firmware's bit 0 or the supply's alarm in the loop or right after it, or bit 16 set between the two looks",
        "Use a stronger supply and a shorter cable, take USB devices off, and measure again.",
    ),
    Entry(
        "throttled",
        Severity.SUSPECT,
        "the clock was held down",
        "The clock was held down while the board measured: {how}.",
        "the firmware's bits 1, 2 or 3 in the loop or right after it, or 17, 18, 19 set between the two looks; thermal "
        "events of the processor, or a cooling device at work, in the loop",
        "Cool the board (heat sink, fan) or let it cool before each job: "
        "dynofarm device edit DEVICE --set 'thermal={start_c: 50}'",
    ),
    Entry(
        "slow_clock",
        Severity.SUSPECT,
        "the clock was slow",
        "The clock was slow in {percent} % of its readings, down to {least_mhz} of {nominal_mhz} MHz.",
        f"below {_percent(_B.SLOW_CLOCK)} of the nominal clock, or of the one that the profile asks for, in "
        f"{_percent(_B.SLOW_READINGS)} of the readings",
        "Hold the clock for the time of a sweep: dynofarm device edit DEVICE --set governor=performance",
    ),
    Entry(
        "warmed_up",
        Severity.SUSPECT,
        "the board warmed up during the loop",
        "The board warmed by {rise_c} °C during the loop, to {to_c} °C.",
        f"by more than {_B.MOST_RISE_C:.0f} °C from one reading in the loop to a later one",
        "Cool it better, or measure for longer, so that most of the loop lies behind the rise: --protocol standard",
    ),
    Entry(
        "thermal_gate_gave_up",
        Severity.SUSPECT,
        "it started warmer than it should",
        "The board did not cool to its start temperature within {wait_s} s, and was measured all the same.",
        "the thermal gate waited to its limit",
        "Cool it better, or allow more: dynofarm device edit DEVICE --set 'thermal={start_c: 60, limit_s: 20m}'",
    ),
    Entry(
        "others_ran",
        Severity.SUSPECT,
        "something else ran on the board",
        "Something else ran on the board: it took {others} of a processor, and the worker waited for one in {waited} "
        "of the time.",
        f"others took {_percent(_S.OTHERS)} of one processor (and {_S.LEAST_OTHERS_S} s); or each thread waited in "
        f"{_percent(_S.WAITED)} of the time while others took {_percent(_S.OTHERS_WHO_MADE_IT_WAIT)}",
        "Find it and stop it: dynofarm doctor DEVICE",
    ),
    Entry(
        "stolen",
        Severity.SUSPECT,
        "the host took the processor away",
        "The host of this virtual machine took {percent} % of its processors' time for others (steal), and from the "
        "worker's own at most {taken} of the loop.",
        f"{_percent(_S.STOLEN)} of the time of all processors together; or, with one thread, of the loop, in which the "
        "worker did not run",
        "Measure on a machine of its own, or when the host is quiet.",
    ),
    Entry(
        "swapped",
        Severity.SUSPECT,
        "the board swapped",
        "{pages} pages came back from swap while the clock ran.",
        f"{_S.SWAPPED_PAGES} pages, or any while the worker itself waited for a page",
        "Free memory on the board, or switch swap off there: sudo swapoff -a",
    ),
    Entry(
        "paged",
        Severity.SUSPECT,
        "the worker waited for its own pages",
        "The worker waited {faults} times for a page to be read from storage.",
        f"in {_percent(_S.PAGED)} of the inferences, at least {_S.LEAST_PAGED} times",
        "The model and what else runs there do not fit into memory together: stop something, or use a smaller model.",
    ),
    Entry(
        "memory_pressure",
        Severity.SUSPECT,
        "the board was short of memory",
        "Something on the board stood still for want of memory in {percent} % of the time.",
        f"{_percent(_S.STALLED)} of the loop (PSI)",
        "Free memory on the board: dynofarm doctor DEVICE",
    ),
    Entry(
        "pushed_meanwhile",
        Severity.SUSPECT,
        "files were sent meanwhile",
        "Files were sent to the board, or fetched from it, while this one measured, for {seconds} s.",
        "any push while the board warmed up, measured, or idled for the energy baseline",
        "Measure without it: dynofarm device edit DEVICE --set push_while_measuring=false",
    ),
    Entry(
        "colocated",
        Severity.SUSPECT,
        "another board of the same machine measured",
        "Another board of the same machine measured at the same time, for {overlap_s} s: {boards}.",
        f"runs of boards under one running kernel overlap by {_N.LEAST_OVERLAP_S} s",
        "Give them one group, so that they take turns: dynofarm device edit DEVICE --set group=NAME",
    ),
    Entry(
        "reference_moved",
        Severity.SUSPECT,
        "the reference model moved",
        "The reference model was off its usual time on this board: {before} before this run, {after} after it.",
        f"a run of the reference model before or after it lies {_percent(_R.MOVED)} off the usual time (on a restless "
        "board more), in a stretch that stands out",
        "Something changed on the board at that time. Look at it and run the sweep again: dynofarm health --on DEVICE",
    ),
    Entry(
        "hardly_any",
        Severity.SUSPECT,
        "hardly any inferences",
        "Only {n} inferences were timed: not even their median can be told with confidence.",
        f"fewer than {_T.LEAST_FOR_A_MEDIAN} inferences",
        "Measure for longer: --protocol mlperf-like, or a larger max_s in a protocol of your own",
    ),
    Entry(
        "unsteady",
        Severity.SUSPECT,
        "the warm-up did not settle",
        "The latencies had not settled when the warm-up ended ({inferences} inferences, {warmup_s} s).",
        f"three windows in a row never agreed within {_percent(_T.AGREEMENT)}, on a board that is not restless",
        "Warm up for longer: --protocol standard, or a larger warmup_limit_s in a protocol of your own",
    ),
    Entry(
        "trend",
        Severity.SUSPECT,
        "the latencies had a trend",
        "The latencies moved by {percent:+} % during the loop, from {first_ms} to {last_ms} ms.",
        f"medians of the first and the last third differ by {_percent(_L.LEAST_CHANGE)} (on a restless board by more), "
        "and no part of the one third reaches into the other",
        "The board did not keep its speed: look at temperature and clock (dynofarm show RUN), and measure for longer.",
    ),
    Entry(
        "emulated",
        Severity.SUSPECT,
        "an emulator measured",
        "This is no board but {by}: its times say nothing of a real one.",
        "the board says that it is emulated, or its profile says so",
        "Use such runs to see that a model works, never how fast it is.",
    ),
    Entry(
        "bimodal",
        Severity.NOTE,
        "the latencies have two levels",
        "The latencies have two levels: {low_ms} ms, and {high_ms} ms in {percent} % of them.",
        f"levels {_percent(_L.LEAST_STEP)} apart, each with {_percent(_L.LEAST_SHARE)} of the latencies, and between "
        f"them a valley of at most {_percent(_L.VALLEY)} of the lower one's height",
        "The median may change sides from run to run: repeat more often. Pinning the worker may end it: "
        "dynofarm device edit DEVICE --set cpus=big",
    ),
    Entry(
        "restless",
        Severity.NOTE,
        "the board is restless",
        "This board goes to and fro: its reference model moves by {percent} % from run to run. A smaller trend or move "
        "is its usual state, and no reason.",
        f"one in ten of at least {_R.LEAST_HISTORY} runs of the reference model differs from the one before by "
        f"{_percent(_R.MOVED)} times 1.41",
        "Repeat more often; see how much it moves with: dynofarm noise --on DEVICE",
    ),
    Entry(
        "too_few",
        Severity.NOTE,
        "fewer inferences than the protocol wants",
        "The time was over after {n} of {wanted} inferences; percentiles that so few cannot support are absent.",
        "the protocol's longest time ended the loop",
        "For percentiles, measure for longer: --protocol mlperf-like",
    ),
    Entry(
        "gate_unchecked",
        Severity.NOTE,
        "outputs were not compared",
        "The outputs were compared with nothing: only that they are finite and not all equal.",
        "the model has no reference outputs",
        "Give it references: dynofarm model add FILE (without --no-reference), or with --parent MODEL",
    ),
    Entry(
        "paused",
        Severity.NOTE,
        "the host made pauses",
        "The host of this virtual machine took at most {percent} % of the loop from the worker: its pauses are in the "
        "highest percentiles.",
        f"{_percent(_S.PAUSED)} of the loop, with one thread, and less than what makes a run suspect (`stolen`)",
        "For a p99 that means something, measure on a machine of its own.",
    ),
    Entry(
        "power_read",
        Severity.NOTE,
        "the power was read",
        "The power was read while this ran: its energy is a result, its times are not.",
        "a run of role energy",
        "Nothing to do: the times are in the other runs of the case.",
    ),
    Entry(
        "operators_profiled",
        Severity.NOTE,
        "the operators were profiled",
        "The model was made ready to be profiled: what its operators took is a result, its times are not.",
        "a run of role profile",
        "Nothing to do: the times are in the other runs of the case.",
    ),
    Entry(
        "examples_timed",
        Severity.NOTE,
        "the times are of a data set",
        "Each time is of another example, once: what the model answered is a result; its times stand beside those of "
        "the same data alone.",
        "a run of role task",
        "Nothing to do: times on fixed inputs are in the other runs of the case.",
    ),
    Entry(
        "no_reference",
        Severity.NOTE,
        "no reference model around it",
        "No run of the reference model tells how the board stood before and after this one.",
        "there is none on this board in this sweep, or the sweep has not ended",
        "Leave `reference: true` in the sweep; `dynofarm judge` looks again after a sweep was cut short.",
    ),
    Entry(
        "weak_supply",
        Severity.NOTE,
        "the supply was too weak earlier",
        "The board's voltage was too low at some time before this run, since it was started.",
        "the firmware's bit 16 was set before the run",
        "Use a stronger supply and a shorter cable.",
    ),
    Entry(
        "on_battery",
        Severity.NOTE,
        "the board lived on its battery",
        "The board lived on its battery, and may save power.",
        "the board says so before or after the run",
        "Plug it in.",
    ),
    Entry(
        "governor",
        Severity.NOTE,
        "the governor is not performance",
        "The clock follows the governor {governor}: it may change at any time.",
        "any other governor than performance",
        "Hold the clock for the time of a sweep: dynofarm device edit DEVICE --set governor=performance",
    ),
    Entry(
        "oversubscribed",
        Severity.NOTE,
        "more threads than processors",
        "{threads} threads shared {cpus} processors, and waited for each other.",
        "more threads than the worker may use processors",
        "Measure with fewer threads: --threads N",
    ),
    Entry(
        "clock_jumped",
        Severity.NOTE,
        "the wall clock jumped",
        "The board's wall clock jumped by {step_s} s. Latencies are of another clock; dates may be wrong.",
        f"by more than {_S.STEP_S} s and {_percent(_S.SLEW)} of the loop",
        "Let the board keep its time: sudo timedatectl set-ntp true",
    ),
    Entry(
        "no_sensor",
        Severity.NOTE,
        "the board does not tell everything",
        "The board does not tell: {missing}. What that would have shown is not judged.",
        "no reading at all of temperature, clock, other processes or (Raspberry Pi) throttle bits",
        "Nothing to do on most boards; `dynofarm doctor DEVICE` names what could be read.",
    ),
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in _ENTRIES}
"""By code, the gravest first."""

_ORDER = {code: place for place, code in enumerate(CATALOGUE)}


def severity_of(code: str) -> Severity:
    """A code of another version, which this one does not know, is a note."""
    return CATALOGUE[code].severity if code in CATALOGUE else Severity.NOTE


def rank_of(reason: Reason) -> tuple[int, int]:
    """Sorts the gravest first."""
    return -severity_of(reason.code), _ORDER.get(reason.code, len(_ORDER))


def sentence_of(reason: Reason) -> str:
    """The reason in words, with its figures; its brief where an older version stored other figures."""
    entry = CATALOGUE.get(reason.code)
    if entry is None:
        return f"{reason.code}: a reason of another version of dynofarm"
    try:
        return entry.sentence.format(**reason.figures)
    except (KeyError, ValueError, IndexError):
        return f"{entry.brief[0].upper()}{entry.brief[1:]}."


def brief_of(code: str) -> str:
    """A few words for a reason that stands for several runs."""
    return CATALOGUE[code].brief if code in CATALOGUE else "a reason of another version of dynofarm"


def remedy_of(code: str, device: str = "DEVICE", run: str = "RUN") -> str:
    """What to do about it."""
    entry = CATALOGUE.get(code)
    return "" if entry is None else entry.remedy.replace("DEVICE", device).replace("RUN", run)


def grave(codes: str) -> list[str]:
    """Of codes separated by spaces, those that lower a verdict."""
    return [code for code in codes.split() if severity_of(code) > Severity.NOTE]
