"""What lies in a board's spool and cannot be read here stays there, and bars nobody."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import spool
from agent.places import Places
from agent.protocol import Failure, JobFailure, Result, encode
from orchestrator.errors import ProtocolBroken
from orchestrator.launch import Outcome
from orchestrator.runs import RunStatus
from tests.leaks import no_leaks
from tests.making import make_result
from tests.unit.this_machine import Bench

NEWER, NEWER_FAILURE, OURS = "b" * 32, "c" * 32, "d" * 32


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def places(bench: Bench) -> Places:
    found = Places(bench.device().work_dir)
    found.make()
    return found


def newer(message: Any, inside: str) -> bytes:
    """A message as a dynofarm with one more field would write it."""
    plain = json.loads(encode(message))
    plain[inside]["moon_phase"] = 0.5
    return json.dumps(plain).encode() + b"\n"


def lay(bench: Bench, job_id: str, line: bytes, age_s: int) -> None:
    """A sealed line in the spool; the oldest are sent first."""
    spool.keep(places(bench), job_id, line)
    path = Path(places(bench).spooled(job_id))
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def lay_newer_ones(bench: Bench) -> None:
    lay(bench, NEWER, newer(Result(make_result(NEWER)), "result"), 300)
    lay(bench, NEWER_FAILURE, newer(Failure(JobFailure(NEWER_FAILURE, "crashed", "")), "failure"), 200)
    lay(bench, OURS, encode(Result(make_result(OURS))), 100)


def test_results_of_a_newer_dynofarm_are_passed_over_and_stay(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    lay_newer_ones(bench)
    link = bench.link(bench.device())
    with caplog.at_level(logging.INFO, "orchestrator.session"):
        session = link.open(0.0)
        heard = []
        for outcome in session.collect():
            heard.append(outcome.job_id)
            session.acknowledge(outcome.job_id)
        assert list(session.collect()) == []
        link.close(politely=True)
    assert heard == [OURS]
    assert sorted(spool.waiting(places(bench))) == [NEWER, NEWER_FAILURE]
    told = "bench: 2 results on the board of another version of dynofarm: left for the one that planned it"
    assert caplog.text.count(told) == 2, "once a collect"
    assert "unknown key 'moon_phase'" in caplog.text


def test_a_board_with_results_of_a_newer_dynofarm_is_measured(bench: Bench) -> None:
    lay_newer_ones(bench)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device()])
    assert outcome == Outcome(1, {RunStatus.OK: 1}, 0)
    assert sorted(spool.waiting(places(bench))) == [NEWER, NEWER_FAILURE, OURS]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"Illegal instruction\n", "not a line of the protocol"),
        (b'{"kind":"result","result":{"job_id":"bbb\n', "not a line of the protocol"),
        (b'{"kind":"moonrise","result":{}}\n', "unknown kind 'moonrise'"),
        (b'{"kind":["result"]}\n', "unknown kind"),
        (b'{"kind":"probed","facts":{}}\n', "probed"),
        (b'["result"]\n', "no kind in the line"),
        (b"[" * 100_000 + b"\n", "not a line of the protocol"),
    ],
)
def test_what_is_no_outcome_at_all_is_a_broken_protocol(bench: Bench, line: bytes, told: str) -> None:
    lay(bench, NEWER, line, 300)
    link = bench.link(bench.device())
    session = link.open(0.0)
    with pytest.raises(ProtocolBroken, match=told):
        list(session.collect())
    link.close(politely=False)


def test_elsewhere_in_the_talk_an_outcome_that_cannot_be_read_is_a_broken_protocol(bench: Bench) -> None:
    lay(bench, NEWER, newer(Result(make_result(NEWER)), "result"), 300)
    model, link = bench.model(), bench.link(bench.device())
    session = link.open(0.0)
    assert link.facts is not None
    job = bench.job(model, job_id=NEWER)  # the board has its result already, and answers with it
    order = bench.supply(model).outfit(session, link.facts, job, [job])
    with pytest.raises(ProtocolBroken, match="unknown key 'moon_phase'"):
        session.run(order, lambda _stage: None)
    link.close(politely=False)
