"""How soon a frozen, an unplugged and a killed board are noticed, and that nobody else notices anything."""

import signal
import statistics
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench_board import fake_model
from crowd import Crowd, crowd
from wiring import Cable, missing

from agent.protocol import MeasureProtocol
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.errors import BoardError
from orchestrator.launch import new_job_id
from orchestrator.links import Link
from orchestrator.models import Model
from orchestrator.plan import plan
from orchestrator.runtimes import objection
from orchestrator.schedule import muster
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport.connect import connect

BYSTANDERS = 6
BARS_S = {"killed": 0.5, "frozen": 12.0, "unplugged": 12.0}
TINY = MeasureProtocol("tiny", 2, 0.0, 0.0, 8, 0.0, 5.0)
LONG_MS = 600_000.0


@dataclass
class Watched:
    """A board whose job is under way, and what its thread met."""

    link: Link
    loading: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0
    errors: list[BoardError] = field(default_factory=list)

    def run(self, supply: Supply, model: Model) -> None:
        session, facts = self.link.session, self.link.facts
        assert session is not None and facts is not None
        sweep = Sweep(
            "deaths", ("fake",), (self.link.device.name,), runtimes=(RuntimeChoice("fake"),), protocol=TINY,
            options=({"load_sleep_ms": LONG_MS},), repeats=1,
        )  # fmt: skip
        jobs = plan(sweep, [model], [self.link.device], {}, objection, new_job_id)
        try:
            order = supply.outfit(session, facts, jobs[-1], [jobs[-1]])
            session.run(order, lambda _stage: self.loading.set())
        except BoardError as error:
            self.errors.append(error)
        self.at = time.monotonic()
        self.ended.set()


def deaths(folder: Path, rounds: int) -> None:
    """A line for each way to go. Each needs up to 12 s a round."""
    for way, bar_s in BARS_S.items():
        if way == "unplugged" and missing():
            print(f"unplugged: not measured here: {missing()}")
            continue
        noticed = [_one_death(folder / f"{way}{turn}", way) for turn in range(rounds)]
        said = sorted({message for _, message in noticed})
        seconds = [took for took, _ in noticed]
        print(
            f"{way:10} noticed after {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s, n = {rounds}"
            f"   (bar {bar_s:g} s); {BYSTANDERS} other boards went on"
        )
        for message in said[:1]:
            print(f"{'':10} {message}")


def _one_death(folder: Path, way: str) -> tuple[float, str]:
    folder.mkdir()
    with ExitStack() as stack:
        others = stack.enter_context(crowd(folder / "others", BYSTANDERS))
        if way == "unplugged":
            cable = stack.enter_context(Cable())
            alone = stack.enter_context(crowd(folder / "victim", 1, [cable.board_address], cable.inside()))
        else:
            alone = stack.enter_context(crowd(folder / "victim", 1))
        watched = [stack.enter_context(_opened(boards, number)) for boards, number in _all_of(alone, others)]
        model = fake_model(folder)
        supply = Supply([model], CarrierShelf(folder / "cache"), lambda _event: None)
        threads = [threading.Thread(target=one.run, args=(supply, model), daemon=True) for one in watched]
        for thread in threads:
            thread.start()
        assert all(one.loading.wait(60) for one in watched)
        time.sleep(1.0)  # all of them load their model now, and give signs of life
        began = time.monotonic()
        if way == "unplugged":
            cable.unplug()
        else:
            alone.signal(alone.places[0], signal.SIGKILL if way == "killed" else signal.SIGSTOP)
        victim, bystanders = watched[0], watched[1:]
        assert victim.ended.wait(60), "never noticed"
        assert len(victim.errors) == 1, victim.errors
        assert not any(one.ended.is_set() for one in bystanders), [one.errors for one in bystanders]
        return victim.at - began, victim.errors[0].message


def _all_of(alone: Crowd, others: Crowd) -> list[tuple[Crowd, int]]:
    return [(alone, 0), *((others, number) for number in range(BYSTANDERS))]


class _opened:  # noqa: N801 - reads as a verb in a with
    def __init__(self, boards: Crowd, number: int) -> None:
        place = boards.places[number]
        connector = partial(connect, known_hosts=boards.known_hosts)
        self._link = Link(
            place.device(), connector, agent_zipapp(), "benchmark", lambda _event: None, threading.Event()
        )

    def __enter__(self) -> Watched:
        muster([self._link], 0.0, lambda _name, error: (_ for _ in ()).throw(error), threading.Event())
        return Watched(self._link)

    def __exit__(self, *_: object) -> None:
        self._link.close(politely=False)
