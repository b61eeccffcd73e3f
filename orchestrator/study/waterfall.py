"""The waterfall: how many times as fast each step of a chain made a network, each with its interval. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.study.chains import Chain, Link
from orchestrator.study.figures import Figure, between_runs
from orchestrator.study.measures import setting_text
from orchestrator.study.rows import speedup_between, usable_runs


@dataclass(frozen=True)
class Step:
    """`p50_ns` of this step; `gain` is the p50 of the last measured step before it over its own, `total` that of the
    first; both None for the first. `setting` is the case in words; `because`: why there is no figure."""

    name: str
    model: str
    setting: str
    p50_ns: Figure | None = None
    gain: Figure | None = None
    total: Figure | None = None
    because: str = ""


@dataclass(frozen=True)
class Waterfall:
    network: str
    device: str
    device_kind: str
    threads: int
    steps: tuple[Step, ...]

    @property
    def board(self) -> str:
        return self.device if self.device_kind == "real" else f"{self.device} ({self.device_kind})"


def waterfalls(chains: Sequence[Chain]) -> list[Waterfall]:
    """The steps of each chain, compared. Runs of one block are paired where that is possible (comparing/)."""
    return [
        Waterfall(chain.network, chain.device, chain.device_kind, chain.threads, tuple(_steps(chain)))
        for chain in chains
    ]


def _steps(chain: Chain) -> list[Step]:
    steps = []
    first: Link | None = None
    before: Link | None = None
    for link in chain.links:
        if link.case is None:
            steps.append(Step(link.name, "", "", because=link.because))
            continue
        medians = [run.median_ns for run in usable_runs(link.case) if run.median_ns]
        steps.append(
            Step(
                name=link.name,
                model=link.case.model,
                setting=setting_text(link.case),
                p50_ns=between_runs(medians),
                gain=_gain(before, link),
                total=_gain(first, link),
            )
        )
        first, before = first or link, link
    return steps


def _gain(before: Link | None, after: Link) -> Figure | None:
    if before is None or before.case is None or after.case is None:
        return None
    return speedup_between(before.case, after.case, lambda run: run.median_ns)
