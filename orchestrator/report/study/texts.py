"""The figures of a study in words, and as plain values. Pure."""

import math
from typing import Any

from orchestrator.metrics import Estimate, Paired
from orchestrator.report.words import bytes_text, latency_text
from orchestrator.study.figures import Figure
from orchestrator.study.row import StudyRow

NOT_MEASURED = "not measured"
NONE = "–"


def ms_text(figure: Figure | None) -> str:
    """`12.34`, milliseconds; a dash where n does not support it."""
    return latency_text(figure.value if figure else None)


def ms_with_bounds(figure: Figure | None) -> str:
    """`12.34 (12.10–12.60)`."""
    if figure is None or not figure.is_bounded:
        return ms_text(figure)
    return f"{latency_text(figure.value)} ({latency_text(figure.low)}–{latency_text(figure.high)})"


def number_text(value: float) -> str:
    """Three significant digits and no exponent; large numbers in full."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 9)}f}"


def figure_text(figure: Figure | None, missing: str = NONE) -> str:
    """`81.2 (80.1–82.3)`; what one run told has no interval."""
    if figure is None:
        return missing
    if not figure.is_bounded:
        return number_text(figure.value)
    return f"{number_text(figure.value)} ({number_text(figure.low)}–{number_text(figure.high)})"


def gain_text(figure: Figure | None) -> str:
    """`3.20× (2.90–3.50)`."""
    if figure is None:
        return NONE
    bounds = f" ({number_text(figure.low)}–{number_text(figure.high)})" if figure.is_bounded else ""
    return f"{number_text(figure.value)}×{bounds}"


def share_text(found: Estimate | None) -> str:
    """`76.9 % (75.1–78.6)`."""
    if found is None:
        return NOT_MEASURED
    return f"{found.value:.1%} ({found.low * 100:.1f}–{found.high * 100:.1f})".replace("%", " %", 1)


def score_text(found: Estimate | None) -> str:
    """`0.741 (0.722–0.760)`."""
    return NOT_MEASURED if found is None else f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


def paired_text(found: Paired | None, *, is_teacher: bool) -> str:
    """`-1.2 points (-2.1 to -0.3), p = 0.004`."""
    if is_teacher:
        return NONE
    if found is None:
        return NOT_MEASURED
    p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    low, high = found.low * 100, found.high * 100
    return f"{found.difference * 100:+.1f} points ({low:+.1f} to {high:+.1f}), {p}"


def difference_text(found: Estimate | None) -> str:
    """`-1.2 points (-2.1 to -0.3)`."""
    if found is None:
        return NONE
    return f"{found.value * 100:+.1f} points ({found.low * 100:+.1f} to {found.high * 100:+.1f})"


def ratio_text(row: StudyRow) -> str:
    """`12.3× (437,990,244 / 35,640,000 bytes)`: the teacher's file over this one's."""
    if row.bytes_ratio is None or row.teacher is None:
        return NONE
    return f"{number_text(row.bytes_ratio)}× ({row.teacher.file_bytes:,} / {row.file_bytes:,} bytes)"


def energy_text(row: StudyRow) -> str:
    """`12.3 ± 0.4`, millijoules."""
    found = row.energy_j_per_item
    if found is None:
        return NOT_MEASURED
    half = found.high - found.value
    return number_text(found.value * 1e3) + (f" ± {number_text(half * 1e3)}" if math.isfinite(half) else "")


def verdict_text(row: StudyRow) -> str:
    """`suspect: throttled, restless`: the codes are those of docs/trust.md."""
    if row.verdict is None:
        return NONE
    return f"{row.verdict}: {', '.join(row.reasons)}" if row.reasons else str(row.verdict)


def counts_text(row: StudyRow) -> str:
    """`3 × 64`: runs, and the least number of inferences in one."""
    return f"{row.runs} × {row.n:,}" if row.runs else NONE


def remarks_text(row: StudyRow) -> str:
    parts = [row.failure.text if row.failure else "", row.trouble if not row.failure else ""]
    if row.agrees is False:
        parts.append("answers differ from those of other boards")
    if row.cut_off:
        parts.append(f"{row.cut_off} answers stand behind what it reads")
    return "; ".join(" ".join(part.split()) for part in parts if part)


def size_text(row: StudyRow) -> str:
    return bytes_text(row.file_bytes)


def bounds_values(name: str, found: Figure | Estimate | None, factor: float = 1.0) -> dict[str, Any]:
    """`name`, `name_low`, `name_high`; None for what is not known or has no bound."""
    names = (name, f"{name}_low", f"{name}_high")
    if found is None:
        return dict.fromkeys(names)
    unbounded = isinstance(found, Figure) and not found.is_bounded and found.low != found.high
    figures = (found.value, None, None) if unbounded else (found.value, found.low, found.high)
    return {
        key: None if value is None or not math.isfinite(value) else value * factor
        for key, value in zip(names, figures, strict=True)
    }
