"""The agent's verbs: `serve` (the whole talk), `receive` (one pushed file), `worker` (used by `serve` alone)."""

import argparse
import os
import sys
from typing import List, Optional


def main(argv: Optional[List[str]] = None) -> int:
    """Run one verb; the exit code. What is imported here is imported for every verb: keep it little."""
    parser = argparse.ArgumentParser(prog="dynofarm-agent", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="talk with an orchestrator on standard input and output")
    serve.add_argument("--work", required=True, help="the work folder")
    serve.add_argument("--root", default="/", help=argparse.SUPPRESS)  # tests: a recorded tree of /proc and /sys
    receive = verbs.add_parser("receive", help="keep the bytes of standard input under their hash")
    receive.add_argument("--work", required=True, help="the work folder")
    receive.add_argument("--digest", required=True, help="SHA-256, hexadecimal")
    receive.add_argument("--size", required=True, type=int, help="bytes")
    worker = verbs.add_parser("worker", help="one job; started by serve")
    worker.add_argument("--model", required=True)
    worker.add_argument("--carrier")
    worker.add_argument("--report-fd", required=True, type=int)
    worker.add_argument("--parent", required=True, type=int)
    chosen = parser.parse_args(argv)
    if chosen.verb == "serve":
        from agent.supervisor import serve as run_serve

        return run_serve(chosen.work, chosen.root)
    if chosen.verb == "receive":
        from agent.receiving import receive as run_receive

        return run_receive(chosen.work, chosen.digest, chosen.size)
    from agent.worker import main as run_worker

    run_worker(chosen.model, chosen.carrier, chosen.report_fd, chosen.parent)
    return 0


if __name__ == "__main__":
    if not __package__:
        # Started as a file of a source checkout (a worker of such an agent): the package is beside the folder.
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
