"""A farm with some of everything, and a server of it in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.protocol import Samples
from orchestrator.devices import Device, Link
from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.profiles import write_profile
from orchestrator.records import FaultKind, LinkFault
from orchestrator.reference_model import reference_model
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.looking import Window
from orchestrator.sweep import REFERENCE, Sweep
from orchestrator.web.access import Access
from orchestrator.web.serving import bind, serve, url_of
from orchestrator.web.site import Site
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_model, make_result, make_run

BOARDS = ("attic", "cellar", "kitchen")
MODELS = ("bert", "mobilebert-l128-int8", "tweets-student")
SWEEPS = 16
HOSTILE = '<img src=x onerror=alert(1)>"\u202e'


def make_farm(root: Path) -> Farm:
    """Three boards, three models, sixteen sweeps of which the later ones are slower on one board, one board in
    quarantine, one reserved, one that measures, and names that are no names."""
    init_farm(root)
    (root / "device_profiles" / "local.yaml").unlink()
    for name in BOARDS:
        write_profile(root / "device_profiles", Device(name, link=Link.LOCAL, tags=("arm64",)))
    farm = find_farm(root)
    models = [make_model(name, operators={"FULLY_CONNECTED": 12, "ADD": 3}) for name in MODELS]
    with Store.open(farm.database, create=True) as store:
        for model in models:
            store.add_model(model)
        now = datetime.now(UTC)
        for at, name in enumerate(BOARDS):
            store.remember_facts(name, make_facts(), make_conditions(temperatures_c={"cpu": 48.0 + at}), now)
        for number in range(SWEEPS):
            _keep_sweep(store, number)
        last = _keep_sweep(store, SWEEPS, owed=4, name=HOSTILE)
        store.note_fault(LinkFault(last, "attic", MOMENT, FaultKind.LOST, "the link broke", "tried again", 1))
        store.lease_boards(["kitchen"], "me", owner="anna@lab", why="nightly", sweep_id=last)
        store.quarantine("attic", "12 % slow since Tuesday 2026-11-03", now)
        store.reservations.reserve(["cellar"], "ben@lab", HOSTILE, now, now + timedelta(hours=2))
    return farm


def _keep_sweep(store: Store, number: int, owed: int = 0, name: str = "nightly") -> int:
    when = MOMENT + timedelta(days=number)
    reference = reference_model()
    jobs = [
        make_job(
            f"{number:02x}{at:030x}",
            device=BOARDS[at // 3 % 3],
            model=MODELS[at % 3],
            model_digest=make_model(MODELS[at % 3]).digest,
            block=at // 9,
            position=at,
        )
        for at in range(27)
    ]
    looks = [
        make_job(
            f"{number:02x}f{at:029x}",
            device=board,
            model=reference.name,
            model_digest=reference.digest,
            protocol=REFERENCE,
            role=Role.REFERENCE,
        )
        for at, board in enumerate(BOARDS)
    ]
    more = [replace(jobs[8], job_id=f"{number:02x}e{at:029x}", block=7, position=at) for at in range(owed)]
    sweep = Sweep(name, ("*",), ("all",))
    models = [*(make_model(one) for one in MODELS), reference]
    sweep_id = store.create_sweep(sweep, [*jobs, *looks, *more], models, when)
    for at, job in enumerate([*jobs, *looks]):
        started = when + timedelta(seconds=3 * at)
        if job.job_id.endswith("01a"):
            store.save_run(make_run(job, RunStatus.CRASHED, message=HOSTILE, detail=HOSTILE * 20, started=started))
            continue
        slower = 1.12 if job.device == "attic" and number >= 9 else 1.0
        middle = round(2e6 * slower * (1 + at % 3) * (1 + 0.004 * ((7 * number + at) % 5)))
        latencies = [middle + 900 * (index % 37) + (80_000 if index % 41 == 0 else 0) for index in range(700)]
        clock = [10**12 + 10**8 * step for step in range(20)]
        channels = {
            "temp_c": [48.0 + 0.3 * step for step in range(20)],
            "clock_khz": [1_500_000.0 if step < 12 else 1_200_000.0 for step in range(20)],
            "worker_rss_bytes": [5e7 + 4096.0 * step for step in range(20)],
        }
        result = make_result(job.job_id, latencies, samples=Samples(clock, channels))
        store.save_run(make_run(job, result=result, started=started, finished=started))
    return sweep_id


@contextmanager
def served(farm: Farm, token: str | None = None) -> Iterator[str]:
    """The address of a server, without the stroke at its end."""
    site = Site(farm, Window(farm.database), Access(token))
    listening = bind("127.0.0.1", 0)
    address = url_of(listening, "127.0.0.1").rstrip("/")
    ready, servers = threading.Event(), []

    def run() -> None:
        serve(site, listening, ready.set, servers.append)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30), "the server did not start"
        yield address
    finally:
        servers[0].should_exit = True
        thread.join(20)
