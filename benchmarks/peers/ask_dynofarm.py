"""dynofarm. `true`: the transport alone runs `true` on each; `ping`: each says how it is, and is left (`dynofarm device
ping`); `probe`: each agent is started, takes its lock, probes."""

# ruff: noqa: E402

import sys
import threading
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from asking import tell
from crowd import Place

from orchestrator.bundle import agent_zipapp
from orchestrator.farm import Farm
from orchestrator.farm_file import CONNECTIONS
from orchestrator.links import Link
from orchestrator.schedule.muster import crew, muster
from orchestrator.session import AgentSession
from orchestrator.transport import ssh
from orchestrator.transport.connect import connect
from orchestrator.visits.pinging import ping_devices

OPEN = []
"""What is connected stays so until the clock has stopped: a sweep works on, and so does every peer."""


def run_true(boards):
    def run(one):
        place = Place(**one)
        transport = ssh.connect(place.device(), Path(place.known_hosts))
        channel = transport.open_channel(["true"])
        OPEN.append(transport)
        return channel.exit_status(60.0) == 0

    with crew(CONNECTIONS) as pool:
        return sum(pool.map(run, boards))


def ping(boards):
    known_hosts = Path(boards[0]["known_hosts"])
    root = known_hosts.parent
    farm = Farm(root, root, root, root / "results.db", known_hosts, root)
    pings = ping_devices(farm, [Place(**one).device() for one in boards], lambda _event: None, threading.Event())
    return sum(one.error is None for one in pings)


def first_answer(boards):
    """Of each board's agent, carried there when it was not: one board after another."""
    for one in boards:
        place = Place(**one)
        transport = ssh.connect(place.device(), Path(place.known_hosts))
        OPEN.append(transport)
        session = AgentSession(place.device(), transport, agent_zipapp(), threading.Event())
        session.start("benchmark")
    return len(boards)


def probe(boards):
    stop, failures = threading.Event(), {}
    connector = partial(connect, known_hosts=Path(boards[0]["known_hosts"]))
    links = [
        Link(Place(**one).device(), connector, agent_zipapp(), "benchmark", lambda _event: None, stop) for one in boards
    ]
    muster(links, 0.0, failures.__setitem__, stop)
    OPEN.extend(links)
    for name, error in failures.items():
        sys.stderr.write(f"{name}: {error}\n")
    return sum(link.facts is not None for link in links)


if __name__ == "__main__":
    tell({"true": run_true, "ping": ping, "first": first_answer, "probe": probe}[sys.argv[2]])
    for one in OPEN:
        if isinstance(one, Link):
            one.close(politely=False)
        else:
            one.close()
