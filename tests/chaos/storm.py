"""The storm: faults at random moments for some time, then quiet, until nothing is owed."""

import heapq
import itertools
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.farm import init_farm
from orchestrator.model_files import read_model
from orchestrator.store import Store
from tests.chaos.board import WORK_LOG, StormBoard
from tests.chaos.command import Colleague, Ended, Orchestrator
from tests.chaos.forwarder import Wiring
from tests.chaos.hits import HITS, Force
from tests.chaos.spool_watch import SpoolWatch
from tests.chaos.strikes import Strike
from tests.chaos.wall_clock import WallClock, build_library

LOOK_EVERY_S = 0.05
BY_RELAY = ": by the relay"
CASES = 1
"""Of each of the storm's sweeps on each board."""
MODEL_BYTES = 1_500_000
"""Of blanks, tabs and ends of lines, at random: a compressor takes no more than three quarters of them away."""
MODEL = {
    "format": "dynofarm-fake",
    "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
    "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
}


SITE = "roof"


class NoRest(AssertionError):
    """The faults are over, and the farm does not come to an end."""


@dataclass(frozen=True)
class Weather:
    """How hard the storm is. It lasts for `seconds`, and until at least `faults` have happened. `calm_s` is the time to
    finish afterwards. `neighbours` of the boards are one site, which has a relay; the last `twins` of them are machines
    of two, which take turns. `commands` run at the same time, each over sweeps of its own, on the same boards and
    store."""

    boards: int = 20
    neighbours: int = 6
    twins: int = 4
    commands: int = 2
    seconds: float = 600.0
    faults: int = 0
    every_s: float = 2.0
    longest_s: float = 25.0
    repeats: int = 6
    load_ms: int = 1500
    sleep_ms: int = 400
    deadline_s: int = 40
    calm_s: float = 600.0


class Storm:
    """A farm below `root` and what is done to it. Made by `storm`."""

    def __init__(self, root: Path, seed: int, weather: Weather, wiring: Wiring, *, small_disks: bool) -> None:
        self.root = root
        self.weather = weather
        self.chance = random.Random(seed)
        self.events: list[str] = []
        self.done: Counter[str] = Counter()
        self.strikes: list[Strike] = []
        self._began = time.monotonic()
        self._undoing: list[tuple[float, int, str, Callable[[], object], Strike]] = []
        self._numbers = itertools.count()
        self._log = (root / "events.log").open("a", buffering=1)
        library = build_library(root)
        self.clock = WallClock(root / "wall_clock", library) if library is not None else None
        init_farm(root)
        (root / "device_profiles" / "local.yaml").unlink()
        environment = self.clock.environment if self.clock is not None else {}
        self.colleague = Colleague(root, environment)
        self.orchestrators = [Orchestrator(root, environment, f"storm-{one}") for one in range(weather.commands)]
        self.boards: list[StormBoard] = []
        for number in range(weather.boards):
            name = f"board-{number:02}"
            from_last = weather.boards - 1 - number
            machine = f"machine-{from_last // 2}" if from_last < weather.twins else name
            self.boards.append(
                StormBoard(root / "boards" / name, name, machine, wiring, library, small_disks=small_disks)
            )
            site = SITE if number < weather.neighbours else None
            self.boards[-1].enrol(root, site, relay=site is not None and number == 0)
        for orchestrator in self.orchestrators:
            (root / orchestrator.sweep_file).write_text(self._sweep())
        (root / "fake.json").write_text(json.dumps(MODEL) + "".join(self.chance.choices(" \t\n\r", k=MODEL_BYTES)))
        with Store.open(root / "results.db", create=True) as store:
            store.add_model(read_model(root / "fake.json"))
        self.spools = SpoolWatch({board.name: board.spool for board in self.boards})

    def run(self) -> None:
        """All of it. `NoRest` when the farm does not finish its sweeps after the last fault."""
        self._wait_for_first_outcome()
        began = next_at = time.monotonic()
        while (now := time.monotonic()) < began + self.weather.seconds or sum(self.done.values()) < self.weather.faults:
            self._look(more=True)
            if now >= next_at:
                self._hit()
                next_at = now + self.chance.expovariate(1 / self.weather.every_s)
            self.spools.watch(LOOK_EVERY_S)
        self.note("the storm is over")
        self._undo(everything=True)
        calm_at = time.monotonic()
        while self._look(more=False):
            if time.monotonic() > calm_at + self.weather.calm_s:
                owing = [str(one.unfinished_sweep()) for one in self.orchestrators if one.unfinished_sweep()]
                raise NoRest(f"sweep {' and '.join(owing)} still owes jobs {self.weather.calm_s} s later")
            self.spools.watch(LOOK_EVERY_S)

    def _wait_for_first_outcome(self) -> None:
        """Before that there is nothing to lose."""
        until = time.monotonic() + self.weather.calm_s
        while not self.spools.kept:
            self._look(more=True)
            if time.monotonic() > until:
                raise NoRest(f"no board measured anything in {self.weather.calm_s:g} s of peace")
            self.spools.watch(LOOK_EVERY_S)

    def note(self, what: str) -> None:
        line = f"{time.monotonic() - self._began:8.2f}  {what}"
        self.events.append(line)
        self._log.write(line + "\n")

    @property
    def ended(self) -> list[Ended]:
        """All commands that ended."""
        return [one for person in (*self.orchestrators, self.colleague) for one in person.ended]

    @property
    def relayed(self) -> int:
        """How many files the boards of the site had from their relay, as far as commands that ended said so."""
        return sum(one.said.count(BY_RELAY) for one in self.ended)

    def _look(self, *, more: bool) -> bool:
        """Keep the orchestrators going; False when all is done. `more`: start new sweeps, too."""
        self.spools.look()
        self._undo()
        go_on = [self._keep_going(one, more=more) for one in self.orchestrators]
        return any(go_on) or self.colleague.runs

    def _keep_going(self, orchestrator: Orchestrator, *, more: bool) -> bool:
        ended_before = len(orchestrator.ended)
        if orchestrator.runs:
            return True
        for one in orchestrator.ended[ended_before:]:
            self.note(f"{orchestrator.name} ended with {one.status}")
        unfinished = orchestrator.unfinished_sweep()
        if unfinished is None and not more and orchestrator.sweeps():
            return False
        words = [orchestrator.sweep_file] if unfinished is None else ["--resume", str(unfinished)]
        orchestrator.run(*words)
        self.note(f"{orchestrator.name}: dynofarm run {' '.join(words)}")
        return True

    def _hit(self) -> None:
        kind = self.chance.choices(list(HITS), list(HITS.values()))[0]
        board, orchestrator = self.chance.choice(self.boards), self.chance.choice(self.orchestrators)
        force = Force(self.chance, board, self.boards, orchestrator, self.colleague, self.weather.longest_s)
        began_s = time.monotonic()
        hit = kind(force)
        if hit is None:
            return
        self.done[kind.__name__] += 1
        strike = Strike(kind.__name__, board.name, began_s, time.monotonic())
        self.strikes.append(strike)
        self.note(f"{hit.what}{f' for {hit.lasts_s:.1f} s' if hit.undo else ''}")
        if hit.undo is not None:
            strike.over_s = math.inf
            over_at = time.monotonic() + hit.lasts_s
            heapq.heappush(self._undoing, (over_at, next(self._numbers), hit.what, hit.undo, strike))

    def _undo(self, *, everything: bool = False) -> None:
        while self._undoing and (everything or self._undoing[0][0] <= time.monotonic()):
            _, _, what, undo, strike = heapq.heappop(self._undoing)
            undo()
            strike.over_s = time.monotonic()
            self.note(f"over: {what}")

    def _sweep(self) -> str:
        weather = self.weather
        options = f"{{sleep_ms: {weather.sleep_ms}, load_sleep_ms: {weather.load_ms}, log: ~/{WORK_LOG}}}"
        return f"""\
models: [fake]
runtimes: [fake]
on: [all]
options: {options}
repeats: {weather.repeats}
reference: false
deadline: {weather.deadline_s}s
protocol: {{name: tiny, base: quick, warmup_inferences: 2, warmup_s: 0.0, warmup_limit_s: 0.2,
           min_inferences: 8, min_s: 0.0, max_s: 30.0}}
"""

    def close(self) -> None:
        """End everything; nothing is left running."""
        self._undo(everything=True)
        for person in (*self.orchestrators, self.colleague):
            person.end(20)
        for board in self.boards:
            board.stop()
        self.spools.close()
        if self.clock is not None:
            self.clock.close()
        self._log.close()


@contextmanager
def storm(root: Path, seed: int, weather: Weather, *, small_disks: bool) -> Iterator[Storm]:
    """A farm that stands until the end of the block. `root`: an empty folder."""
    with ExitStack() as stack:
        wiring = stack.enter_context(Wiring())
        made = Storm(root, seed, weather, wiring, small_disks=small_disks)
        stack.callback(made.close)
        yield made
