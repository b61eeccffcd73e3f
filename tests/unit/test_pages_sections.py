"""What stands on the page of a sweep: the heat map, trust, climate, conditions, origins."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.assignment import TaskChoice
from orchestrator.metrics import Estimate
from orchestrator.pages.markdown import to_markdown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.report import make_page
from orchestrator.pages.sections.cases import cases_table, varied_text
from orchestrator.pages.sections.claims import claims_table
from orchestrator.pages.sections.climate import climate
from orchestrator.pages.sections.conditions import boards_table, conditions_table
from orchestrator.pages.sections.distributions import latency_charts
from orchestrator.pages.sections.heat_map import FIGURES, heat_map
from orchestrator.pages.sections.origins import models_table, repeat, runtimes_table, sweep_pairs
from orchestrator.pages.sections.pareto import pareto_charts
from orchestrator.pages.sections.steps import step_charts
from orchestrator.pages.sections.trust import failures_table, reasons_table, verdicts_table
from orchestrator.pages.tables import Table
from orchestrator.runs import RunStatus
from orchestrator.sweep import Purpose
from tests.making import MOMENT
from tests.paging import facts_of, known_sweep, planned_facts, warm_sweep
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


def texts(table: Table) -> list[list[str]]:
    return [[cell.badge.word if cell.badge else cell.text for cell in row] for row in table.rows]


def column(table: Table, heading: str) -> list[str]:
    place = [one.heading for one in table.columns].index(heading)
    return [row[place] for row in texts(table)]


def test_the_heat_map_colours_each_board_by_itself(known: SweepFacts) -> None:
    found = heat_map(known)
    assert [one.heading for one in found.table.columns] == ["model", "emu (emulated)", "jetson", "pi"]
    cells = {row[0].text: row[1:] for row in found.table.rows}
    for place in range(3):
        heats = {model: heat for model, row in cells.items() if (heat := row[place].heat) is not None}
        assert heats["bert"] == max(heats.values())
        assert min(heats["mini"], heats["twin"]) == 0
    assert all(len(row) == len(found.table.columns) for row in found.table.rows)


def test_a_cell_without_a_figure_says_why_and_never_zero(known: SweepFacts) -> None:
    cells = {row[0].text: row for row in heat_map(known).table.rows}
    huge, late = cells["huge"], cells["late"]
    assert (huge[3].text, huge[3].note, huge[3].missing) == ("out of memory", "killed by the kernel", True)
    assert (late[3].text, late[3].missing) == ("not run yet", True)
    assert (huge[1].text, huge[1].note) == ("–", "not asked for")
    assert all(cell.heat is None for cell in (huge[3], late[3], huge[1]))


def test_of_several_settings_the_fastest_stands_in_the_cell_and_is_named(database: Path) -> None:
    cases = [Planned(student_model(), 20.0, threads=1), Planned(student_model(), 11.0, threads=4, delegate="none")]
    facts = planned_facts(database, cases)
    (row,) = heat_map(facts).table.rows
    assert row[1].text.startswith(("10.", "11."))
    assert row[1].note == "4 threads · no delegate"
    assert {varied_text(one, facts) for one in facts.rows} == {"1 thread · xnnpack", "4 threads · no delegate"}


def test_with_many_boards_they_stand_below_each_other(database: Path) -> None:
    cases = [Planned(student_model(), 10.0 + place, device=f"pi{place:02}", runs=1) for place in range(13)]
    table = heat_map(planned_facts(database, cases)).table
    assert [one.heading for one in table.columns] == ["device", "mini"]
    assert len(table.rows) == 13


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_has_a_heat_map(known: SweepFacts, figure: str) -> None:
    found = heat_map(known, figure)
    assert found.key[0]
    shown = {row[0].text: row[3].text for row in found.table.rows}
    if figure == "accuracy":
        assert shown["mini"] == "not measured"
    else:
        assert shown["mini"] not in ("", "0", "not measured")


def test_trust_counts_runs_and_says_what_to_do(known: SweepFacts) -> None:
    facts = known
    assert texts(verdicts_table(facts)) == [
        ["emu (emulated)", "15", "0", "15", "0", "0"],
        ["jetson", "15", "15", "0", "0", "0"],
        ["pi", "15", "15", "0", "0", "0"],
    ]
    table = reasons_table(facts)
    assert column(table, "reason")[0] == "emulated"
    assert column(table, "gravity")[:2] == ["suspect", "note"]
    assert all(column(table, "what to do"))
    assert column(table, "where")[0] == "emu (15)"


def test_failures_of_one_kind_are_one_row(database: Path) -> None:
    cases = [
        Planned(student_model(f"m{n}"), status=RunStatus.CRASHED, message=f"m{n} has no such operator", runs=2)
        for n in range(6)
    ]
    table = failures_table(planned_facts(database, cases))
    assert texts(table) == [["crashed", "12", "pi", "m0, m1, m2, m3 and 2 more"]]
    assert table.rows[0][0].note == "MODEL has no such operator"


def test_throttling_is_marked_and_runs_that_follow_are_one_stretch(database: Path) -> None:
    warm_sweep(database)
    found = climate(facts_of(database))
    assert [chart.key for chart in found.charts] == ["temperature-0", "clock-0"]
    temperature = found.charts[0]
    assert temperature.table.rows[0][1].text == "8", "eight readings, four are missing"
    assert [cell.text for cell in temperature.table.rows[0]][2:5] == ["50.0 °C", "58.5 °C", "67.0 °C"]
    (note,) = temperature.table.notes
    assert note == "the clock was held down: from 2 to 5."
    assert found.no_temperature == found.no_clock == ("silent",)


def test_boards_beyond_those_that_are_drawn_are_named(database: Path) -> None:
    number = warm_sweep(database)
    facts = facts_of(database, number)
    some = [trace for trace in facts.traces if trace.summary.device == "kitchen"]
    many = [
        replace(trace, summary=replace(trace.summary, device=f"pi{place:02}", reasons=""))
        for place in range(20)
        for trace in some
    ]
    cases = tuple(replace(facts.cases[0], device=f"pi{place:02}") for place in range(20))
    found = climate(replace(facts, traces=tuple(many), cases=cases))
    assert len(found.charts) == 24
    assert found.left_out == tuple(f"pi{place:02}" for place in range(12, 20))


def test_conditions_are_ranges_and_what_no_sensor_told_is_not_measured(database: Path) -> None:
    warm_sweep(database)
    table = conditions_table(facts_of(database))
    kitchen = dict(zip([one.heading for one in table.columns], texts(table)[0], strict=True))
    assert kitchen["temperature"] == "50.0 °C … 67.0 °C"
    assert kitchen["clock"] == "1,200 MHz … 1,500 MHz"
    assert kitchen["governor"] == "performance"
    assert "never reached" not in str(texts(boards_table(facts_of(database))))


def test_a_board_that_was_never_reached_is_told_so(database: Path) -> None:
    facts = replace(planned_facts(database, [Planned(student_model(), runs=0, owed=1)]), boards={})
    assert texts(boards_table(facts))[0][1] == "never reached"
    assert texts(conditions_table(facts))[0][1:] == ["not measured"] * 7


def test_charts_of_trade_offs_need_two_cases_with_both_figures(database: Path, known: SweepFacts) -> None:
    one = planned_facts(database, [Planned(student_model())])
    assert pareto_charts(one) == []
    charts = pareto_charts(known)
    assert [chart.key for chart in charts] == ["p50-file", "p50-memory"]
    for row in charts[0].table.rows:
        if "emulated" in row[1].text:
            assert (row[4].text, row[5].text) == ("no", "emulated")


def test_accuracy_stands_against_latency_size_and_memory_where_answers_are_stored(known: SweepFacts) -> None:
    scored = [
        replace(row, accuracy=Estimate(value=0.7, low=0.65, high=0.75, n=300))
        for row in known.rows
        if row.p50_ns is not None
    ]
    facts = replace(known, rows=tuple(scored))
    keys = [chart.key for chart in pareto_charts(facts)]
    assert keys == ["p50-accuracy", "file-accuracy", "memory-accuracy", "p50-file", "p50-memory"]
    assert set(column(pareto_charts(facts)[0].table, "accuracy")) == {"70.0 % (65.0–75.0)"}
    assert {row[3].text for row in heat_map(facts, "accuracy").table.rows} == {"70.0%"}
    assert "accuracy" in [one.heading for one in cases_table(facts).columns]


def test_steps_are_drawn_for_boards_that_say_something(database: Path) -> None:
    cases = [
        Planned(student_model(), ms, device=device, kind=kind, delegate=delegate)
        for device, kind in (("pi", "real"), ("emu", "emulated"))
        for ms, delegate in ((40.0, "none"), (10.0, "xnnpack"))
    ]
    (chart,) = step_charts(planned_facts(database, cases))
    assert chart.title == "mini on pi, 1 thread"
    assert [row[0].text for row in chart.table.rows] == ["start", "delegate xnnpack"]
    assert chart.table.rows[1][2].text.startswith(("3.9", "4.0"))
    assert "–" in chart.table.rows[1][2].text, "with its interval"


def test_latencies_of_a_case_are_those_of_all_its_runs(known: SweepFacts) -> None:
    charts = latency_charts(known)
    assert [chart.key for chart in charts] == ["spread-0", "spread-1", "spread-2", "ranges-0", "ranges-1", "ranges-2"]
    assert column(charts[0].table, "inferences") == ["500"] * 3
    assert latency_charts(replace(known, traces=())) == []


def test_of_a_large_farm_some_boards_are_drawn_and_the_others_named(database: Path) -> None:
    cases = [Planned(student_model(), 10.0 + place, device=f"pi{place:02}", runs=1, n=20) for place in range(14)]
    page = make_page(planned_facts(database, cases), MOMENT)
    (latencies,) = [section for section in page.sections if section.key == "latencies"]
    assert len(latencies.charts) == 12
    assert latencies.lead == ("Not drawn: pi12 and pi13. Their figures are among all cases.",)


def test_origins_name_every_hash_version_and_seed(known: SweepFacts) -> None:
    facts = known
    assert {row[3].text for row in models_table(facts).rows} == {case.model_digest for case in facts.cases}
    assert texts(runtimes_table(facts)) == [["litert", "2.3.0", "emu (emulated), jetson, pi"]]
    pairs = dict(sweep_pairs(facts))
    assert pairs["seed"].startswith("1 ")
    assert pairs["planned by"].startswith("dynofarm ")


def test_what_repeats_a_sweep_is_a_file_and_a_command(database: Path) -> None:
    facts = planned_facts(database, [Planned(student_model())])
    found = repeat(facts)
    assert found.command == f"dynofarm run sweep-{facts.record.sweep_id}.yaml"
    assert "models: [mini]\n" in found.file
    noise = replace(facts.record.sweep, purpose=Purpose.NOISE, on=("pi",))
    assert repeat(replace(facts, record=replace(facts.record, sweep=noise))).command == "dynofarm noise --on pi"


def test_a_page_to_be_handed_on_tells_no_path_of_somebody_s_disk(database: Path) -> None:
    task = TaskChoice("tweets", vocabulary="/home/somebody/secret/vocab.txt")
    found = repeat(planned_facts(database, [Planned(student_model())], task=task))
    assert "somebody" not in found.file + found.note
    assert "vocab.txt" in found.note


def test_claims_are_decided_and_those_of_another_version_do_no_harm(database: Path) -> None:
    claims = ("p50_ms <= 50 for mini", "p50_ms <= 1 for mini", "a claim of the year 2040")
    facts = planned_facts(database, [Planned(student_model(), 10.0)], claims=claims)
    assert column(claims_table(facts), "outcome") == ["holds", "fails", "not readable"]


def test_cases_that_cannot_run_are_counted_and_those_that_failed_are_listed(database: Path) -> None:
    cases = [
        Planned(teacher_model(), 100.0),
        Planned(student_model("onnx"), status=RunStatus.SKIPPED, message="litert runs tflite files", runs=1),
        Planned(student_model("bad"), status=RunStatus.CRASHED, message="signal 11", runs=1),
    ]
    table = cases_table(planned_facts(database, cases))
    assert column(table, "model") == ["bad", "bert"]
    assert column(table, "remarks") == ["crashed: signal 11", ""]
    assert table.notes[0].startswith("1 case that board or runtime do not take")


def test_markdown_has_every_section_and_its_tables_are_whole(known: SweepFacts) -> None:
    facts = known
    page = make_page(facts, MOMENT)
    text = to_markdown(page)
    for section in page.sections:
        if section.tables or section.said:
            assert f"## {section.heading}" in text
    for block in text.split("\n\n"):
        widths = {line.replace("\\|", "").count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1
