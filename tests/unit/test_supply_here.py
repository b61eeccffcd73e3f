"""What a job needs is on the board before it runs: each thing once, whole, or not at all."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from agent.protocol import EnergyPlan, Evicted, Holdings
from orchestrator import supply
from orchestrator.carriers import CarrierShelf
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.errors import ModelError, RuntimeUnavailable
from orchestrator.events import Fetching, Noted, Pushing
from orchestrator.farm_file import FarmSettings
from orchestrator.idle import MARGIN_C
from orchestrator.links import Link
from orchestrator.model_files import read_model
from orchestrator.orders import ENERGY_PLAN
from orchestrator.runs import Role
from orchestrator.session import AgentSession
from orchestrator.supply import SMALL_AT_ONCE, SMALL_BYTES, Supply, Tell, Wanted
from orchestrator.sweep import RuntimeChoice
from orchestrator.transport.push_tally import Pushed, Way
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


@pytest.fixture
def link(bench: Bench) -> Iterator[Link]:
    opened = bench.link(bench.device(thermal_start_c=45.0, thermal_limit_s=7.0, cpus=(0,)))
    opened.open(0.0)
    yield opened
    opened.close(politely=True)


def test_an_order_names_everything_that_the_job_and_the_profile_say(bench: Bench, link: Link) -> None:
    model = bench.model()
    job = bench.job(model, threads=2, seed=7)
    assert link.session is not None
    assert link.facts is not None
    order = bench.supply(model).outfit(link.session, link.facts, job, [job])
    assert (order.job_id, order.threads, order.seed, order.options) == (job.job_id, 2, 7, {"sleep_ms": 1})
    assert (order.model.digest, order.model.name, order.runtime.name) == (model.digest, "fake", "fake")
    assert (order.thermal.start_c, order.thermal.limit_s, order.cpu_affinity) == (45.0, 7.0, [0])


def test_a_board_left_to_itself_begins_where_it_idles_and_a_warning_is_told_once(bench: Bench, link: Link) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    link.session.device = bench.device(cpus="big")
    supply = Supply([model], CarrierShelf(bench.farm.cache), bench.notify, {"bench": 43.0}.get)
    facts = replace(link.facts, cpu_capacity={})
    orders = [supply.outfit(link.session, facts, job, [job]) for job in [bench.job(model)] * 2]
    assert [(order.thermal.start_c, order.cpu_affinity) for order in orders] == [(43.0 + MARGIN_C, None)] * 2
    (note,) = bench.told(Noted)
    assert "does not tell big CPUs from little ones" in note.text


def test_big_cpus_are_named_in_the_order(bench: Bench, link: Link) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    link.session.device = bench.device(cpus="big")
    first, *others = link.facts.usable_cpus
    capacity = {str(first): 1024, **{str(cpu): 512 for cpu in others}}
    job = bench.job(model)
    order = bench.supply(model).outfit(link.session, replace(link.facts, cpu_capacity=capacity), job, [job])
    assert order.cpu_affinity == [first]
    assert bench.told(Noted) == []


@pytest.mark.parametrize(("role", "expected"), [(Role.ENERGY, ENERGY_PLAN), (Role.CASE, None), (Role.REFERENCE, None)])
def test_only_an_energy_job_is_ordered_with_a_plan_for_it(
    bench: Bench, link: Link, role: Role, expected: EnergyPlan | None
) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    job = replace(bench.job(model), role=role)
    order = bench.supply(model).outfit(link.session, link.facts, job, [job])
    assert (order.energy, order.sample_hz) == (expected, job.sample_hz)


def test_a_model_is_sent_once_and_a_carrier_fetched_once(bench: Bench, link: Link) -> None:
    model = bench.model()
    supply = bench.supply(model)
    assert link.session is not None
    assert link.facts is not None
    for number in range(3):
        job = bench.job(model, job_id=f"{number:032x}")
        supply.outfit(link.session, link.facts, job, [job])
    assert [event.sent_bytes for event in bench.told(Pushing)] == [0, model.size_bytes]
    assert len(bench.told(Fetching)) == 1


def by_a_neighbour(session: AgentSession, wanted: Wanted, tell: Tell) -> bool:
    """The relay is another board, whose agent this one stands for."""
    wanted.send(copy(session), tell)
    return True


def by_itself(session: AgentSession, wanted: Wanted, tell: Tell) -> bool:
    """It is the relay of its site, and is sent the file."""
    wanted.send(session, tell)
    return True


@pytest.mark.parametrize(
    ("bring", "how"), [(by_a_neighbour, ["", "", "by the relay"]), (by_itself, ["", ""]), (lambda *_: False, ["", ""])]
)
def test_it_is_told_what_came_by_the_relay_and_what_did_not(
    bench: Bench, link: Link, bring: Callable[..., bool], how: list[str]
) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    job = bench.job(model)
    supply = Supply([model], CarrierShelf(bench.farm.cache), bench.notify, by_relay=bring)
    supply.outfit(link.session, link.facts, job, [job])
    assert [event.how for event in bench.told(Pushing)] == how


class Crowd:
    """In the place of sessions: boards that lack everything, and who of them receives at one time."""

    held_clock_khz = None

    def __init__(self, device: Device, expected: int) -> None:
        self.device, self.most = device, 0
        self._expected, self._now, self._changed = expected, 0, threading.Condition()

    def keep_up(self) -> None:
        """Nothing has happened to any of them while they wait."""

    def holdings(self, digests: Sequence[str]) -> Holdings:
        return Holdings([], list(digests), [], {})

    def make_room(self, *_: object) -> Evicted:
        return Evicted([], 0, 0)

    def push(self, *_: object, way: Way, **__: object) -> Pushed:
        """Each of the first ones stays until all of them are there, and a moment longer: for one too many."""
        with way.turn:
            with self._changed:
                self._now += 1
                self.most = max(self.most, self._now)
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self.most >= self._expected, 60)
            time.sleep(0.05)
            with self._changed:
                self._now -= 1
        return Pushed(None)


@pytest.mark.parametrize(("size_bytes", "at_once"), [(SMALL_BYTES, 2 * SMALL_AT_ONCE), (SMALL_BYTES + 1, 2)])
def test_so_many_files_are_on_their_way_at_one_time(bench: Bench, link: Link, size_bytes: int, at_once: int) -> None:
    path = bench.model().path
    path.write_text(path.read_text().ljust(size_bytes))
    model, facts, crowd = read_model(path, "padded"), link.facts, Crowd(bench.device(), at_once)
    assert facts is not None
    supply = Supply([model], CarrierShelf(bench.farm.cache), bench.notify, settings=FarmSettings(pushes=2))
    job = bench.job(model)
    with ThreadPoolExecutor(2 * at_once) as boards:
        for done in [boards.submit(supply.outfit, cast(Any, crowd), facts, job, [job]) for _ in range(2 * at_once)]:
            done.result()
    assert crowd.most == at_once


@pytest.mark.parametrize(
    "settings",
    [FarmSettings(uplink_bytes_s=8000.0), FarmSettings(site_uplinks_bytes_s={"roof": 8000.0})],
    ids=["farm", "site"],
)
def test_on_a_narrow_uplink_no_more_share_it_than_hear_of_it_in_time(
    bench: Bench, link: Link, settings: FarmSettings
) -> None:
    model, facts, crowd = bench.model(), link.facts, Crowd(bench.device(site="roof"), 7)
    assert facts is not None
    supply, job = Supply([model], CarrierShelf(bench.farm.cache), bench.notify, settings=settings), bench.job(model)
    with ThreadPoolExecutor(20) as boards:
        for done in [boards.submit(supply.outfit, cast(Any, crowd), facts, job, [job]) for _ in range(20)]:
            done.result()
    assert crowd.most == 7


def test_who_waits_for_a_place_hears_of_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "LOOK_S", 0.01)
    looks: list[int] = []

    def keep_up() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise Stopped

    places = threading.Semaphore(1)
    with supply._Turn([places], lambda _there: None, keep_up), pytest.raises(Stopped):  # noqa: SIM117
        with supply._Turn([places], lambda _there: None, keep_up):
            raise AssertionError("there was one place")
    assert places.acquire(blocking=False)


@pytest.mark.parametrize("fault", ["gone", "grown", "changed"])
def test_a_model_file_that_is_not_what_it_was_is_refused(bench: Bench, link: Link, fault: str) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    if fault == "gone":
        model.path.unlink()
    else:
        text = model.path.read_text()
        model.path.write_text(text + " " if fault == "grown" else text.replace("output", "outpux"))
    told = {"gone": "No such file", "grown": "bytes", "changed": "changed since it was added"}[fault]
    job = bench.job(model)
    with pytest.raises(ModelError, match=told) as caught:
        bench.supply(model).outfit(link.session, link.facts, job, [job])
    assert "dynofarm model add" in caught.value.hint


def test_a_runtime_that_the_board_cannot_run_is_refused_before_anything_is_sent(bench: Bench, link: Link) -> None:
    model = bench.model()
    assert link.session is not None
    assert link.facts is not None
    job = bench.job(model, runtime=RuntimeChoice("litert"))
    with pytest.raises(RuntimeUnavailable):
        bench.supply(model).outfit(link.session, replace(link.facts, architecture="riscv32", bits=32), job, [job])
    assert bench.told(Pushing) == []
