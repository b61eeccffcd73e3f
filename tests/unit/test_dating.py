"""When a result that waited on a board was measured, as it is stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import spool
from agent.places import Places
from agent.protocol import Result, encode
from orchestrator.runs import RunStatus
from tests.leaks import no_leaks
from tests.making import make_conditions, make_result
from tests.unit.this_machine import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


@pytest.mark.parametrize("utc", ["1970-01-01T00:01:40+00:00", "2026-01-01T00:00:00+00:00"])
def test_a_result_of_a_board_without_a_clock_that_was_started_anew_is_not_older_than_its_sweep(
    bench: Bench, utc: str
) -> None:
    model = bench.model()
    bench.launcher().launch(bench.sweep(model), [model], [bench.device(python="/nowhere/python3")])
    (job,) = bench.store.owed_jobs(1)
    then = make_conditions(utc=utc, boot_id="former")
    found = Places(bench.device().work_dir)
    found.make()
    result = make_result(job.job_id, conditions_before=then, conditions_after=then)
    spool.keep(found, job.job_id, encode(Result(result)))
    assert bench.launcher().resume(1, [bench.device()]).counts == {RunStatus.OK: 1}
    run = bench.store.run(job.job_id).run
    assert timedelta() < datetime.now(UTC) - run.finished < timedelta(minutes=5)
