"""Sweeps for those who call: options as values, progress by a callback, and what came of it."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.asking.boards import select_devices
from orchestrator.asking.rotation import Out, among, kept_boards, quarantined_boards, reserved_boards
from orchestrator.events import Event, Noted
from orchestrator.farm import Farm
from orchestrator.launch import Launcher, Outcome
from orchestrator.models import Model
from orchestrator.profiles import load_profiles
from orchestrator.records import RunFilter, RunSummary, SweepRecord
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep

log = logging.getLogger(__name__)

Progress = Callable[[Event], None]

_JOINED = ("runtimes", "threads", "delegates")
_LISTED = ("on", "exclude")


@dataclass(frozen=True)
class SweepResult:
    """What came of a sweep so far. A run that failed is in it with its status."""

    outcome: Outcome
    _store: Store = field(repr=False, compare=False)

    @property
    def sweep_id(self) -> int:
        return self.outcome.sweep_id

    @property
    def counts(self) -> dict[RunStatus, int]:
        """Jobs by what came of them."""
        return self.outcome.counts

    @property
    def owed(self) -> int:
        """Jobs that are still to do: `Farm.resume`."""
        return self.outcome.owed

    @property
    def all_measured(self) -> bool:
        """Whether nothing failed and nothing is owed. What a board cannot run is skipped, which is no fault."""
        return self.outcome.exit_code == 0

    @property
    def record(self) -> SweepRecord:
        """The sweep as it was asked for."""
        return self._store.sweep(self.sweep_id)

    def results(self, *, every_role: bool = False) -> list[RunSummary]:
        """Its runs, without those of the reference model, of energy and the like unless they are wanted."""
        roles = () if every_role else (Role.CASE,)
        return self._store.runs(RunFilter(sweep=self.sweep_id, roles=roles))


class _Audience:
    """Passes events on. A callback that fails is logged, and ends no measurement."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def notify(self, event: Event) -> None:
        if self._progress is not None:
            try:
                self._progress(event)
            except Exception:
                log.exception("the callback for progress failed on %s", type(event).__name__)

    def expect(self, jobs: Sequence[Job]) -> None:
        """The plan is in the store."""

    def stop_asked(self, by: str) -> None:
        """The outcome says that the sweep was stopped."""
        log.info("%s asked the sweep to stop", by)


def as_options(**values: Any) -> dict[str, Any]:
    """Options of a sweep as the command line has them: `threads=[1, 4]` becomes `1,4`. None is left out."""
    given = {key: value for key, value in values.items() if value is not None}
    for key in _JOINED:
        if key in given:
            given[key] = ",".join(map(str, _several(given[key])))
    for key in _LISTED:
        if key in given:
            given[key] = [_pairs(one) for one in _several(given[key])]
    if isinstance(given.get("options"), Mapping):
        given["options"] = [f"{key}={_values(value)}" for key, value in given["options"].items()]
    return given


def launch(
    farm: Farm,
    store: Store,
    sweep: Sweep,
    models: Sequence[Model],
    progress: Progress | None,
    stop: threading.Event | None,
    wait_s: float,
    *,
    include_quarantined: bool,
    power_cycle: bool,
) -> Outcome:
    """Run a new sweep on the boards that it means and that are free."""
    audience = _Audience(progress)
    chosen = select_devices(load_profiles(farm.profiles), sweep.on, store.last_facts())
    out = _out(store, [device.name for device in chosen], audience, include=include_quarantined)
    launcher = Launcher(farm, store, audience, stop or threading.Event(), wait_s, power_cycle=power_cycle)
    return launcher.launch(sweep, models, kept_boards(chosen, out))


def resume(
    farm: Farm,
    store: Store,
    sweep_id: int,
    progress: Progress | None,
    stop: threading.Event | None,
    wait_s: float,
    *,
    include_quarantined: bool,
) -> Outcome:
    """Go on with a stored sweep."""
    audience = _Audience(progress)
    names = {job.device for job in store.owed_jobs(sweep_id)}
    out = _out(store, names, audience, include=include_quarantined)
    launcher = Launcher(farm, store, audience, stop or threading.Event(), wait_s)
    return launcher.resume(sweep_id, load_profiles(farm.profiles), out)


def _out(store: Store, names: Sequence[str] | set[str], audience: _Audience, *, include: bool) -> dict[str, Out]:
    """Those that may not measure; each is told as an event."""
    ill = {} if include else quarantined_boards(store)
    out = among(ill | reserved_boards(store), names)
    for name, one in out.items():
        audience.notify(Noted(name, f"left out: {one.told}"))
    return out


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _pairs(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={one}" for key, one in value.items())
    return str(value)


def _values(value: Any) -> str:
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in _several(value)]
    return ",".join(texts)
