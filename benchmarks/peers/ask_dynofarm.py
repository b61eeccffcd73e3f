"""dynofarm. `true`: the transport alone runs `true` on each; `ask`: each says how it is, as for `dynofarm device
ping`; `probe`: each agent is started, takes its lock, probes."""

# ruff: noqa: E402

import sys
import threading
import time
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from asking import tell
from crowd import Place

from orchestrator.bundle import agent_zipapp
from orchestrator.farm_file import CONNECTIONS
from orchestrator.links import Link
from orchestrator.schedule.muster import crew, muster
from orchestrator.session import AgentSession
from orchestrator.transport import ssh
from orchestrator.transport.connect import connect
from orchestrator.visits.pinging import ask_how

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


def ask(boards):
    def run(one):
        place = Place(**one)
        began_s = time.perf_counter()
        transport = ssh.connect(place.device(), Path(place.known_hosts))
        OPEN.append(transport)
        return ask_how(place.device(), transport, began_s).up_s is not None

    with crew(CONNECTIONS) as pool:
        return sum(pool.map(run, boards))


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
    tell({"true": run_true, "ask": ask, "first": first_answer, "probe": probe}[sys.argv[2]])
    for one in OPEN:
        if isinstance(one, Link):
            one.close(politely=False)
        else:
            one.close()
