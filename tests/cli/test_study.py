"""`table`, `claims` and `waterfall` over a real store."""

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.farm import init_farm
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice
from tests.cli.conftest import Dynofarm
from tests.studying import Planned, keep_study, student_model, teacher_model

TEACHER, STUDENT = teacher_model(), student_model()
CASES = (
    Planned(TEACHER, ms=900, delegate="none"),
    Planned(TEACHER, ms=300),
    Planned(STUDENT, ms=10),
    Planned(TEACHER, device="loop", kind="loopback", status=RunStatus.OUT_OF_MEMORY, message="killed at 512 MB"),
    Planned(STUDENT, device="loop", kind="loopback", ms=20),
)
HOLDS = ("items_per_s >= 1 on every device", "file_bytes ratio teacher/student >= 160")
FAILS, UNDECIDED = "p90_ms <= 5", "accuracy drop <= 4.1 points"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A farm with an empty database, made once."""
    root = tmp_path_factory.mktemp("made") / "farm"
    init_farm(root)
    Store.open(root / "results.db", create=True).close()
    return root


@pytest.fixture
def farm(made: Path, empty: Path) -> Path:
    """A copy of it in the folder where the commands run."""
    shutil.copytree(made, empty, dirs_exist_ok=True)
    return empty


@pytest.fixture
def database(farm: Path) -> Path:
    return farm / "results.db"


def keep(database: Path, planned: Sequence[Planned] = CASES, claims: Sequence[str] = ()) -> int:
    return keep_study(database, planned, claims=tuple(claims))[0]


def test_the_table_has_a_row_a_case_and_its_claims(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, claims=[*HOLDS, FAILS, UNDECIDED])
    said = dynofarm("table", "last").ok().out
    assert len([line for line in said.splitlines() if line.startswith(("pi ", "loop (loopback) "))]) == 5
    assert "infeasible: out of memory" in said
    assert "The teacher is bert, 438,000,000 bytes" in said
    assert f"holds: {HOLDS[0]}: in all 2 cases" in said
    assert f"fails: {FAILS}: mini on loop (loopback)" in said
    assert f"undecided: {UNDECIDED}: mini on loop (loopback)" in said


def test_the_last_sweep_is_meant_where_none_is_named(dynofarm: Dynofarm, database: Path) -> None:
    keep(database)
    assert dynofarm("table").ok().out == dynofarm("table", "study").ok().out


@pytest.mark.parametrize("suffix", ["md", "csv", "tex", "html", "json"])
def test_a_table_is_written_as_its_suffix_says(dynofarm: Dynofarm, database: Path, suffix: str) -> None:
    keep(database)
    said = dynofarm("table", "last", "-o", f"study.{suffix}").ok()
    assert said.out == ""
    assert f"5 rows written to study.{suffix}" in said.err
    text = Path(f"study.{suffix}").read_text()
    assert "438,000,000" in text or "438000000" in text
    assert text.count("loopback") >= 2


def test_the_columns_are_those_that_were_asked_for(dynofarm: Dynofarm, database: Path) -> None:
    keep(database)
    said = dynofarm("table", "last", "--columns", "model, device,p50_ms", "--format", "csv").ok().out
    rows = list(csv.DictReader(io.StringIO(said)))
    assert list(rows[0])[:5] == ["model", "model_digest", "device", "device_kind", "p50_ms"]
    assert "no such column" in dynofarm("table", "last", "--columns", "speed").failed(2).err


def test_a_case_is_compared_with_the_plain_form_of_its_network(dynofarm: Dynofarm, database: Path) -> None:
    keep(database)
    said = dynofarm("table", "last", "--plain", "delegate=none", "--format", "json").ok().json
    (gain,) = [row["over_plain"] for row in said["rows"] if row["over_plain"]]
    assert gain == pytest.approx(3, rel=0.05)
    assert "is no KEY=VALUE" in dynofarm("table", "last", "--plain", "fast").failed(2).err


def test_the_teacher_is_the_one_that_was_named_else_that_of_the_sweep(dynofarm: Dynofarm, database: Path) -> None:
    keep_study(database, CASES, teacher="mini")
    assert dynofarm("table", "--format", "json").ok().json["rows"][0]["teacher"] == "mini"
    assert dynofarm("table", "--teacher", "bert", "--format", "json").ok().json["rows"][0]["teacher"] == "bert"
    assert "--teacher gpt: no such model" in dynofarm("table", "--teacher", "gpt").failed(2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("table", "nightly"), "nightly"),
        (("claims", "99"), "99"),
        (("waterfall", "nightly"), "nightly"),
        (("table", "last", "--format", "xls"), "no such format"),
        (("table", "last", "-o", "study.xls"), "which format?"),
        (("table", "last", "-o", "nowhere/study.md"), "cannot be written"),
        (("waterfall", "last", "--step", "fast"), "expected NAME: KEY=VALUE"),
        (("waterfall", "last", "--step", "fast: delegate=gpu"), "no case of the sweep has delegate=gpu"),
    ],
)
def test_what_there_is_not_is_refused(dynofarm: Dynofarm, database: Path, words: tuple[str, ...], said: str) -> None:
    keep(database)
    assert said in dynofarm(*words).failed(2).err


@pytest.mark.parametrize("verb", ["table", "claims", "waterfall"])
def test_a_farm_without_sweeps_says_what_to_do(dynofarm: Dynofarm, farm: Path, verb: str) -> None:
    assert "next:" in dynofarm(verb).failed(2).err


def test_claims_that_all_hold_end_well(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, claims=HOLDS)
    assert dynofarm("claims", "last", "--enforce").ok().out.count("holds") == 2


@pytest.mark.parametrize("claim", [FAILS, UNDECIDED, "p90_ms <= 5 for nobody"])
def test_an_enforced_claim_that_does_not_hold_ends_with_three(dynofarm: Dynofarm, database: Path, claim: str) -> None:
    keep(database, claims=[HOLDS[0], claim])
    dynofarm("claims", "last").ok()
    dynofarm("claims", "last", "--enforce").failed(3)
    dynofarm("claims", "last", "--enforce", "--json").failed(3)


def test_the_claims_of_a_file_go_before_the_stored_ones(dynofarm: Dynofarm, farm: Path, database: Path) -> None:
    keep(database, claims=[FAILS])
    (farm / "sweeps/tweets.yaml").write_text(
        "models: bert\nteacher: mini\nclaims:\n  - items_per_s >= 1 for bert at best\n"
    )
    said = dynofarm("claims", "last", "sweeps/tweets.yaml", "--json").ok().json
    assert [one["claim"] for one in said] == ["items_per_s >= 1 for bert at best"]
    assert said[0]["outcome"] == "fails"
    assert {case["outcome"] for case in said[0]["cases"]} == {"holds", "fails"}
    assert "infeasible: out of memory" in said[0]["because"]


def test_a_wrong_claim_of_a_file_is_told_with_its_line(dynofarm: Dynofarm, farm: Path, database: Path) -> None:
    keep(database)
    (farm / "sweeps/tweets.yaml").write_text("models: bert\nclaims:\n  - p90 <= 45\n")
    said = dynofarm("claims", "last", "sweeps/tweets.yaml", "--enforce").failed(2).err
    assert "sweeps/tweets.yaml:3:5: claims[0]: found 'p90 <= 45' (character 1: 'p90' stands where" in said


def test_a_sweep_without_claims_says_so(dynofarm: Dynofarm, database: Path) -> None:
    keep(database)
    said = dynofarm("claims", "last", "--enforce").ok()
    assert (said.out, "makes no claims" in said.err) == ("", True)
    assert dynofarm("claims", "last", "--json").ok().json == []


def test_a_stored_claim_that_no_version_knows_is_one_sentence(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, claims=["watts <= 4"])
    for words in (("table", "last"), ("claims", "last")):
        assert "character 1: 'watts' stands where there must be a figure" in dynofarm(*words).failed(2).err


def test_what_is_still_owed_is_told(dynofarm: Dynofarm, database: Path) -> None:
    number = keep(database, [CASES[2], replace(CASES[2], threads=2, runs=0, owed=3)])
    said = dynofarm("table").ok().out
    assert "not run yet" in said
    assert f"3 of 8 jobs are still owed: dynofarm run --resume {number}" in said


STEPS = (
    Planned(TEACHER, ms=900, runtime=RuntimeChoice("tflite-runtime", "2.13.0"), version="2.13.0", delegate="none"),
    *CASES[1:3],
)


def test_a_waterfall_is_printed_and_drawn(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, STEPS)
    steps = ("--step", "plain: delegate=none", "--step", "fast: runtime=litert,delegate=xnnpack,model=bert")
    said = dynofarm("waterfall", "last", *steps).ok().out
    assert [line.split()[3] for line in said.splitlines()[1:3]] == ["plain", "fast"]
    assert "1 waterfall written to steps.svg" in dynofarm("waterfall", "last", *steps, "-o", "steps.svg").ok().err
    assert Path("steps.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("output_format", "begin"), [("svg", "<svg"), ("html", "<!DOCTYPE"), ("latex", "%"), ("csv", "device,")]
)
def test_a_waterfall_comes_in_every_format(dynofarm: Dynofarm, database: Path, output_format: str, begin: str) -> None:
    keep(database, [replace(CASES[0]), CASES[1]])
    said = dynofarm("waterfall", "last", "--format", output_format).ok().out
    assert said.startswith(begin)
    assert ("<svg" in said) == (output_format in ("svg", "html"))


def test_a_sweep_without_steps_says_what_to_do(dynofarm: Dynofarm, database: Path) -> None:
    keep(database, [CASES[2]])
    said = dynofarm("waterfall", "last").ok()
    assert (said.out, "next: name them with --step" in said.err) == ("", True)
