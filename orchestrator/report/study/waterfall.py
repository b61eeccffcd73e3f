"""Waterfalls as a sheet: a line a step."""

from collections.abc import Sequence
from typing import Any

from orchestrator.report.study.sheet import Sheet, SheetColumn
from orchestrator.report.study.texts import bounds_values, gain_text, ms_with_bounds
from orchestrator.study.waterfall import Step, Waterfall

COLUMNS = (
    SheetColumn("device", "device", numeric=False),
    SheetColumn("network", "network", numeric=False),
    SheetColumn("threads", "threads"),
    SheetColumn("step", "step", numeric=False),
    SheetColumn("model", "model", numeric=False, rank=1),
    SheetColumn("setting", "with", numeric=False, rank=2),
    SheetColumn("p50_ms", "p50 ms"),
    SheetColumn("gain", "times as fast"),
    SheetColumn("total", "as the start"),
)
MS = 1e-6

NOTES = (
    "A step is compared with the last measured one above it, on the same board: p50 over p50, with the 95 % interval "
    "between runs, paired by block where both ran in the same blocks.",
)


def waterfall_sheet(title: str, found: Sequence[Waterfall]) -> Sheet:
    lines = [(waterfall, step) for waterfall in found for step in waterfall.steps]
    return Sheet(
        title=title,
        columns=COLUMNS,
        rows=tuple(_texts(waterfall, step) for waterfall, step in lines),
        values=tuple(_values(waterfall, step) for waterfall, step in lines),
        notes=NOTES,
    )


def _texts(waterfall: Waterfall, step: Step) -> tuple[str, ...]:
    setting = step.setting or step.because
    figures = (ms_with_bounds(step.p50_ns), gain_text(step.gain), gain_text(step.total))
    return waterfall.board, waterfall.network, str(waterfall.threads), step.name, step.model, setting, *figures


def _values(waterfall: Waterfall, step: Step) -> dict[str, Any]:
    return {
        "device": waterfall.device,
        "device_kind": waterfall.device_kind,
        "network": waterfall.network,
        "threads": waterfall.threads,
        "step": step.name,
        "model": step.model or None,
        "setting": step.setting or None,
        **bounds_values("p50_ms", step.p50_ns, MS),
        **bounds_values("gain", step.gain),
        **bounds_values("total", step.total),
        "because": step.because or None,
    }
