"""dynofarm: connect, start each board's agent, push the file, eight boards at once; then ask each for it again."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

import zstandard  # noqa: E402, F401 - as a peer's, our imports are over when the clock starts
from asking import tell  # noqa: E402
from crowd import Place  # noqa: E402

from orchestrator.bundle import agent_zipapp  # noqa: E402
from orchestrator.farm_file import PUSHES  # noqa: E402
from orchestrator.links import Link  # noqa: E402
from orchestrator.schedule import muster  # noqa: E402
from orchestrator.transport import ssh  # noqa: E402, F401
from orchestrator.transport.connect import connect  # noqa: E402
from orchestrator.transport.push_artifact import Artifacts  # noqa: E402

OPEN = []


def connect_all(boards):
    stop, failures = threading.Event(), {}
    connector = partial(connect, known_hosts=Path(boards[0]["known_hosts"]))
    links = [
        Link(Place(**one).device(), connector, agent_zipapp(), "benchmark", lambda _event: None, stop) for one in boards
    ]
    OPEN.extend(links)
    muster(links, 0.0, failures.__setitem__, stop)
    return len(links) - len(failures)


def push(_boards):
    path, digest, artifacts = Path(sys.argv[2]), sys.argv[3], Artifacts()

    def send(link):
        if digest not in link.session.holdings([digest]).missing:
            return 0
        with artifacts.lend(digest, path) as artifact:
            return link.session.push(digest, path, artifact.size_bytes, artifact=artifact).sent_bytes

    with ThreadPoolExecutor(PUSHES) as pool:
        sent = list(pool.map(send, OPEN))
    return sum(count > 0 for count in sent)


def check(_boards):
    """The second sweep: seconds a board for the question, which nothing follows."""
    digest, took = sys.argv[3], []
    for link in OPEN:
        link.session.holdings([digest])
        began = time.perf_counter()
        assert not link.session.holdings([digest]).missing
        took.append(time.perf_counter() - began)
    sys.stdout.write(" ".join(map(str, took)) + "\n")
    return len(took)


if __name__ == "__main__":
    tell(connect_all)
    tell(push)
    tell(check)
    for link in OPEN:
        link.close(politely=False)
