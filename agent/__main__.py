"""The agent's verbs: `serve` (the talk), `receive` (one pushed file), `lane` (help with one), `worker` (one job)."""

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
    for name, meaning in (("receive", "keep the file on standard input"), ("lane", "help a `receive` that runs")):
        receive = verbs.add_parser(name, help=meaning)
        receive.add_argument("--work", required=True, help="the work folder")
        receive.add_argument("--digest", required=True, help="SHA-256, hexadecimal")
        receive.add_argument("--size", required=True, type=int, help="bytes")
        receive.add_argument("--zstd", action="store_true", help="compressed frames may come")
    give = verbs.add_parser("give", help="write a file to standard output, for a neighbour")
    give.add_argument("--work", required=True, help="the work folder")
    give.add_argument("--digest", required=True, help="SHA-256, hexadecimal")
    give.add_argument("--from", dest="offset", type=int, default=0, help="bytes to leave out")
    for name, meaning in (("fetch", "fetch a file from the relay"), ("ask", "answer one question beside the session")):
        verbs.add_parser(name, help=meaning).add_argument("--work", required=True, help="the work folder")
    worker = verbs.add_parser("worker", help="one job; started by serve")
    worker.add_argument("--model", required=True)
    worker.add_argument("--carrier")
    worker.add_argument("--report-fd", required=True, type=int)
    worker.add_argument("--parent", required=True, type=int)
    chosen = parser.parse_args(argv)
    if chosen.verb == "serve":
        from agent.supervisor import serve as run_serve

        return run_serve(chosen.work, chosen.root)
    if chosen.verb in ("receive", "lane"):
        from agent import receiving

        run_receive = receiving.receive if chosen.verb == "receive" else receiving.help_receive
        return run_receive(chosen.work, chosen.digest, chosen.size, chosen.zstd)
    if chosen.verb == "fetch":
        from agent.fetching import fetch

        return fetch(chosen.work)
    if chosen.verb == "give":
        from agent.giving import give as run_give

        return run_give(chosen.work, chosen.digest, chosen.offset)
    if chosen.verb == "ask":
        from agent.asking import answer_aside

        return answer_aside(chosen.work)
    from agent.worker import main as run_worker

    run_worker(chosen.model, chosen.carrier, chosen.report_fd, chosen.parent)
    return 0


if __name__ == "__main__":
    if not __package__:
        # Started as a file of a source checkout (a worker of such an agent): the package is beside the folder.
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
