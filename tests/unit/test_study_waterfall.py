"""Waterfalls of stored sweeps whose truth is known: the steps that are found, and what each is said to gain."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.report.study.waterfall import waterfall_sheet
from orchestrator.report.study.waterfall_svg import waterfalls_svg
from orchestrator.runs import RunStatus
from orchestrator.study import Artifact, StudyCase, rows
from orchestrator.study.artifacts import networks
from orchestrator.study.chains import named_chains, parse_step, usual_chains
from orchestrator.study.plain_forms import PlainForms, parse_plain
from orchestrator.study.waterfall import Waterfall, waterfalls
from orchestrator.sweep import RuntimeChoice
from tests.studying import Planned, keep_study, student_model, teacher_model

TEACHER = teacher_model()
SMALL = replace(
    teacher_model(weights={"int8": 1}), name="bert-int8", digest="8" * 64, parent=TEACHER.digest, size_bytes=110_000_000
)
STUDENT = student_model()
OLD = RuntimeChoice("tflite-runtime", "2.13.0")
WHOLE = (
    Planned(TEACHER, ms=900, runtime=OLD, version="2.13.0", delegate="none"),
    Planned(TEACHER, ms=450, runtime=OLD, version="2.13.0"),
    Planned(TEACHER, ms=300),
    Planned(SMALL, ms=100),
    Planned(STUDENT, ms=10),
)

Kept = tuple[list[StudyCase], dict[str, Artifact]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "results.db"


@pytest.fixture(scope="module")
def whole(database: Path) -> Kept:
    _, cases, artifacts = keep_study(database, WHOLE)
    return cases, artifacts


def found_in(kept: Kept) -> list[Waterfall]:
    return waterfalls(usual_chains(*kept))


def test_the_usual_steps_are_found_with_their_true_gains(whole: Kept) -> None:
    (found,) = found_in(whole)
    assert (found.network, found.board, found.threads) == ("bert", "pi", 1)
    names = ["start", "delegate xnnpack", "runtime version", "precision", "architecture"]
    assert [step.name for step in found.steps] == names
    assert [step.model for step in found.steps] == ["bert", "bert", "bert", "bert-int8", "mini"]
    for step, gain, total in zip(found.steps[1:], (2, 1.5, 3, 10), (2, 3, 9, 90), strict=True):
        assert step.gain is not None and step.total is not None
        assert step.gain.value == pytest.approx(gain, rel=0.03)
        assert step.total.value == pytest.approx(total, rel=0.03)
        assert step.gain.low < step.gain.value < step.gain.high
    assert (found.steps[0].gain, found.steps[0].total) == (None, None)


def test_a_delegate_that_only_the_newest_runtime_has_comes_after_the_version(database: Path) -> None:
    bare = replace(WHOLE[2], delegate="none", ms=1000)
    _, cases, artifacts = keep_study(database, [WHOLE[0], bare, *WHOLE[2:]])
    (found,) = found_in((cases, artifacts))
    names = ["start", "runtime version", "delegate xnnpack", "precision", "architecture"]
    assert [step.name for step in found.steps] == names
    assert [step.gain.value > 1 for step in found.steps if step.gain is not None] == [False, True, True, True]


def test_steps_that_a_sweep_does_not_have_are_left_out(database: Path) -> None:
    _, cases, artifacts = keep_study(database, [WHOLE[2], WHOLE[3]])
    (found,) = found_in((cases, artifacts))
    assert [step.name for step in found.steps] == ["start", "precision"]


@pytest.mark.parametrize("planned", [[], [WHOLE[0]], [replace(WHOLE[0], status=RunStatus.CRASHED), WHOLE[3]]])
def test_without_two_steps_there_is_no_waterfall(database: Path, planned: list[Planned]) -> None:
    _, cases, artifacts = keep_study(database, planned or [replace(WHOLE[0], runs=0, owed=1)])
    assert found_in((cases, artifacts)) == []


def test_a_precision_that_is_slower_is_no_step(database: Path) -> None:
    _, cases, artifacts = keep_study(database, [WHOLE[2], replace(WHOLE[3], ms=500)])
    assert found_in((cases, artifacts)) == []


def test_boards_kinds_and_threads_have_waterfalls_of_their_own(database: Path) -> None:
    more = [replace(case, threads=4) for case in WHOLE[:2]]
    loops = [replace(case, device="loop", kind="loopback") for case in WHOLE[:2]]
    _, cases, artifacts = keep_study(database, [*WHOLE[:2], *more, *loops])
    assert [(one.board, one.threads) for one in found_in((cases, artifacts))] == [
        ("loop (loopback)", 1),
        ("pi", 1),
        ("pi", 4),
    ]


def chosen(kept: Kept, *steps: str) -> list[Waterfall]:
    return waterfalls(named_chains(kept[0], [parse_step(text) for text in steps]))


def test_named_steps_keep_what_the_one_before_said(whole: Kept) -> None:
    (found,) = chosen(
        whole,
        "plain: model=bert,runtime=tflite-runtime,version=2.13.0,delegate=none",
        "fast: delegate=xnnpack",
        "new: runtime=litert",
        "small: model=mini",
    )
    assert [(step.name, step.model) for step in found.steps] == [
        ("plain", "bert"),
        ("fast", "bert"),
        ("new", "bert"),
        ("small", "mini"),
    ]
    assert found.steps[-1].total is not None
    assert found.steps[-1].total.value == pytest.approx(90, rel=0.03)


def test_a_step_that_a_board_lacks_is_told_and_passed_over(database: Path) -> None:
    cases = [*WHOLE[1:4], replace(WHOLE[1], device="zero"), replace(WHOLE[3], device="zero")]
    _, kept, artifacts = keep_study(database, cases)
    old, new = "old: model=bert,runtime=tflite-runtime", "new: runtime=litert"
    found = chosen((kept, artifacts), old, new, "int8: model=bert-int8")
    zero = next(one for one in found if one.device == "zero")
    assert [(step.because, step.gain is None) for step in zero.steps] == [
        ("", True),
        ("no such case on this board", True),
        ("", False),
    ]


def test_a_step_that_means_several_cases_says_which(whole: Kept) -> None:
    with pytest.raises(UsageError, match=r"--step all: 3 cases on pi are meant: bert, tflite-runtime 2\.13\.0"):
        chosen(whole, "all: model=bert")


def test_a_step_that_means_no_case_is_refused(whole: Kept) -> None:
    with pytest.raises(UsageError, match="--step dsp: no case of the sweep has delegate=hexagon"):
        chosen(whole, "dsp: delegate=hexagon")


@pytest.mark.parametrize(
    "text", ["", "plain", ": model=a", "a:", "a: model", "a: colour=red", "a: model=b,model=c", "a: model="]
)
def test_a_wrong_step_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_step(text)
    assert "for example --step" in caught.value.hint


def test_a_case_has_the_plain_form_of_its_network_to_be_measured_from(whole: Kept) -> None:
    cases, artifacts = whole
    plain_forms = PlainForms(cases, artifacts, parse_plain("delegate=none"))
    found = {
        (row.model, row.runtime, row.delegate): row.over_plain for row in rows(cases, artifacts, {}, None, plain_forms)
    }
    small = found["bert-int8", "litert", "xnnpack"]
    assert small is not None
    assert small.value == pytest.approx(9, rel=0.03)
    assert found["mini", "litert", "xnnpack"] is None
    assert found["bert", "tflite-runtime", "none"] is None
    with pytest.raises(UsageError, match="--plain delegate=hexagon: no case"):
        PlainForms(cases, artifacts, parse_plain("delegate=hexagon"))


def test_artifacts_of_one_shape_are_one_network_whatever_their_format() -> None:
    tflite = Artifact("bert-fp32", "a", "tflite", 400, network="bert 128")
    onnx = Artifact("bert-fp32-onnx", "b", "onnx", 401, network="bert 128")
    child = Artifact("bert-int8", "c", "tflite", 100, parent="a")
    other = Artifact("mini", "d", "tflite", 20)
    assert networks([tflite, onnx, child, other]) == {"a": "bert-fp32", "b": "bert-fp32", "c": "bert-fp32", "d": "mini"}


def test_the_picture_is_well_formed_has_words_and_loads_nothing(whole: Kept) -> None:
    evil = '<script>alert("x")</script> & \x1b[2J \x00'
    (found,) = found_in(whole)
    steps = tuple(replace(step, name=evil, model=evil, setting=evil) for step in found.steps)
    svg = waterfalls_svg(evil, [found, replace(found, network=evil, device=evil, steps=steps)])
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title") is not None
    words = root.find(f"{space}desc")
    assert words is not None
    assert "precision 10" in (words.text or "") or "precision 9" in (words.text or "")
    assert {one.tag.removeprefix(space) for one in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
        "line",
    }
    assert "href" not in svg and "url(" not in svg and "@import" not in svg
    assert len([one for one in root.iter(f"{space}rect") if one.get("class") == "bar"]) == 8


def test_a_picture_of_nothing_says_so() -> None:
    assert "No step was measured." in waterfalls_svg("empty", [])


def test_a_sheet_has_a_line_a_step_with_plain_values(whole: Kept) -> None:
    sheet = waterfall_sheet("steps", found_in(whole))
    assert len(sheet.rows) == len(sheet.values) == 5
    assert sheet.values[1]["gain"] == pytest.approx(2, rel=0.05)
    assert sheet.values[0]["gain"] is None
