"""The next model, sent while this one measures: only where the profile allows it, and never without a trace."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import BoardLost
from orchestrator.events import JobFinished, JobStage, Pushing
from orchestrator.runs import RunStatus
from orchestrator.schedule.ahead import Ahead
from orchestrator.schedule.beside import Beside
from orchestrator.session import AgentSession
from orchestrator.trust.verdicts import Verdict
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench
from tests.waiting import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def launch(bench: Bench, *, allowed: bool) -> list[int]:
    """Two models on one board; at which places among all events each began to be sent."""
    models = [bench.model("one"), bench.model("two", note="another content, another hash")]
    sweep = bench.sweep(models[0], models=("one", "two"))
    outcome = bench.launcher().launch(sweep, models, [bench.device(push_while_measuring=allowed)])
    assert outcome.counts == {RunStatus.OK: 2}
    began: dict[str, int] = {}
    for at, event in enumerate(bench.heard):
        if isinstance(event, Pushing):
            began.setdefault(event.what, at)
    return list(began.values())


def finished(bench: Bench) -> list[int]:
    return [at for at, event in enumerate(bench.heard) if isinstance(event, JobFinished)]


def test_without_leave_a_model_is_sent_between_two_jobs(bench: Bench) -> None:
    _, second = launch(bench, allowed=False)
    assert second > finished(bench)[0]
    assert all("pushed_meanwhile" not in stored.run.result.details for stored in bench.store.whole_runs(1))  # type: ignore[union-attr]


def test_with_leave_it_is_sent_while_the_other_runs_and_that_run_is_suspect(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, pushes = AgentSession.push, []

    def while_the_clock_runs(session: AgentSession, *what: object, **more: object) -> object:
        pushes.append(what[0])
        if len(pushes) == 2:
            wait_until(lambda: any(event.stage == "timing" for event in bench.told(JobStage)))
        return whole(session, *what, **more)

    monkeypatch.setattr(AgentSession, "push", while_the_clock_runs)
    _, second = launch(bench, allowed=True)
    assert second < finished(bench)[0]
    assert len(pushes) == 2
    disturbed, other = bench.store.whole_runs(1)
    assert disturbed.run.result is not None
    assert other.run.result is not None
    assert disturbed.run.result.details["pushed_meanwhile"]["clocked_s"] > 0
    assert "pushed_meanwhile" not in other.run.result.details
    assert disturbed.judgement is not None
    assert disturbed.judgement.verdict is Verdict.SUSPECT
    assert "pushed_meanwhile" in {reason.code for reason in disturbed.judgement.reasons}


def test_a_push_that_breaks_is_left_to_the_jobs_own_turn() -> None:
    def broken() -> None:
        raise BoardLost("a", "a: the channel broke")

    ahead = Ahead("a", broken)
    ahead.join()
    began_s, ended_s = ahead.span()
    assert 0.0 <= ended_s - began_s < 60.0
    assert ahead.span() == (began_s, ended_s)


def until(done: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        assert done.wait(60)

    return wait


def test_what_fell_into_the_cooling_disturbed_no_clock() -> None:
    done, beside = threading.Event(), Beside()
    ahead = Ahead("a", until(done))
    beside.note("cooling")
    done.set()
    ahead.join()
    for name in ("loading", "warming_up", "timing", "finishing"):
        beside.note(name)
    traces = beside.traces([ahead.span()])
    assert traces["clocked_s"] == 0.0
    assert traces["s"] >= 0.0


def test_one_that_goes_on_when_the_run_is_over_counts_as_long_as_the_clock_ran() -> None:
    done, beside = threading.Event(), Beside()
    ahead = Ahead("a", until(done))
    beside.note("timing")
    time.sleep(0.02)
    beside.note("finishing")
    traces = beside.traces([ahead.span()])
    done.set()
    ahead.join()
    assert 0.02 <= traces["clocked_s"] <= traces["s"]
