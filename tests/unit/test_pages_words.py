"""The summary in words: every sentence of the data, and nothing faster than its runs prove."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.metrics import Estimate
from orchestrator.pages.badges import Tone
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.fastest import fastest
from orchestrator.pages.sections.leaders import find_leaders
from orchestrator.pages.sections.sentences import joined, listed
from orchestrator.pages.sections.words import asked, doubts, missing, ran, summary
from orchestrator.records import FaultKind, LinkFault
from orchestrator.runs import RunStatus
from orchestrator.sweep import RuntimeChoice
from orchestrator.trust.verdicts import Verdict
from tests.making import MOMENT
from tests.paging import facts_of, hostile_sweep, known_sweep, planned_facts
from tests.studying import Planned, student_model, teacher_model


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> SweepFacts:
    """Read once, since nothing changes it."""
    path = tmp_path_factory.mktemp("known") / "results.db"
    known_sweep(path)
    return facts_of(path)


def said(found: object) -> str:
    return " ".join(found.sentences)


def test_a_case_that_is_clearly_faster_is_called_so_with_its_interval(database: Path) -> None:
    facts = planned_facts(database, [Planned(teacher_model(), 100.0), Planned(student_model(), 10.0)])
    text = said(fastest(facts))
    assert "pi: mini has the shortest p50 of the trusted cases, " in text
    assert "It is faster than the only other trusted case there; the next is bert, which takes" in text
    assert "times as long (" in text


def test_two_cases_within_the_threshold_are_the_same_and_neither_is_faster(database: Path) -> None:
    cases = [Planned(student_model(), 10.0, spread=0.001), Planned(student_model("twin"), 10.05, spread=0.001)]
    text = said(fastest(planned_facts(database, cases)))
    assert "The same within 5.0 %: " in text
    assert "faster than" not in text


def test_cases_that_their_runs_cannot_tell_apart_are_named_so_and_runs_are_asked_for(database: Path) -> None:
    cases = [Planned(student_model(), 10.0, spread=0.3), Planned(student_model("twin"), 10.8, spread=0.3)]
    text = said(fastest(planned_facts(database, cases)))
    assert "Not to be told from it with these runs: " in text
    assert "more runs a side would settle the nearest" in text
    assert "faster than" not in text


def test_one_run_a_case_proves_nothing(database: Path) -> None:
    cases = [Planned(teacher_model(), 100.0, runs=1), Planned(student_model(), 10.0, runs=1)]
    facts = planned_facts(database, cases)
    assert "faster than" not in said(fastest(facts))
    assert "2 cases with fewer than 3 runs" in said(doubts(facts))


def test_an_emulated_board_has_no_fastest_case(database: Path) -> None:
    facts = planned_facts(database, [Planned(student_model(), 10.0, device="emu", kind="emulated")])
    assert said(fastest(facts)) == (
        "emu (emulated): no fastest case is named, because it is emulated: its times say nothing of a real board."
    )
    assert doubts(facts).tone is Tone.DOUBT


def suspected(facts: SweepFacts, model: str) -> SweepFacts:
    rows = tuple(replace(row, verdict=Verdict.SUSPECT) if row.model == model else row for row in facts.rows)
    return replace(facts, rows=rows)


def test_a_suspect_case_does_not_win_but_is_not_hushed_up(database: Path) -> None:
    facts = planned_facts(database, [Planned(teacher_model(), 100.0), Planned(student_model(), 10.0)])
    text = said(fastest(suspected(facts, "mini")))
    assert "bert has the shortest p50 of the trusted cases" in text
    assert "1 case that is not trusted has a shorter one, down to" in text
    assert "It is the only trusted case on pi: there is nothing to compare it with." in text


def test_where_nothing_is_trusted_nobody_wins(database: Path) -> None:
    facts = planned_facts(database, [Planned(student_model(), 10.0)])
    assert "no fastest case is named, because no case of it is trusted" in said(fastest(suspected(facts, "mini")))


def test_a_board_s_own_noise_decides_what_is_the_same(database: Path) -> None:
    cases = [Planned(student_model(), 10.0, spread=0.001), Planned(student_model("twin"), 11.5, spread=0.001)]
    facts = planned_facts(database, cases)
    assert "faster than" in said(fastest(facts))
    assert "The same within 20.0 %: twin" in said(fastest(replace(facts, floors={"pi": 0.2})))


def test_a_sweep_of_which_nothing_ran_says_so_and_what_to_do(database: Path) -> None:
    facts = planned_facts(database, [Planned(student_model(), runs=0, owed=3)])
    parts = summary(facts)
    text = " ".join(said(part) for part in parts)
    assert "0 of 3 jobs were measured and 3 are still to be done." in text
    assert f"dynofarm run --resume {facts.record.sweep_id}" in text
    assert "no fastest case is named, because nothing was measured there" in text
    assert said(doubts(facts)).startswith("Nothing was measured.")


def test_what_was_asked_names_what_was_varied(database: Path) -> None:
    cases = [Planned(student_model(), threads=1), Planned(student_model(), threads=2)]
    text = said(asked(planned_facts(database, cases, threads=(1, 2), runtimes=(RuntimeChoice("litert", "2.3.0"),))))
    assert text.startswith("1 model on 1 board (pi), with litert 2.3.0: 2 cases, each 3 times in a process of its own.")
    assert "Varied besides: threads 1 and 2." in text


def test_failures_links_and_what_was_not_measured_are_told(known: SweepFacts) -> None:
    fault = LinkFault(1, "pi", MOMENT, FaultKind.LOST, "gone", "again in 2 s", 1)
    facts = replace(known, faults=(fault, fault))
    text = said(ran(facts))
    assert "45 of 48 jobs were measured, 1 failed and 2 are still to be done." in text
    assert "What went wrong: 1 out of memory." in text
    assert "Links broke twice, on pi." in text
    text = said(missing(facts))
    assert "Accuracy: not measured; the sweep worked on no data set (--task)." in text
    assert "Energy: not measured" in text
    assert "Temperature: not measured on emu, jetson and pi, which tell none." in text
    assert "1 infeasible" in text


def test_without_traces_nothing_is_claimed_of_sensors(known: SweepFacts) -> None:
    assert "Temperature" not in said(missing(replace(known, traces=())))


def test_leaders_are_of_their_own_board_alone(known: SweepFacts) -> None:
    found = {one.device: one for one in find_leaders(known)}
    assert found["emu"].row is None
    for name in ("pi", "jetson"):
        assert {one.row.device for one in found[name].others} == {name}
        assert {one.row.model for one in found[name].alike} <= {"mini", "twin"}


def test_accuracies_whose_intervals_meet_are_put_in_no_order(known: SweepFacts) -> None:
    shares = {
        "bert": Estimate(value=0.80, low=0.75, high=0.85, n=300),
        "mini": Estimate(value=0.77, low=0.72, high=0.81, n=300),
    }
    rows = tuple(replace(row, accuracy=shares.get(row.model)) for row in known.rows)
    text = said(fastest(replace(known, rows=rows)))
    assert "The highest accuracy has bert: 80.0 % (75.0–85.0)." in text
    assert "The intervals of mini reach into its own: no order among them is claimed." in text
    assert "Accuracy" not in said(missing(replace(known, rows=rows)))


def test_names_cannot_spoil_a_sentence(database: Path) -> None:
    hostile_sweep(database)
    for part in summary(facts_of(database)):
        for sentence in part.sentences:
            assert not set(sentence) & set("\n\u202e\u2066")
            assert len(sentence) < 4000


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "nothing"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_lists_read_like_sentences(names: list[str], text: str) -> None:
    assert listed(names, 4) == text


def test_statuses_of_a_failed_sweep_are_counted(database: Path) -> None:
    cases = [
        Planned(student_model(f"m{status}"), status=status, runs=1, message="why")
        for status in (RunStatus.CRASHED, RunStatus.TIMED_OUT, RunStatus.SKIPPED)
    ]
    text = said(ran(planned_facts(database, cases)))
    assert "2 failed" in text
    assert "1 was left out because the board or the runtime does not take it" in text
    assert joined(["1 crashed", "1 timed out"]) in text
