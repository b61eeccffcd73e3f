"""A farm as an object: its boards and models, sweeps on them, and answers from what is stored."""

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.api.sweeping import Progress, SweepResult, as_options, launch, resume
from orchestrator.asking.sides import ask
from orchestrator.asking.sweeps import find_models, read_sweep
from orchestrator.asking.where import Where, parse_where
from orchestrator.choosing.asking import Answer, Wish, answer
from orchestrator.comparing.thresholds import parse_share
from orchestrator.comparing.verdicts import Compared
from orchestrator.devices import Device
from orchestrator.farm import Farm as Folder
from orchestrator.farm import find_farm
from orchestrator.models import Model
from orchestrator.profiles import load_profiles
from orchestrator.records import RunSummary, StoredRun, SweepRecord
from orchestrator.store import Store
from orchestrator.store.reading import open_reader
from orchestrator.sweep import Sweep
from orchestrator.sweep_files import override_sweep, sweep_from_options

Words = str | Sequence[str]
"""One text, or several."""


class Farm:
    """The farm of a folder, or of the nearest folder above it. `database` is used in the place of its `results.db`.

    Files are opened when they are first needed: `close` it, or use it in a `with` statement. It may be used from many
    threads. `UsageError` where there is no farm.
    """

    def __init__(self, path: str | Path = ".", database: str | Path | None = None) -> None:
        self._folder = find_farm(Path(path), None if database is None else str(Path(database).absolute()))
        self._opening = threading.Lock()
        self._opened: Store | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the next call opens it again."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    @property
    def folder(self) -> Folder:
        """Where everything lies."""
        return self._folder

    @property
    def devices(self) -> list[Device]:
        """The registered boards. `ConfigError` where a profile is wrong."""
        return load_profiles(self._folder.profiles)

    @property
    def models(self) -> list[Model]:
        """The newest version of each registered model."""
        return self._store().models()

    @property
    def sweeps(self) -> list[SweepRecord]:
        """Every sweep that was stored, the oldest first, with how far it is."""
        return self._store().sweeps()

    def sweep(self, models: Words, *, on: Words = (), **options: Any) -> Sweep:
        """A sweep to be run: `models` and boards (all, if none is named) by names or patterns. The other options are
        those of `dynofarm run`: runtimes, threads, delegates, options (a mapping), protocol, repeats, seed, exclude,
        reference, energy, profile, task, name; of several values every product is measured. `ConfigError`."""
        return sweep_from_options(models=_several(models), **as_options(on=_several(on) or None, **options))

    def run(
        self,
        what: Sweep | str | Path | Sequence[str],
        *,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        wait_s: float = 120.0,
        include_quarantined: bool = False,
        power_cycle: bool = False,
        **options: Any,
    ) -> SweepResult:
        """Run a sweep: one of `sweep`, the path of a sweep file, or models with the options of `sweep`.

        Comes back when all is measured. `progress` is called with each event (`orchestrator.events`), from many
        threads; what it raises is logged. When `stop` is set, boards finish the job in hand and the rest stays owed.
        `wait_s`: for a board that another orchestrator has. A run that fails is a result; errors are of the sweep as a
        whole.
        """
        store = self._store(create=True)
        if isinstance(what, Sweep):
            sweep = override_sweep(what, as_options(**options)) if options else what
            models = find_models(store, sweep)
        else:
            words = [str(what)] if isinstance(what, str | Path) else list(what)
            sweep, models = read_sweep(self._folder, store, words, as_options(**options))
        keywords: dict[str, Any] = {"include_quarantined": include_quarantined, "power_cycle": power_cycle}
        outcome = launch(self._folder, store, sweep, models, progress, stop, wait_s, **keywords)
        return SweepResult(outcome, store)

    def resume(
        self,
        sweep: int | str | None = None,
        *,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        wait_s: float = 120.0,
        include_quarantined: bool = False,
    ) -> SweepResult:
        """Go on with what a sweep owes: one by number or name, else the last that is unfinished."""
        store = self._store()
        record = store.last_unfinished_sweep() if sweep is None else store.sweep(sweep)
        outcome = resume(
            self._folder, store, record.sweep_id, progress, stop, wait_s, include_quarantined=include_quarantined
        )
        return SweepResult(outcome, store)

    def results(self, where: Where = None) -> list[RunSummary]:
        """Stored runs, without their latencies. `where` is a text (`model=bert*,since=7d`) or a mapping of the words of
        `dynofarm results`; without it every run of a case. As a DataFrame: `dynofarm.results.runs`."""
        with open_reader(self._folder.database) as reader:
            return list(reader.each_run(parse_where(where)))

    def stored_run(self, job_id: str) -> StoredRun:
        """One run whole, with every latency and sample, by its id or the beginning of it."""
        return self._store().run(job_id)

    def compare(
        self,
        first: str | int,
        second: str | int = "last",
        *,
        by: str | None = None,
        across: Words = (),
        threshold: str | None = None,
        include_suspect: bool = False,
    ) -> Compared:
        """Two sides, case by case, in the words of `dynofarm compare`: `41`, `"nightly,model:bert"`, `"baseline:main"`.
        With `by="model"` they are two values of that axis."""
        share = parse_share(threshold) if threshold is not None else None
        with open_reader(self._folder.database) as reader:
            question = ask(
                self._folder,
                reader,
                [str(first), str(second)],
                by=by,
                across=_several(across),
                share=share,
                include_suspect=include_suspect,
            )
        return question.answer()

    def best(
        self,
        on: Words = (),
        *,
        objective: str = "latency",
        scope: str = "model",
        data: str | None = None,
        include_suspect: bool = False,
        where: Where = None,
        **limits: str | float | None,
    ) -> Answer:
        """What fits these boards, and is best there, in the words of `dynofarm best`: `max_p90="50ms"`,
        `max_rss="200MB"`, `min_accuracy="74%"`, … (`choosing.limits.LIMITS`)."""
        wish = Wish(_several(on), limits, objective, scope, data, include_suspect, parse_where(where))
        return answer(self._folder, self._store(), wish)

    def _store(self, *, create: bool = False) -> Store:
        with self._opening:
            if self._opened is None:
                self._opened = Store.open(self._folder.database, create=create)
            return self._opened


def _several(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else list(words)
