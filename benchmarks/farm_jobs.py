"""Many boards with many short jobs: how near to all boards at once. And what hundreds of idle boards cost."""

import contextlib
import json
import os
import resource
import shlex
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench_board import fake_model
from crowd import Place, crowd

from agent.protocol import MeasureProtocol, Probed, Ready, Result, encode
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.errors import BoardError
from orchestrator.launch import new_job_id
from orchestrator.links import Keeper, Link
from orchestrator.plan import plan
from orchestrator.runtimes import objection
from orchestrator.schedule import Tools, muster, run_sweep
from orchestrator.stats import prepare
from orchestrator.store import Store
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport.connect import connect

SLEEP_S = 0.5
STAND_IN = Path(__file__).resolve().parent / "peers" / "stand_in.py"
ONE_SLEEP = MeasureProtocol("one-sleep", 0, 0.0, 0.0, 1, 0.0, 5.0)
BAR_OF_IDEAL = 0.95
BAR_MB, BAR_CORE = 250.0, 0.03


def short_jobs(folder: Path, boards: int, jobs: int, rounds: int) -> None:
    """Real SSH, scheduler and database; agents that only sleep, and, for what it shows, real workers."""
    with crowd(folder / "jobs", boards) as all_of_them:
        python = _stand_in(folder, all_of_them.places[0])
        print(f"\n{boards} boards x {jobs} jobs that sleep {SLEEP_S} s (ideal: {jobs * SLEEP_S:.1f} s)")
        for what, device_of, times in (
            ("an agent that sleeps", lambda place: place.device(str(python)), rounds),
            ("real agents and workers", Place.device, 1),
        ):
            for turn in range(times):
                devices = [device_of(place) for place in all_of_them.places]
                scratch = folder / f"{what.replace(' ', '-')}{turn}"
                scratch.mkdir()
                wall_s, cpu_s, ok = _sweep(devices, all_of_them.known_hosts, scratch, jobs)
                print(
                    f"  {what:24} {wall_s:6.2f} s: {jobs * SLEEP_S / wall_s:.3f} of the ideal (bar {BAR_OF_IDEAL}),"
                    f" {ok} of {boards * jobs} ok, orchestrator {cpu_s / boards / jobs * 1e3:.1f} ms of CPU a job"
                )


def _sweep(devices: Sequence[Device], known_hosts: Path, folder: Path, repeats: int) -> tuple[float, float, int]:
    notify: Any = lambda _event: None  # noqa: E731
    model, stop, failures = fake_model(folder), threading.Event(), {}
    prepare()
    sweep = Sweep(
        "sleeping", (model.name,), tuple(device.name for device in devices), runtimes=(RuntimeChoice("fake"),),
        protocol=ONE_SLEEP, options=({"sleep_ms": SLEEP_S * 1000, "jitter": 0.0},), repeats=repeats, reference=False,
    )  # fmt: skip
    connector = partial(connect, known_hosts=known_hosts)
    links = [Link(device, connector, agent_zipapp(), "benchmark", notify, stop) for device in devices]
    with Keeper(links), Store.open(folder / "results.db", create=True) as store:
        try:
            muster(links, 0.0, failures.__setitem__, stop)
            assert not failures, failures
            jobs = plan(sweep, [model], devices, {}, objection, new_job_id)
            sweep_id = store.create_sweep(sweep, jobs, [model], datetime.now(UTC))
            tools = Tools(store, Supply([model], CarrierShelf(folder / "cache"), notify), notify, stop)
            began, cpu_began = time.perf_counter(), time.process_time()
            run_sweep(links, jobs, tools, 0.0)
            took = time.perf_counter() - began, time.process_time() - cpu_began
            return *took, sum(count for status, count in store.status_counts(sweep_id).items() if status == "ok")
        finally:
            for link in links:
                link.close(politely=False)


def _stand_in(folder: Path, place: Place) -> Path:
    """A program that answers as this board's real agent does; asks it once, with one real job."""
    answers = folder / "answers.json"
    scratch = folder / "asking"
    scratch.mkdir()
    with _open([place.device()], Path(place.known_hosts)) as (link,):
        assert link.session is not None and link.facts is not None and link.conditions is not None
        model = fake_model(scratch)
        sweep = Sweep("one", (model.name,), (place.name,), runtimes=(RuntimeChoice("fake"),), protocol=ONE_SLEEP,
                      options=({"sleep_ms": 1},), repeats=1, reference=False)  # fmt: skip
        (job,) = plan(sweep, [model], [link.device], {}, objection, new_job_id)
        supply = Supply([model], CarrierShelf(scratch / "cache"), lambda _event: None)
        outcome: Any = link.session.run(supply.outfit(link.session, link.facts, job, [job]), lambda _stage: None)
        lines = {
            "hello": Ready(_protocol(), agent_zipapp().digest, 1, [], 0, place.work_dir),
            "probe": Probed(link.facts, link.conditions),
            "run": Result(outcome),
        }
        answers.write_text(json.dumps({name: json.loads(encode(line)) for name, line in lines.items()}))
    program = folder / "stand_in"
    program.write_text(
        f"#!/bin/sh\nSTAND_IN_SLEEP_S={SLEEP_S} STAND_IN_ANSWERS={shlex.quote(str(answers))}"
        f" exec {shlex.quote(sys.executable)} -I -S -u {shlex.quote(str(STAND_IN))}\n"
        .replace("STAND_IN_SLEEP_S", "export STAND_IN_SLEEP_S").replace(" exec", "\nexec")
    )  # fmt: skip
    program.chmod(0o755)
    return program


def _protocol() -> int:
    from agent.protocol import PROTOCOL_VERSION

    return PROTOCOL_VERSION


@contextmanager
def _open(devices: Sequence[Device], known_hosts: Path) -> Iterator[list[Link]]:
    stop, failures = threading.Event(), {}
    connector = partial(connect, known_hosts=known_hosts)
    links = [Link(device, connector, agent_zipapp(), "benchmark", lambda _event: None, stop) for device in devices]
    with Keeper(links):  # the first boards wait for the last for longer than an agent waits for a word
        try:
            muster(links, 0.0, failures.__setitem__, stop)
            assert not failures, failures
            yield links
        finally:
            for link in links:
                link.close(politely=False)


def idle_boards(folder: Path, boards: int, seconds: float) -> None:
    """Real SSH and real agents, which send heartbeats. In a process of its own: memory counts."""
    with crowd(folder / "idle", boards) as all_of_them:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _sit_idle(all_of_them.places, seconds)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        assert status == 0, "the process that held the connections failed"


def _sit_idle(places: Sequence[Place], seconds: float) -> None:
    before_mb = _memory_mb()
    with _open([place.device() for place in places], Path(places[0].known_hosts)) as links:
        told = f"bar {BAR_CORE:.0%}"
        for what, listening, bar in (("idle boards", False, told), ("boards at work, a thread each", True, "no bar")):
            threads = [threading.Thread(target=_listen, args=(link,), daemon=True) for link in links if listening]
            for thread in threads:
                thread.start()
            time.sleep(3.0)
            began, cpu_began = time.perf_counter(), time.process_time()
            time.sleep(seconds)
            core = (time.process_time() - cpu_began) / (time.perf_counter() - began)
            assert all(thread.is_alive() for thread in threads), "boards were lost: fewer than that were there"
            print(
                f"{len(links)} {what}: {_memory_mb():.0f} MB ({before_mb:.0f} before the first; bar"
                f" {BAR_MB:.0f}), {core:.1%} of a core ({bar}), {threading.active_count()} threads",
                flush=True,
            )


def _listen(link: Link) -> None:
    """As a board's thread does while its board is at work and says so, but without the work of five hundred workers."""
    assert link.session is not None
    with contextlib.suppress(BoardError):  # the end of the benchmark
        link.session.examine(3600.0)


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
