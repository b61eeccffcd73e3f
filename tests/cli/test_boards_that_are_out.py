"""Quarantine, noise floors and health on the command line, in this process."""

from pathlib import Path

import pytest

from orchestrator.records import NoiseRecord
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm, keep_runs
from tests.farming import QUICKEST
from tests.making import MOMENT, make_job, make_run

REASON = "12 % slow since Tuesday 2026-11-03"


@pytest.fixture
def bench(dynofarm: Dynofarm, farm: Path, fake_model: Path, tmp_path: Path) -> Path:
    """A farm with this machine and the fake model."""
    dynofarm("device", "edit", "local", "--set", f"work_dir={tmp_path / 'work'}").ok()
    dynofarm("model", "add", str(fake_model), "--no-reference").ok()
    axes = "models: [fake]\nruntimes: [fake]\non: [all]\nrepeats: 1\noptions: {sleep_ms: 1}\nreference: false\n"
    (farm / "sweeps" / "fakes.yaml").write_text(axes + QUICKEST)
    return farm


def put_out(farm: Path, name: str = "local") -> None:
    with Store.open(farm / "results.db", create=True) as store:
        store.quarantine(name, REASON, MOMENT)


def test_a_sweep_leaves_a_board_in_quarantine_out_and_names_the_command(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("device", "add", "desk", "--local", "--no-check", "--work-dir", str(bench / "desk")).ok()
    put_out(bench, "desk")
    said = dynofarm("run", "sweeps/fakes.yaml").ok()
    told = f"desk is left out: in quarantine, {REASON}; next: dynofarm health --release desk"
    assert told in said.err.splitlines()
    assert [row["device"] for row in dynofarm("results", "--json").ok().json] == ["local"]


def test_naming_a_board_in_quarantine_does_not_put_it_back(dynofarm: Dynofarm, bench: Path) -> None:
    put_out(bench)
    for words in (("run", "sweeps/fakes.yaml", "--on", "local"), ("noise", "--on", "local")):
        said = dynofarm(*words).failed(2)
        assert "every chosen board is in quarantine: local" in said.err
        assert "--include-quarantined" in said.err
    assert "every chosen board" in dynofarm("run", "sweeps/fakes.yaml", "--dry-run").failed(2).err
    assert dynofarm("sweeps", "--json").ok().json == []


def test_a_board_in_quarantine_is_measured_when_asked_for(dynofarm: Dynofarm, bench: Path) -> None:
    put_out(bench)
    said = dynofarm("run", "sweeps/fakes.yaml", "--include-quarantined").ok()
    assert "local is measured all the same: in quarantine" in said.err
    dynofarm("run", "sweeps/fakes.yaml", "--include-quarantined", "--dry-run").ok()


def test_jobs_of_a_board_in_quarantine_stay_owed_when_a_sweep_goes_on(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    dynofarm("run", "sweeps/fakes.yaml").failed(4)
    dynofarm("device", "edit", "local", "--set", "python=python3").ok()
    put_out(bench)
    said = dynofarm("run", "--resume", "1").failed(1)
    assert "local is left out: in quarantine" in said.err
    assert "1 job is still to do; next: dynofarm run --resume 1" in said.err
    dynofarm("health", "--release", "local").ok()
    dynofarm("run", "--resume", "1").ok()


def owing_two(dynofarm: Dynofarm, bench: Path, options: str = "{sleep_ms: 1}") -> None:
    """Sweep 1, with jobs for `local` and for `shed`: the first was measured or failed, the second is owed."""
    nowhere = ("--python", "/nowhere/python3")
    dynofarm("device", "add", "shed", "--local", "--no-check", "--work-dir", str(bench / "shed"), *nowhere).ok()
    path = bench / "sweeps" / "fakes.yaml"
    path.write_text(path.read_text().replace("{sleep_ms: 1}", options))
    assert dynofarm("run", "sweeps/fakes.yaml").status == 1


def jobs_of(bench: Path) -> tuple[int, int]:
    """How many are planned in sweep 1, those of the reference model included, and how many are owed."""
    with Store.open(bench / "results.db") as store:
        return len(store.jobs(1)), len(store.owed_jobs(1))


def test_a_board_that_was_removed_keeps_no_other_from_going_on(dynofarm: Dynofarm, bench: Path) -> None:
    owing_two(dynofarm, bench, "{crash: exit}")
    dynofarm("device", "remove", "shed", "--yes").ok()
    said = dynofarm("run", "--resume", "1", "--retry", "crashed").failed(1)
    assert "shed is left out: it has no profile any more; to have its jobs measured: dynofarm device add …" in (
        said.err.splitlines()
    )
    assert "1 job is still to do; next: dynofarm run --resume 1" in said.err
    (again,) = dynofarm("results", "--sweep", "1", "--json").ok().json
    assert (again["device"], again["status"]) == ("local", "crashed")
    assert len(dynofarm("results", "--sweep", "1", "--every-attempt", "--json").ok().json) == 2, "it was tried again"


def test_a_sweep_of_removed_boards_alone_is_refused_before_anything_is_written(dynofarm: Dynofarm, bench: Path) -> None:
    owing_two(dynofarm, bench, "{crash: exit}")
    for name in ("shed", "local"):
        dynofarm("device", "remove", name, "--yes").ok()
    before = jobs_of(bench)
    told = dynofarm("run", "--resume", "1", "--retry", "crashed").failed(2)
    assert "sweep 1 has jobs for boards that have no profile any more: local, shed" in told.err
    assert jobs_of(bench) == before
    assert "shed is left out" not in told.err


def test_a_board_that_is_released_is_back(dynofarm: Dynofarm, bench: Path) -> None:
    put_out(bench)
    said = dynofarm("health", "--release", "local", "--why", "new power supply").ok()
    assert said.err == f"local is back in rotation; it was out: {REASON}\n"
    with Store.open(bench / "results.db") as store:
        assert store.quarantines("local")[0].released_why == "new power supply"
    again = dynofarm("health", "--release", "local", "--json").ok()
    assert again.json == [{"device": "local", "released": False, "new_baseline": False}]


def test_a_new_baseline_forgets_what_was_usual(dynofarm: Dynofarm, bench: Path) -> None:
    put_out(bench)
    said = dynofarm("health", "--new-baseline", "local").ok()
    assert "its history begins anew" in said.err
    with Store.open(bench / "results.db") as store:
        assert store.quarantined() == {}
    (row,) = dynofarm("sql", "select baseline from devices_view", "--json").ok().json
    assert row["baseline"] is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("health", "--release", "kitchn"), "there is no device 'kitchn'; known: local"),
        (("health", "--release", "local", "--on", "local"), "do not look at boards"),
        (("health", "--why", "because"), "--why goes with --release"),
        (("health", "--on", "kitchn"), "no board matches 'kitchn'"),
        (("noise", "--on", "kitchn"), "no board matches 'kitchn'"),
        (("noise", "--model", "nothing"), "there is no model 'nothing'"),
        (("noise", "--model", "*"), "means 2 models"),
        (("noise", "--runtime", "fake"), "--runtime goes with --model"),
        (("noise", "--protocol", "slow"), "--protocol"),
        (("noise", "--runs", "5"), "--runs"),
        (("noise", "--wait", "soon"), "--wait: 'soon' is not a duration"),
    ],
)
def test_what_makes_no_sense_is_refused(
    dynofarm: Dynofarm, bench: Path, fake_model: Path, words: tuple[str, ...], told: str
) -> None:
    fake_model.write_text(fake_model.read_text() + "\n")
    dynofarm("model", "add", str(fake_model), "--name", "other", "--no-reference").ok()
    assert told in dynofarm(*words).failed(2).err


def test_lists_and_pages_mark_a_board_in_quarantine_and_its_noise(dynofarm: Dynofarm, bench: Path) -> None:
    (row,) = dynofarm("device", "list", "--json").ok().json
    assert (row["noise_floor"], row["quarantine"]) == (None, None)
    assert "not measured; next: dynofarm noise --on local" in dynofarm("device", "show", "local").ok().out
    sweep_id = keep_runs(bench, [make_run(make_job(device="local"))])
    with Store.open(bench / "results.db") as store:
        store.keep_noise(NoiseRecord("local", sweep_id, MOMENT, "bert", 5, 0.021, {}))
    put_out(bench)
    (row,) = dynofarm("device", "list", "--json").ok().json
    assert (row["noise_floor"], row["noise_runs"], row["quarantine"]) == (0.021, 5, REASON)
    table = dynofarm("device", "list").ok().out
    assert "2.1 %" in table
    assert REASON in table
    page = dynofarm("device", "show", "local").ok().out
    assert "differences under 2.1 % (5 runs a side; measured 2026-11-03)" in page
    assert "out of rotation since 2026-11-03" in page
    standing = dynofarm("device", "show", "local", "--json").ok().json["standing"]
    assert (standing["floor"], standing["out_reason"]) == (0.021, REASON)


def test_the_noise_of_a_model_is_measured_stored_and_said(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("noise", "--model", "fake", "--runtime", "fake", "--runs", "6").ok()
    assert "local  6/6 fake · fake · 1 thread: " in said.err
    assert "are noise on local (3 runs a side)" in said.err
    with Store.open(bench / "results.db") as store:
        record = store.noise_floor("local")
        assert record is not None
        assert (record.model, record.runs, len(record.details["medians_ns"])) == ("fake", 3, 6)
        assert store.runs() == []
    assert dynofarm("sweeps", "--json").ok().json[0]["name"] == "noise"
    (row,) = dynofarm("noise", "--model", "fake", "--runtime", "fake", "--runs", "6", "--json", "-q").ok().json
    assert row["floor"] > 0
    assert row["runtime"] == "fake"


def test_a_noise_sweep_that_was_interrupted_is_reckoned_when_it_is_complete(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    said = dynofarm("noise", "--model", "fake", "--runtime", "fake", "--runs", "6").failed(4)
    assert "local: no floor: 6 of 6 runs are still to do" in said.err
    assert "next: dynofarm run --resume 1" in said.err
    dynofarm("device", "edit", "local", "--set", "python=python3").ok()
    assert "are noise on local" in dynofarm("run", "--resume").ok().err


def test_a_model_that_does_not_run_has_no_floor_and_says_why(dynofarm: Dynofarm, bench: Path) -> None:
    (row,) = dynofarm("noise", "--model", "fake", "--runs", "6", "--json", "-q").failed(1).json
    assert row["floor"] is None
    assert "0 of 1 runs are of use" in row["why"]
