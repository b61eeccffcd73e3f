"""`from orchestrator.api import Farm`: the same answers as the command line, as values."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.api import DynofarmError, Farm, SweepResult
from orchestrator.comparing import Answer
from orchestrator.errors import ConfigError, StoreError, UnknownName, UsageError
from orchestrator.events import BoardDone, Event, JobFinished, JobStarted, Noted
from orchestrator.farm import init_farm
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.comparisons import keep_sweep
from tests.farming import TestFarm
from tests.making import MOMENT, make_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A farm with two sweeps of one case, of which the second is a fifth slower."""
    root = tmp_path / "stored"
    init_farm(root)
    keep_sweep(root, {"kitchen": [10.0, 10.01, 9.99, 10.02, 9.98]})
    keep_sweep(root, {"kitchen": [12.0, 12.01, 11.99, 12.02, 11.98]})
    return root


@pytest.fixture
def measuring(farm: TestFarm, fake_model: Path) -> TestFarm:
    """A farm whose one board is this machine, and whose model needs no runtime."""
    farm.add_local()
    farm.run("model", "add", str(fake_model)).ok()
    return farm


def run_quickly(farm: Farm, sweep: str, **more: object) -> SweepResult:
    return farm.run(str(farm.folder.root / sweep), **more)


def test_a_sweep_runs_and_tells_what_happens(measuring: TestFarm) -> None:
    told: list[Event] = []
    path = measuring.sweep_of_fakes("local", repeats=2)
    with Farm(measuring.root) as farm:
        assert [device.name for device in farm.devices] == ["local"]
        assert [model.name for model in farm.models] == ["fake"]
        done = run_quickly(farm, path, progress=told.append)
        assert done.counts == {RunStatus.OK: 2}
        assert done.all_measured
        assert done.owed == 0
        assert done.record.progress.ok == 2
        assert [run.job_id for run in done.results()] == [run.job_id for run in farm.results({"sweep": done.sweep_id})]
        whole = farm.stored_run(done.results()[0].job_id)
        assert whole.run.result is not None
        assert len(whole.run.result.timing.latencies_ns) == done.results()[0].n
    kinds = [type(event) for event in told]
    assert kinds.count(JobStarted) == kinds.count(JobFinished) == 2
    assert BoardDone in kinds


def test_a_sweep_of_values_is_the_sweep_that_the_options_mean(measuring: TestFarm) -> None:
    with Farm(measuring.root) as farm:
        sweep = farm.sweep(
            "fake", on="local", runtimes=["fake"], threads=[1, 2], options={"sleep_ms": [1, 2]}, protocol="quick",
            repeats=1, reference=False, exclude=[{"threads": 2, "options.sleep_ms": 2}], name="by hand",
        )  # fmt: skip
        assert (sweep.name, sweep.threads, [one.name for one in sweep.runtimes]) == ("by hand", (1, 2), ["fake"])
        assert [dict(one) for one in sweep.options] == [{"sleep_ms": 1}, {"sleep_ms": 2}]
        stop = threading.Event()
        stop.set()
        done = farm.run(sweep, stop=stop)
        assert (done.owed, done.outcome.stopped) == (3, True), (
            "what is excluded is not planned, and nothing was started"
        )


def test_what_was_stopped_is_resumed(measuring: TestFarm) -> None:
    path = measuring.sweep_of_fakes("local", repeats=2)
    stop = threading.Event()
    stop.set()
    with Farm(measuring.root) as farm:
        done = run_quickly(farm, path, stop=stop)
        assert not done.all_measured
        again = farm.resume()
        assert (again.sweep_id, again.counts, again.owed) == (done.sweep_id, {RunStatus.OK: 2}, 0)
        with pytest.raises(UnknownName):
            farm.resume()


def test_a_callback_that_fails_ends_no_measurement(measuring: TestFarm, caplog: pytest.LogCaptureFixture) -> None:
    def fall(event: Event) -> None:
        raise RuntimeError("no window to draw in")

    with Farm(measuring.root) as farm:
        assert run_quickly(farm, measuring.sweep_of_fakes("local", repeats=1), progress=fall).all_measured
    assert "the callback for progress failed on JobFinished" in caplog.text


def test_a_board_in_quarantine_is_left_out_and_told(measuring: TestFarm) -> None:
    told: list[Event] = []
    path = measuring.sweep_of_fakes("local", repeats=1)
    with Store.open(measuring.root / "results.db") as store:
        store.quarantine("local", "it moved", MOMENT)
    with Farm(measuring.root) as farm:
        with pytest.raises(UsageError, match="every chosen board is in quarantine: local"):
            run_quickly(farm, path, progress=told.append)
        assert [type(event) for event in told] == [Noted]
        assert run_quickly(farm, path, include_quarantined=True).all_measured


def test_the_example_of_ten_lines_runs_as_it_stands(measuring: TestFarm) -> None:
    path = measuring.sweep_of_fakes("local", repeats=2, more="threads: [1, 2]\n")
    example = [sys.executable, str(ROOT / "examples" / "ten_lines.py"), path]
    said = subprocess.run(
        example, cwd=measuring.root, env=measuring.variables(), capture_output=True, text=True, timeout=90, check=False
    )
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [["local", "fake"]] * 4
    assert lines[4].startswith("local 1 → 2 ")
    assert lines[5].startswith("best: fake, fake ")
    assert "JobFinished" in said.stderr


def test_results_are_narrowed_by_the_words_of_the_command(folder: Path) -> None:
    farm = Farm(folder)
    assert len(farm.results()) == 10
    assert len(farm.results("sweep=1,device=kit*")) == 5
    assert len(farm.results({"sweep": 2, "model": ["bert"], "threads": [1, 4], "limit": 3})) == 3
    assert farm.results("status=crashed") == []


def test_two_sides_are_compared(folder: Path) -> None:
    with Farm(folder) as farm:
        (case,) = farm.compare(1, 2).cases
        assert (case.comparison.answer, round(case.comparison.ratio, 2)) == (Answer.SLOWER, 1.2)
        (case,) = farm.compare("1", threshold="30%").cases
        assert case.comparison.answer is Answer.SAME


def test_the_best_is_chosen(folder: Path) -> None:
    with Farm(folder) as farm:
        found = farm.best("kitchen", max_p90="50ms", max_rss="200MB")
        assert found.best is not None
        assert found.best.model == "bert"
        assert farm.best(max_p90="5ms").best is None


def test_a_closed_farm_opens_again(folder: Path) -> None:
    farm = Farm(folder)
    assert len(farm.sweeps) == 2
    farm.close()
    farm.close()
    assert [record.name for record in farm.sweeps] == ["nightly", "nightly"]
    farm.close()


def test_another_database_may_be_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with Store.open(other, create=True) as store:
        store.add_model(make_model("elsewhere"))
    with Farm(folder, other) as farm:
        assert [model.name for model in farm.models] == ["elsewhere"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["results", "speed=4"], UsageError),
        (["results", "model"], UsageError),
        (["results", "model=gpt"], UnknownName),
        (["results", {"limit": 0}], UsageError),
        (["results", {"every_attempt": "maybe"}], UsageError),
        (["results", {"sweep": [1, 2]}], UsageError),
        (["results", "since=tomorrow"], UsageError),
        (["compare", 1, 99], UnknownName),
        (["best", "attic"], UnknownName),
        (["stored_run", "zzz"], UnknownName),
        (["run", "nothing.yaml"], ConfigError),
        (["run", "gpt"], UsageError),
        (["run", []], UsageError),
        (["sweep", "bert"], None),
    ],
)
def test_what_cannot_be_is_an_error_with_a_hint(folder: Path, words: Sequence[object], error: type[Exception]) -> None:
    with Farm(folder) as farm:
        call = getattr(farm, str(words[0]))
        if error is None:
            assert call(*words[1:]).on == ("all",)
            return
        with pytest.raises(DynofarmError) as caught:
            call(*words[1:])
        assert isinstance(caught.value, error)
        assert caught.value.message


def test_a_folder_without_a_farm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no farm"):
        Farm(tmp_path)


def test_reading_makes_no_database(tmp_path: Path) -> None:
    init_farm(tmp_path / "fresh")
    farm = Farm(tmp_path / "fresh")
    for ask in (lambda: farm.models, farm.results, farm.best):
        with pytest.raises(StoreError, match="no results database"):
            ask()
    assert not (tmp_path / "fresh" / "results.db").exists()


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Farm(folder) as farm:
        farm.results()
        farm.best(max_p90="1ms")
        farm.compare(1, 2)
    assert capfd.readouterr() == ("", "")


def test_the_packages_say_that_they_are_typed() -> None:
    for package in ("orchestrator", "agent", "dynofarm"):
        assert (ROOT / package / "py.typed").is_file()
    assert sys.version_info >= (3, 11)


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to-use-from-python.md").read_text()
    example = (ROOT / "examples" / "ten_lines.py").read_text().partition('"""\n\n')[2].strip()
    assert example in page
