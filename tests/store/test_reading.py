"""Lists for people out of many runs, read without SQLAlchemy."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.errors import StoreDamaged, StoreError
from orchestrator.records import RunFilter, RunSummary
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store, cases
from orchestrator.store.engine import raw
from orchestrator.store.filters import narrow
from orchestrator.store.moments import to_text
from orchestrator.store.reading import open_reader
from orchestrator.store.runs import prepare, save
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Verdict
from tests.making import MOMENT, make_job, make_model, make_result, make_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def busy(store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty boards with five runs each, an hour apart; the later a board's name, the slower it is. More than 200 are
    more than people read, here."""
    monkeypatch.setattr(cases, "RUNS_READ", 200)
    monkeypatch.setattr(cases, "LEAST_RUNS_A_CASE", 2)
    models = [make_model()]
    made = [prepare(make_run(make_job(), result=make_result(latencies_ns=[10**6 * (1 + at)]))) for at in range(60)]
    jobs = [make_job(f"{at:02}-{block}", device=f"b{at:02}", block=block) for block in range(5) for at in range(60)]
    store.create_sweep(Sweep("long", ("bert",), ("all",)), jobs, models, MOMENT)
    with store._database.write() as connection:
        for number, job in enumerate(jobs):
            one = made[number % 60]
            at = to_text(MOMENT + timedelta(hours=job.block, seconds=number % 60))
            verdict = "suspect" if number % 3 else "trusted"
            row = one.row | {"started": at, "finished": at, "verdict": verdict}
            assert save(raw(connection), replace(one, run=replace(one.run, job=job), row=row))
    return store.path


def boards(runs: cases.Excerpt) -> list[str]:
    return list(dict.fromkeys(run.device for run in runs.runs))


def test_of_very_many_runs_the_cases_that_ran_last_are_shown(busy: Path) -> None:
    with open_reader(busy) as reader:
        found = reader.first_cases(RunFilter())
    assert (found.cases, found.all_cases, found.each, found.of_newest) == (50, 60, 2, True)
    assert boards(found) == [f"b{board:02}" for board in range(10, 60)]
    assert len(found.runs) == 100
    assert min(run.started for run in found.runs) == MOMENT + timedelta(hours=3, seconds=10)


def test_in_another_order_the_first_cases_of_it_are_shown(busy: Path) -> None:
    with open_reader(busy) as reader:
        fastest = reader.first_cases(RunFilter(sort="p50"))
        slowest = reader.first_cases(RunFilter(sort="p50", descending=True))
        by_load = reader.first_cases(RunFilter(sort="device"))
    assert boards(fastest)[:2] == ["b00", "b01"]
    assert boards(slowest)[:2] == ["b59", "b58"]
    assert boards(by_load)[0] == "b00"


def test_what_is_narrowed_down_is_shown_whole(busy: Path) -> None:
    with open_reader(busy) as reader:
        one = reader.first_cases(RunFilter(devices=("b0[1-9]",)))
        lately = reader.first_cases(RunFilter(since=MOMENT + timedelta(hours=2)))
        none = reader.first_cases(RunFilter(statuses=(RunStatus.LOST,)))
    assert (one.cases, one.of_newest, len(one.runs)) == (9, False, 45)
    assert (lately.cases, lately.of_newest, len(lately.runs)) == (60, False, 180)
    assert (none.cases, none.runs) == (0, ())


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(),
        RunFilter(descending=True),
        RunFilter(sort="p50"),
        RunFilter(sort="p50", descending=True),
        RunFilter(sort="p99"),
        RunFilter(sort="mean", verdicts=(Verdict.TRUSTED,)),
        RunFilter(sort="device", descending=True),
        RunFilter(verdicts=(Verdict.SUSPECT,), since=MOMENT + timedelta(hours=1)),
        RunFilter(devices=("b[0-4]*",)),
        RunFilter(devices=("b5*",), sweep="long"),
        RunFilter(statuses=(RunStatus.OK,), until=MOMENT + timedelta(hours=3), every_attempt=True),
        RunFilter(roles=(), purposes=()),
    ],
)
def test_an_excerpt_shows_what_looking_at_every_run_would(
    busy: Path, monkeypatch: pytest.MonkeyPatch, wanted: RunFilter
) -> None:
    with open_reader(busy) as reader:
        monkeypatch.setattr(cases, "RUNS_READ", 40)
        short = reader.first_cases(wanted)
        monkeypatch.setattr(cases, "RUNS_READ", 10_000)
        whole = reader.first_cases(wanted)
        every = list(reader.each_run(wanted))
    assert sorted(run.job_id for run in whole.runs) == sorted(run.job_id for run in every)
    of_cases: dict[str, list[RunSummary]] = {}
    for run in whole.runs:
        of_cases.setdefault(run.case_key, []).append(run)
    in_time = wanted.sort == "started" and not wanted.descending
    shown = list(of_cases.values())[-50 if in_time else 0 :][:50]
    assert short.all_cases == len(of_cases)
    assert list(short.runs) == [run for runs in shown for run in runs[-short.each :]]
    assert short.of_newest == any(len(runs) > short.each for runs in shown)


def test_a_filter_that_no_case_or_every_case_fulfils_is_not_asked_of_runs(busy: Path) -> None:
    with open_reader(busy) as reader:
        connection = reader._connection
        assert narrow(connection, RunFilter(roles=(Role.ENERGY,), purposes=())).cells == "0"
        assert reader.newest_runs(RunFilter(roles=(Role.ENERGY,)), 10) == []
        assert narrow(connection, RunFilter(roles=(Role.CASE,), devices=("b*",))).condition == "NOT run.replaced"
        assert narrow(connection, RunFilter(devices=("b0*",))).of_few


def test_the_newest_of_a_rare_kind_are_the_newest_of_it(busy: Path) -> None:
    with open_reader(busy) as reader:
        newest = reader.newest_runs(RunFilter(verdicts=(Verdict.TRUSTED,)), 3)
        assert [run.device for run in newest] == ["b51", "b54", "b57"]
        assert newest == list(reader.each_run(RunFilter(verdicts=(Verdict.TRUSTED,))))[-3:]


def test_the_newest_runs_come_in_order_of_time(busy: Path) -> None:
    with open_reader(busy) as reader:
        newest = reader.newest_runs(RunFilter(), 3)
        assert [run.device for run in newest] == ["b57", "b58", "b59"]
        assert reader.count_runs(RunFilter()) == 300
        assert [run.device for run in reader.newest_runs(RunFilter(sort="p50"), 2)] == ["b00", "b00"]


def test_medians_of_a_sweep_are_grouped_by_case_with_their_blocks(busy: Path) -> None:
    with open_reader(busy) as reader:
        found = reader.medians(RunFilter(sweep="long"))
    assert len(found) == 60
    blocks, medians = zip(*found[make_job(device="b07").case_key], strict=True)
    assert blocks == tuple(range(5))
    assert set(medians) == {8_000_000.0}


def test_reader_and_store_give_the_same_runs(busy: Path) -> None:
    wanted = replace(RunFilter(), devices=("b1*",), sort="p50", descending=True, limit=77)
    with open_reader(busy) as reader, Store.open(busy) as store:
        assert list(reader.each_run(wanted)) == store.runs(wanted)


def test_looking_at_results_imports_only_what_that_takes(busy: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from orchestrator.records import RunFilter\n"
        "from orchestrator.store.reading import open_reader\n"
        "with open_reader(pathlib.Path(sys.argv[1])) as reader: print(len(reader.first_cases(RunFilter()).runs))\n"
        "heavy = {'sqlalchemy', 'alembic', 'numpy', 'agent.protocol', 'orchestrator.comparing'}\n"
        "print(sorted(heavy.intersection(sys.modules)))\n"
    )
    argv = [sys.executable, "-c", code, str(busy)]
    done = subprocess.run(argv, cwd=ROOT, timeout=100, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["300", "[]"], done.stderr


def test_whoever_reads_sees_one_state_while_others_write(store: Store) -> None:
    jobs = [make_job(f"job-{index}") for index in range(2)]
    store.create_sweep(Sweep("s", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
    store.save_run(make_run(jobs[0]))
    with open_reader(store.path) as reader:
        assert reader.count_runs(RunFilter()) == 1
        store.save_run(make_run(jobs[1]))
        assert len(list(reader.each_run(RunFilter()))) == 1
    with open_reader(store.path) as reader:
        assert reader.count_runs(RunFilter()) == 2


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results database"), open_reader(tmp_path / "none.db"):
        pass
    (tmp_path / "text.db").write_text("this is a text, and a long one at that")
    with pytest.raises(StoreDamaged, match="not an SQLite database"), open_reader(tmp_path / "text.db"):
        pass
