"""The figure that a claim is about, in one row, with its interval and in words. Pure."""

from dataclasses import dataclass

from orchestrator.metrics import Estimate, Paired, Perplexity
from orchestrator.study.case_names import CaseNames
from orchestrator.study.failures import Kind
from orchestrator.study.figures import Figure, exactly
from orchestrator.study.row import StudyRow
from orchestrator.sweep_files.claims import Claim, Form

NANOSECONDS_A_MS = 1e6


@dataclass(frozen=True)
class Measure:
    """`figure` in the claim's unit. `examples` is what it was counted in, 0 where it is one value a run or exact;
    `runs` how many there were, 0 where it is exact."""

    figure: Figure
    text: str
    examples: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Missing:
    """Why there is no figure. `is_failure`: the case was tried, and there never will be one."""

    text: str
    is_failure: bool = False


def measure(claim: Claim, row: StudyRow) -> Measure | Missing:
    """What this row says of the claim's figure."""
    if claim.form is Form.DROP:
        return _drop(claim, row)
    if claim.form is Form.RATIO:
        return _ratio(claim, row)
    return _value(claim, row)


def case_text(row: StudyRow) -> str:
    """`minilm on pi (loopback), litert 2.3.0, 1 thread, xnnpack`."""
    kind = "" if row.device_kind == "real" else f" ({row.device_kind})"
    scope = "" if row.scope == "model" else ", end to end"
    return f"{row.model} on {row.device}{kind}, {setting_text(row)}{scope}"


def setting_text(of: CaseNames) -> str:
    """`litert 2.3.0, 1 thread, xnnpack`, and the options."""
    runtime = f"{of.runtime} {of.runtime_version}" if of.runtime_version else of.runtime
    options = "".join(f", {key}={of.options[key]}" for key in sorted(of.options))
    return f"{runtime}, {of.threads} thread{'s' * (of.threads != 1)}, {of.delegate}{options}"


def number_text(value: float) -> str:
    """Four significant digits, large numbers in full."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _value(claim: Claim, row: StudyRow) -> Measure | Missing:
    name = claim.figure
    in_ms = name.endswith("_ms")
    found = getattr(row, name.removesuffix("_ms") + "_ns" if in_ms else name)
    if found is None:
        return Missing(f"{name} not known") if name in ("parameters", "file_bytes") else _missing(row)
    if isinstance(found, int):
        return Measure(exactly(found), f"{name} {found:,}")
    if isinstance(found, Estimate):
        text = f"{name} {found.value:.1%} ({found.low:.1%} to {found.high:.1%})"
        return Measure(Figure(found.value, found.low, found.high, found.n), text, examples=found.n)
    if isinstance(found, Perplexity):
        return Measure(exactly(found.value), f"{name} {number_text(found.value)}")
    if name == "energy_j_per_item":
        return Measure(found, f"{name} {number_text(found.value)} ± {number_text(found.high - found.value)}")
    return _timed(name, found, 1 / NANOSECONDS_A_MS if in_ms else 1.0)


def _ratio(claim: Claim, row: StudyRow) -> Measure | Missing:
    if row.teacher is None:
        return Missing("the study has no teacher: name one with --teacher")
    name = claim.figure
    sides = ("teacher", "student") if claim.teacher_first else ("student", "teacher")
    label = f"{name} {sides[0]}/{sides[1]}"
    if name in ("parameters", "file_bytes", "peak_rss_bytes"):
        theirs = row.teacher_rss_bytes if name == "peak_rss_bytes" else getattr(row.teacher, name)
        ours = getattr(row, name)
        if not theirs or not ours:
            return _missing(row) if name == "peak_rss_bytes" else Missing(f"{name} not known")
        above, below = (theirs, ours) if claim.teacher_first else (ours, theirs)
        return Measure(exactly(above / below), f"{label} {number_text(above / below)} ({above:,} / {below:,})")
    # A speed-up is the teacher's time over the student's, and the student's rate over the teacher's.
    gain = row.speedup if name == "p50_ms" else row.throughput_gain
    if gain is None:
        return _missing(row, "not measured: the teacher has no such case")
    return _timed(label, gain if claim.teacher_first == (name == "p50_ms") else gain.inverse(), 1.0)


def _drop(claim: Claim, row: StudyRow) -> Measure | Missing:
    if row.teacher is None:
        return Missing("the study has no teacher: name one with --teacher")
    found: Paired | Estimate | None = row.f1_versus_teacher
    if claim.figure != "f1":  # what is right is an exact match of an answer, or a class
        found = row.versus_teacher if (row.exact_match is not None) == (claim.figure == "exact_match") else None
    if found is None:
        return _missing(row)
    value = found.value if isinstance(found, Estimate) else found.difference
    text = f"{claim.figure} drop {-value * 100:.1f} points ({-found.high * 100:.1f} to {-found.low * 100:.1f})"
    return Measure(Figure(-value, -found.high, -found.low, found.n), text, examples=found.n)


def _timed(name: str, figure: Figure, factor: float) -> Measure:
    scaled = Figure(figure.value * factor, figure.low * factor, figure.high * factor, figure.n, figure.logs)
    if scaled.is_bounded:
        text = f"{name} {number_text(scaled.value)} ({number_text(scaled.low)} to {number_text(scaled.high)})"
    else:
        text = f"{name} {number_text(scaled.value)} (no interval from {scaled.n} run{'s' * (scaled.n != 1)})"
    return Measure(scaled, text, runs=figure.n)


def _missing(row: StudyRow, otherwise: str = "not measured") -> Missing:
    if row.failure is None:
        return Missing(otherwise)
    return Missing(row.failure.text, row.failure.kind in (Kind.INFEASIBLE, Kind.FAILED))
