"""`dynofarm compare` and `dynofarm baseline` over a real store, in every format."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator.cli.compare import FORMATS
from orchestrator.records import NoiseRecord
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice
from tests.cli.conftest import Dynofarm
from tests.comparisons import keep_sweep
from tests.making import MOMENT, make_conditions, make_model

QUIET = (10.0, 10.05, 9.95, 10.02, 9.98)
SLOW = tuple(one * 1.1 for one in QUIET)
EVIL = 'x"><script>alert(1)</script>|`*[a](b)&lt;'


def junit(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    tests = root.findall("testsuite/testcase")
    assert int(root.attrib["tests"]) == len(tests)
    for kind in ("failure", "skipped"):
        counted = root.attrib["failures" if kind == "failure" else kind]
        assert int(counted) == sum(test.find(kind) is not None for test in tests)
    return root


@pytest.fixture(scope="module")
def both_stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps: one board became slower, one did not, and each sweep has a board of its own."""
    folder = tmp_path_factory.mktemp("stored")
    keep_sweep(folder, {"kitchen": QUIET, "attic": QUIET, "raspberry": QUIET}, name="before")
    keep_sweep(folder, {"kitchen": SLOW, "attic": QUIET, "jetson": (1.0, 1.01, 0.99)}, name="after")
    return folder / "results.db"


@pytest.fixture
def two(empty: Path, both_stored: Path) -> Path:
    """A farm that has them."""
    (empty / "device_profiles").mkdir()
    shutil.copy(both_stored, empty / "results.db")
    return empty


# -------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("sides", [("1", "2"), ("before", "after"), ("sweep:1", "last"), ("1,before", "sweep:after")])
def test_two_sweeps_are_compared_case_by_case(dynofarm: Dynofarm, two: Path, sides: tuple[str, str]) -> None:
    found = dynofarm("compare", *sides, "--json").ok().json
    assert {case["first"]["device"]: case["answer"] for case in found["cases"]} == {
        "attic": "same",
        "kitchen": "slower",
    }
    assert {one["device"]: one["why"] for one in found["not_compared"]} == {"raspberry": "missing", "jetson": "missing"}
    (slow,) = [case for case in found["cases"] if case["answer"] == "slower"]
    assert slow["ratio"] == pytest.approx(1.1)
    assert slow["low"] < 1.1 < slow["high"]
    assert (slow["first"]["n"], slow["first"]["sweeps"], slow["second"]["sweeps"]) == (5, [1], [2])


def test_the_table_says_what_is_slower_what_is_left_out_and_from_where_on_it_counts(
    dynofarm: Dynofarm, two: Path
) -> None:
    said = dynofarm("compare", "before", "after").ok()
    (line,) = [line for line in said.out.splitlines() if line.startswith("kitchen")]
    assert line.split()[-8:] == ["1.100", *line.split()[-7:-4], "slower", "5", "+", "5"]
    assert "before → after: 1 slower, 1 same; 2 not compared" in said.out
    assert "not compared: jetson · bert · litert · 1 thread: not measured on the first side" in said.out
    assert "5.0 % on attic, kitchen, whose noise floor is not known (dynofarm noise --on attic)" in said.out
    warned = "1 difference between sweeps: what a board did in between is part of it"
    assert warned in said.out
    assert warned in dynofarm("compare", "before", "after", "--format", "markdown").ok().out
    words = ("before", "--by", "device", "attic", "kitchen")
    assert "between sweeps" not in dynofarm("compare", *words).ok().out


def test_the_noise_floor_of_a_board_decides_what_is_the_same(dynofarm: Dynofarm, two: Path) -> None:
    with Store.open(two / "results.db") as store:
        store.keep_noise(NoiseRecord("kitchen", 1, MOMENT, "bert", 5, 0.2, {}))
    assert {
        case["first"]["device"]: (case["answer"], case["threshold_from"], case["threshold"])
        for case in dynofarm("compare", "1", "2", "--json").ok().json["cases"]
    } == {"attic": ("same", "usual", 0.05), "kitchen": ("same", "noise floor", 0.2)}
    given = dynofarm("compare", "1", "2", "--json", "--threshold", "2%").ok().json["cases"]
    assert {case["threshold"] for case in given} == {0.02}


USUAL_CASE = {
    "device": "kitchen",
    "model": "bert",
    "runtime": "litert@2.3.0",
    "threads": "1",
    "delegate": "xnnpack",
}


@pytest.mark.parametrize(
    ("by", "other"),
    [("threads", "4"), ("delegate", "none"), ("model", "roberta"), ("runtime", "litert@2.4.0"), ("device", "attic")],
)
def test_boards_models_runtimes_threads_and_delegates_are_compared_when_asked(
    dynofarm: Dynofarm, farm: Path, by: str, other: str
) -> None:
    roberta = make_model("roberta")
    keep_sweep(farm, {"kitchen": QUIET})
    keep_sweep(farm, {"kitchen": SLOW}, jobs={"threads": 4})
    keep_sweep(farm, {"kitchen": SLOW}, jobs={"delegate": "none"})
    keep_sweep(farm, {"kitchen": SLOW}, jobs={"model": "roberta", "model_digest": roberta.digest}, models=[roberta])
    newer = {"result": {"runtime_version": "2.4.0"}}
    keep_sweep(farm, {"kitchen": SLOW}, jobs={"runtime": RuntimeChoice("litert", "2.4.0")}, runs=newer)
    keep_sweep(farm, {"attic": SLOW})
    rest = ",".join(f"{key}:{value}" for key, value in USUAL_CASE.items() if key != by)
    said = dynofarm("compare", "--by", by, f"{USUAL_CASE[by]},{rest}", f"{other},{rest}", "--format", "csv").ok()
    (row,) = csv.DictReader(io.StringIO(said.out))
    before, after = (text.partition("@")[2] or text for text in (USUAL_CASE[by], other))
    assert row["answer"] == "slower"
    assert row["version" if by == "runtime" else by] == f"{before} → {after}"


def test_a_sweep_and_two_values_are_two_sides(dynofarm: Dynofarm, two: Path) -> None:
    found = dynofarm("compare", "after", "--by", "device", "attic", "kitchen", "--json").ok().json
    (case,) = found["cases"]
    assert (found["first"], found["by"]) == ("after,device:attic", ["device"])
    assert (case["answer"], case["paired"]) == ("slower", False)


def test_boards_are_selected_by_their_tags(dynofarm: Dynofarm, two: Path) -> None:
    for name, tag in (("kitchen", "pi4"), ("attic", "pi5")):
        (two / "device_profiles" / f"{name}.yaml").write_text(f"host: 10.0.0.4\ntags: [{tag}]\n")
    found = dynofarm("compare", "tag:pi4,2", "tag:pi5,2", "--json").ok().json
    (case,) = found["cases"]
    assert (case["first"]["device"], case["second"]["device"]) == ("kitchen", "attic")
    assert "there are: attic, kitchen" in dynofarm("compare", "tag:pi6", "2").failed(2).err
    assert "no board has these tags" in dynofarm("compare", "tag:pi4,device:attic", "2").failed(2).err


def test_days_are_sides(dynofarm: Dynofarm, two: Path) -> None:
    found = dynofarm("compare", "2026-11-02..2026-11-04,before", "2026-11-02..2026-11-04,after", "--json").ok().json
    assert len(found["cases"]) == 2
    assert "matches no run" in dynofarm("compare", "2020-01-01", "last").failed(2).err


# ------------------------------------------------------------------------------------------------ what is refused


def test_another_governor_is_refused_by_name_and_allowed_by_name(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": QUIET})
    keep_sweep(farm, {"kitchen": QUIET}, runs={"result": {"conditions_before": make_conditions(governor="powersave")}})
    said = dynofarm("compare", "1", "2").failed(2)
    assert "governor: performance and powersave" in said.out
    assert "next: the sides differ in governor; if that is meant: --across governor" in said.err
    dynofarm("compare", "1", "2", "--across", "governor").ok()
    assert "boards are never paired" in dynofarm("compare", "1", "2", "--across", "device").failed(2).err
    assert "no such field" in dynofarm("compare", "1", "2", "--across", "weather").failed(2).err


def test_suspect_runs_stay_out_and_are_named(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": QUIET})
    keep_sweep(farm, {"kitchen": SLOW}, suspect=range(5))
    said = dynofarm("compare", "1", "2").failed(2)
    assert "all runs of the second side are suspect: throttled; next: --include-suspect" in said.out
    found = dynofarm("compare", "1", "2", "--include-suspect", "--json").ok().json
    assert [case["answer"] for case in found["cases"]] == ["slower"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("1",), "there is no baseline '1'"),
        (("before",), "with what shall before be compared?"),
        (("1", "2", "3"), "has two sides, not 3"),
        (("1", "nonsense"), "there is no sweep or baseline 'nonsense'"),
        (("1", "99"), "there is no sweep '99'"),
        (("1", "2,modle:bert"), "there is no 'modle'"),
        (("1", "2,model:nobody"), "there is no model 'nobody'"),
        (("1", "2", "--threshold", "5"), "is not a share"),
        (("1", "2", "--fail-on", "sadness"), "--fail-on sadness"),
        (("1", "2", "--format", "pdf"), "there are: table, json"),
        (("1", "2", "--format", "csv", "--json"), "contradict each other"),
        (("1", "2", "-o", "x.txt"), "a table is for the terminal"),
        (("1", "2", "--by", "colour"), "--by colour"),
        (("--by", "model", "bert"), "takes a sweep and two values"),
        (("1", "--by", "model", "a", "b", "c"), "takes a sweep and two values"),
        (("since:365d", "1"), "stand on both sides, and would be compared with themselves: of attic, kitchen"),
        (("1", "before"), "both sides are the same 15 runs"),
        (("9" * 30, "1"), "there is no sweep"),
        (("1", "2", "--replicate", "until-decided", "-o", "no/such/x.json", "--json"), "cannot be written"),
        (("1", "2", "--json", "-o", "no/such/folder/x.json"), "cannot be written"),
    ],
)
def test_a_wrong_question_is_one_sentence_with_a_way_out(
    dynofarm: Dynofarm, two: Path, words: tuple[str, ...], told: str
) -> None:
    said = dynofarm("compare", *words).failed(2)
    assert told in said.err
    assert "next: " in said.err
    assert said.out == ""


def test_sweeps_without_a_measured_run_are_said(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": QUIET})
    keep_sweep(farm, {"kitchen": QUIET}, status=RunStatus.CRASHED, name="broken")
    assert "'broken' has no measured run" in dynofarm("compare", "broken", "1").failed(2).err


def test_a_damaged_database_is_said(dynofarm: Dynofarm, two: Path) -> None:
    path = two / "results.db"
    for stale in two.glob("results.db-*"):
        stale.unlink()
    data = bytearray(path.read_bytes())
    data[16384 * 2 :] = b"\xff" * (len(data) - 16384 * 2)
    path.write_bytes(data)
    assert "results.db" in dynofarm("compare", "1", "2").failed(4).err


# ---------------------------------------------------------------------------------------------------------- gates


@pytest.mark.parametrize(
    ("gate", "status"),
    [("regression", 3), ("slower", 3), ("inconclusive", 3), ("regression,inconclusive", 3)],
)
def test_a_gate_ends_with_three_and_says_why(dynofarm: Dynofarm, two: Path, gate: str, status: int) -> None:
    said = dynofarm("compare", "1", "2", "--fail-on", gate).failed(status)
    told = "raspberry · bert" if gate == "inconclusive" else "gate: kitchen · bert · litert · 1 thread: slower, +10.0 %"
    assert told in said.err


def test_a_gate_passes_where_nothing_is_slower(dynofarm: Dynofarm, two: Path) -> None:
    dynofarm("compare", "1,device:attic", "2,device:attic", "--fail-on", "regression,slower,inconclusive").ok()
    dynofarm("compare", "2", "1", "--fail-on", "regression,slower").ok()
    said = dynofarm("compare", "1", "2", "--fail-on", "regression", "--threshold", "30%").ok()
    assert "gate: passed, with 1 case without an answer; --fail-on inconclusive minds them" in said.err
    alone = dynofarm("compare", "1,device:attic", "2,device:attic", "--fail-on", "regression").ok()
    assert "gate: passed" not in alone.err


def test_a_gate_that_could_compare_nothing_does_not_pass(dynofarm: Dynofarm, two: Path) -> None:
    keep_sweep(two, {"raspberry": QUIET}, jobs={"threads": 4})
    words = ("compare", "1", "3", "--fail-on", "regression")
    assert "gate: nothing was compared" in dynofarm(*words).failed(3).err
    root = junit(dynofarm(*words, "--format", "junit").failed(3).out)
    assert [test.attrib["name"] for test in root.iter("testcase") if test.find("failure") is not None] == [
        "is there anything to compare"
    ]


def test_no_format_says_that_a_gate_passes_that_had_nothing_to_look_at(dynofarm: Dynofarm, two: Path) -> None:
    keep_sweep(two, {"kitchen": QUIET}, status=RunStatus.CRASHED)
    keep_sweep(two, {"cellar": QUIET}, name="rest")
    words = ("compare", "1,device:kitchen", "sweep:3,sweep:4", "--fail-on", "slower")
    said = dynofarm(*words, "--format", "markdown").failed(3)
    assert "The gate fails:\n\n- nothing was compared" in said.out
    assert junit(dynofarm(*words, "--format", "junit").failed(3).out).attrib["failures"] == "1"


def test_a_model_that_crashes_now_is_a_regression(dynofarm: Dynofarm, two: Path) -> None:
    keep_sweep(two, {"kitchen": QUIET}, status=RunStatus.OUT_OF_MEMORY)
    keep_sweep(two, {"attic": QUIET}, name="rest")
    said = dynofarm("compare", "1", "sweep:3,sweep:4", "--fail-on", "regression").failed(3)
    assert "gate: kitchen · bert · litert · 1 thread: out of memory on the second side: it broke" in said.err


# -------------------------------------------------------------------------------------------------------- formats


def test_junit_is_xml_that_marks_the_regression_and_what_has_no_answer(
    dynofarm: Dynofarm, two: Path, tmp_path: Path
) -> None:
    path = tmp_path / "compare.xml"
    words = ("compare", "1", "2", "--format", "junit", "-o", str(path), "--fail-on", "regression")
    said = dynofarm(*words).failed(3)
    assert said.out == ""
    assert f"written to {path}" in said.err
    root = junit(path.read_text())
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == ("4", "1", "2")
    (failure,) = [test for test in root.iter("testcase") if test.find("failure") is not None]
    assert failure.attrib["name"] == "kitchen · bert · litert · 1 thread"
    assert float(failure.attrib["time"]) == pytest.approx(0.011)
    ungated = junit(dynofarm("compare", "1", "2", "--format", "junit").ok().out)
    assert ungated.attrib["failures"] == "1"


def test_names_and_messages_of_boards_spoil_no_format(dynofarm: Dynofarm, farm: Path) -> None:
    evil = make_model(EVIL)
    jobs: dict[str, Any] = {"model": EVIL, "model_digest": evil.digest, "options": {"x": "a|b\x1b[2J\x00\ud800"[:8]}}
    keep_sweep(farm, {"kitchen": QUIET, "attic": QUIET}, jobs=jobs, models=[evil])
    keep_sweep(farm, {"kitchen": SLOW}, jobs=jobs, models=[evil])
    said = {name: dynofarm("compare", "1", "2", "--format", name).ok().out for name in FORMATS}
    (failure,) = [test for test in junit(said["junit"]).iter("testcase") if test.find("failure") is not None]
    assert EVIL in failure.attrib["name"]
    assert json.loads(said["json"])["cases"][0]["first"]["model"] == EVIL
    rows = list(csv.DictReader(io.StringIO(said["csv"])))
    assert {row["model"] for row in rows} == {EVIL}
    assert "\x1b" not in said["table"] + said["junit"] + said["markdown"]
    rows_of_table = [line for line in said["markdown"].splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows_of_table} == {rows_of_table[0].count("|")}
    assert "<script>" not in said["markdown"].replace("\\<script\\>", "")


def test_markdown_for_a_pull_request_says_whether_the_gate_passes(dynofarm: Dynofarm, two: Path) -> None:
    said = dynofarm("compare", "1", "2", "--format", "markdown", "--fail-on", "regression").failed(3)
    assert said.out.startswith("**1 → 2: 1 slower, 1 same; 2 not compared**\n")
    assert "The gate fails:\n\n- kitchen" in said.out
    assert "| kitchen | bert | litert | 1 | 10.00 | 11.00 | 1.100 |" in said.out
    passed = dynofarm("compare", "2", "1", "--format", "markdown", "--fail-on", "regression").ok()
    unseen = "1 case without an answer; --fail-on inconclusive minds them"
    assert f"The gate passes, with {unseen}.\n" in passed.out
    assert "gate" not in dynofarm("compare", "2", "1", "--format", "markdown").ok().out


def test_a_comparison_of_single_runs_is_valid_json(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": [10.0]})
    keep_sweep(farm, {"kitchen": [11.0]})
    said = dynofarm("compare", "1", "2", "--json").ok()
    (case,) = json.loads(said.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))["cases"]
    assert (case["low"], case["high"], case["answer"], case["more_runs"]) == (None, None, "inconclusive", 4)
    table = dynofarm("compare", "1", "2").ok().out.splitlines()
    assert table[0].split()[-4:] == ["answer", "more", "runs", "runs"]
    assert table[1].split()[-5:] == ["inconclusive", "4", "1", "+", "1"]
    assert "inconclusive, 4 more runs" in dynofarm("compare", "1", "2", "--format", "markdown").ok().out


def test_what_finds_no_room_in_the_table_is_named(
    dynofarm: Dynofarm, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    said = dynofarm("compare", "1", "2").ok().out
    assert said.splitlines()[0].split() == ["device", "model", "runtime", "threads", "ratio", "95", "%", "answer"]
    assert "no room here for: first ms, second ms, runs" in said


# ------------------------------------------------------------------------------------------------------ baselines


def test_a_baseline_is_set_listed_shown_compared_with_and_removed(dynofarm: Dynofarm, two: Path) -> None:
    assert "there is no baseline yet" in dynofarm("baseline", "list").ok().err
    said = dynofarm("baseline", "set", "main", "before").ok()
    assert "baseline main: 15 runs" in said.err
    (row,) = dynofarm("baseline", "list", "--json").ok().json
    assert (row["name"], row["cases"], row["runs"], row["sweeps"]) == ("main", 3, 15, [1])
    assert "main" in dynofarm("baseline", "list").ok().out
    cases = dynofarm("baseline", "show", "main", "--json").ok().json
    assert {case["device"]: len(case["runs"]) for case in cases} == dict.fromkeys(("kitchen", "attic", "raspberry"), 5)
    for words in (("main",), ("baseline:main",), ("main", "after"), ("baseline:main", "last")):
        found = dynofarm("compare", *words, "--json").ok().json
        assert {case["first"]["device"]: case["answer"] for case in found["cases"]} == {
            "attic": "same", "kitchen": "slower",
        }  # fmt: skip
    dynofarm("compare", "main", "--fail-on", "regression").failed(3)
    dynofarm("baseline", "set", "main", "after", "--device", "kitchen").ok()
    keep_sweep(two, {"kitchen": SLOW}, name="again")
    dynofarm("compare", "main,device:kitchen", "last,device:kitchen", "--fail-on", "regression").ok()
    assert "5 runs forgotten" in dynofarm("baseline", "remove", "main", "--device", "attic").ok().err
    assert "has no board attic" in dynofarm("baseline", "remove", "main", "--device", "attic").failed(2).err
    dynofarm("baseline", "remove", "main").ok()
    assert dynofarm("baseline", "list", "--json").ok().json == []


def test_a_suspect_baseline_is_refused_with_its_reasons_unless_forced(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": QUIET, "attic": QUIET}, suspect=range(4))
    said = dynofarm("baseline", "set", "main", "1").failed(2)
    assert "kitchen · bert · litert · 1 thread: 4 of 5 runs suspect: throttled" in said.err
    assert "--force" in said.err
    assert dynofarm("baseline", "list", "--json").ok().json == []
    assert "8 runs of them suspect, as you wished" in dynofarm("baseline", "set", "main", "1", "--force").ok().err
    keep_sweep(farm, {"kitchen": QUIET, "attic": QUIET})
    found = dynofarm("compare", "main", "--json").ok().json
    assert [case["answer"] for case in found["cases"]] == ["same", "same"]
    assert found["cases"][0]["notes"] == ["with 4 runs that are suspect: throttled"]


def test_a_baseline_leaves_the_few_suspect_runs_out(dynofarm: Dynofarm, farm: Path) -> None:
    keep_sweep(farm, {"kitchen": QUIET}, suspect=[1])
    assert "1 run left out" in dynofarm("baseline", "set", "main").ok().err
    assert dynofarm("baseline", "list", "--json").ok().json[0]["runs"] == 4


def test_a_word_that_is_a_sweep_and_a_baseline_must_be_told_apart(dynofarm: Dynofarm, two: Path) -> None:
    dynofarm("baseline", "set", "before", "before").ok()
    assert "say which: sweep:before or baseline:before" in dynofarm("compare", "before", "after").failed(2).err
    dynofarm("compare", "baseline:before", "after").ok()
    dynofarm("compare", "sweep:before", "after").ok()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("set", "41", "before"), "cannot name a baseline"),
        (("set", "a,b", "before"), "cannot name a baseline"),
        (("set", "main", "nothing"), "there is no sweep 'nothing'"),
        (("set", "main", "before", "--device", "cellar"), "there is no device 'cellar'"),
        (("set", "main", "before", "--device", "cell*"), "has no measured run of these"),
        (("show", "main"), "there is no baseline 'main'"),
        (("remove", "main"), "there is no baseline 'main'"),
    ],
)
def test_a_wrong_baseline_is_one_sentence(dynofarm: Dynofarm, two: Path, words: tuple[str, ...], told: str) -> None:
    assert told in dynofarm("baseline", *words).failed(2).err


# -------------------------------------------------------------------------------------------------------- history


@pytest.fixture
def twelve(farm: Path) -> Path:
    """Twelve sweeps; from the seventh on a newer runtime, which is slower."""
    for number in range(12):
        newer = number >= 6
        level_ms = (10.8 if newer else 10.0) + 0.01 * (number % 3)
        version = {"result": {"runtime_version": "2.4.0"}} if newer else {}
        keep_sweep(farm, {"kitchen": [level_ms], "attic": [10.0 + 0.01 * (number % 3)]}, runs=version)
    return farm


def test_since_when_a_case_is_slower_is_told_with_what_changed_then(dynofarm: Dynofarm, twelve: Path) -> None:
    told = "slower by 8.0 % since 2026-11-03, first seen in sweep 7: runtime version 2.3.0 → 2.4.0"
    said = dynofarm("history").ok()
    assert f"kitchen · bert · litert · 1 thread: {told}" in said.out
    assert "attic · bert · litert · 1 thread: " not in said.out
    assert said.err == ""
    attic, kitchen = dynofarm("history", "--json").ok().json
    assert (attic["changes"], len(attic["points"])) == ([], 12)
    assert (attic["kind"], attic["emulated"], attic["apart"]) == ("real", None, "")
    (change,) = kitchen["changes"]
    assert (change["sweep_before"], change["sweep"]) == (6, 7)
    assert change["causes"] == ["runtime version 2.3.0 → 2.4.0"]


def test_a_history_can_be_narrowed_and_its_threshold_given(dynofarm: Dynofarm, twelve: Path) -> None:
    assert "no change that stands out" in dynofarm("history", "device:attic").ok().err
    assert "no change that stands out" in dynofarm("history", "--threshold", "10%").ok().err
    few = ",".join(f"sweep:{number}" for number in (1, 2, 3))
    assert "it takes 6 sweeps of a case to tell one" in dynofarm("history", few).ok().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("device:nobody",), "there is no device 'nobody'"),
        (("2020-01-01",), "matches no run"),
        (("--threshold", "5"), "is not a share"),
        (("colour:red",), "there is no 'colour'"),
    ],
)
def test_a_wrong_history_is_one_sentence(dynofarm: Dynofarm, two: Path, words: tuple[str, ...], told: str) -> None:
    assert told in dynofarm("history", *words).failed(2).err


def test_nothing_measured_yet_has_no_history(dynofarm: Dynofarm, farm: Path) -> None:
    assert "'all runs' matches no run" in dynofarm("history").failed(2).err
