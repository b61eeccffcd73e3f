"""The agent's verbs: `serve` (the talk), `receive` (one pushed file), `lane` (help with one), `give` (a file for a
neighbour), `fetch` (a file from the relay), `ask` (one question beside the session), `worker` (one job), `duet` (one of
two jobs that take turns).

Only programs write these command lines, so nothing is spent on help and abbreviations.
"""

import os
import sys
from typing import Dict, List, Optional

USAGE_STATUS = 2


def main(argv: Optional[List[str]] = None) -> int:
    """Run one verb; the exit code. What is imported here is imported for every verb: keep it little."""
    verb, *words = (sys.argv[1:] if argv is None else argv) or [""]
    try:
        return _run(verb, _options(words))
    except _Misused as error:
        sys.stderr.write("dynofarm-agent %s: %s\n" % (verb, error))
        return USAGE_STATUS


class _Misused(Exception):
    """The command line makes no sense."""


class _Options(Dict[str, str]):
    def __missing__(self, name: str) -> str:
        raise _Misused("--%s is missing" % name)

    def number(self, name: str, usual: str = "") -> int:
        text = self.get(name, usual) if usual else self[name]
        if not text.isdigit():
            raise _Misused("--%s takes a number, not %r" % (name, text))
        return int(text)


def _options(words: List[str]) -> _Options:
    """`--name value` each; `--zstd` stands alone."""
    found, rest = _Options(), iter(words)
    for word in rest:
        if not word.startswith("--"):
            raise _Misused("what is %r?" % word)
        found[word[2:]] = "yes" if word == "--zstd" else next(rest, "")
    return found


def _run(verb: str, given: _Options) -> int:
    if verb == "serve":
        from agent.supervisor import serve

        return serve(given["work"], given.get("root", "/"))
    if verb in ("receive", "lane"):
        from agent import receiving

        receive = receiving.receive if verb == "receive" else receiving.help_receive
        return receive(given["work"], given["digest"], given.number("size"), "zstd" in given)
    if verb == "fetch":
        from agent.fetching import fetch

        return fetch(given["work"])
    if verb == "give":
        from agent.giving import give

        return give(given["work"], given["digest"], given.number("from", "0"))
    if verb == "ask":
        from agent.asking import answer_aside

        return answer_aside(given["work"])
    if verb in ("worker", "duet"):
        _measure(verb, given)
        return 0
    raise _Misused("no such verb")


def _measure(verb: str, given: _Options) -> None:
    started = (given["model"], given.get("carrier"), given.number("report-fd"), given.number("parent"))
    if verb == "worker":
        from agent.worker import main as work

        work(*started)
    else:
        from agent.duet_worker import main as play

        play(*started, given.number("partner-fd"))


if __name__ == "__main__":
    if not __package__:
        # Started as a file of a source checkout (a worker of such an agent): the package is beside the folder.
        sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
