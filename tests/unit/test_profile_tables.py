"""The table of operators, from what a board stored: by kind and place, against the loop, and never taken on trust."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profiling import Operator, Profile
from agent.protocol import JobResult, to_plain
from orchestrator.profile_tables import DETAIL, ProfileTable, profile_of, table_values
from tests.making import make_result

OPERATORS = [
    Operator("CAST #0", "CAST", "litert", 1.0, 10.0),
    Operator("Fully Connected #19", "Fully Connected", "xnnpack", 1.0, 40.0),
    Operator("Fully Connected #22", "Fully Connected", "xnnpack", 2.0, 45.0),
    Operator("Softmax #30", "Softmax", "xnnpack", 1.0, 5.0),
]


def told(**changes: Any) -> dict[str, Any]:
    profile = Profile("LiteRT's profiler", 18, 36, 100.0, 130.0, 110.0, OPERATORS)
    return {**to_plain(profile), **changes}


def result_of(plain: Any) -> JobResult:
    return make_result(details={DETAIL: plain, "cpus": [0]})


def test_operators_of_one_kind_in_one_place_are_one_row_and_the_dearest_comes_first() -> None:
    table = profile_of(result_of(told()))
    rows = [(one.kind, one.where, one.nodes, one.calls, one.us, one.share) for one in table.kinds]
    assert rows == [
        ("Fully Connected", "xnnpack", 2, 3.0, 85.0, 0.85),
        ("CAST", "litert", 1, 1.0, 10.0, 0.1),
        ("Softmax", "xnnpack", 1, 1.0, 5.0, 0.05),
    ]
    assert [one.name for one in table.nodes][:2] == ["Fully Connected #22", "Fully Connected #19"]


def test_the_sum_is_held_against_the_loop_and_against_the_profiled_inferences() -> None:
    table = profile_of(result_of(told()))
    assert (table.sum_us, table.loop_us, table.wall_us) == (100.0, 110.0, 130.0)
    assert table.sum_over_loop == pytest.approx(100 / 110)
    assert table.cost == pytest.approx(130 / 110 - 1)
    assert table.us_by_place() == {"xnnpack": 90.0, "litert": 10.0}


def test_programs_get_the_rows_and_the_agreement() -> None:
    values = table_values(profile_of(result_of(told())))
    assert json.loads(json.dumps(values)) == values
    assert values["sum_over_loop"] == pytest.approx(0.909, abs=1e-3)
    assert values["kinds"][0] == {
        "kind": "Fully Connected", "where": "xnnpack", "nodes": 2, "calls": 3.0, "us": 85.0, "share": 0.85,
    }  # fmt: skip
    assert table_values(ProfileTable(reason="why")) == {"reason": "why"}


def test_a_run_that_was_not_profiled_says_so() -> None:
    assert profile_of(make_result()).reason == "no operator was profiled in this run"


@pytest.mark.parametrize(
    "plain",
    [
        told(operators=None),
        told(operators=5),
        told(operators=["CAST"]),
        told(operators=[{"name": "a"}]),
        told(operators=[{"name": "a", "kind": "A", "where": 5, "calls": 1, "us": 1}]),
        told(operators=[{"name": "a", "kind": "A", "where": "x", "calls": 1, "us": -1}]),
        told(operators=[{"name": "a", "kind": "A", "where": "x", "calls": 1, "us": None}]),
        told(operators=[{"name": "a", "kind": "A", "where": "x", "calls": 1, "us": float("inf")}]),
        told(operators=[{"name": "a", "kind": "A", "where": "x", "calls": True, "us": 1}]),
        told(source=None),
        told(wall_us="soon"),
        told(loop_us=float("nan")),
        told(inferences=-1),
        {},
    ],
)
def test_what_makes_no_sense_is_a_reason_and_no_table(plain: Any) -> None:
    table = profile_of(result_of(plain))
    assert table.reason == "the board's account of its operators cannot be read"
    assert table.kinds == ()


@pytest.mark.parametrize("operators", [[], [{"name": "a", "kind": "A", "where": "x", "calls": 1, "us": 0}]])
def test_operators_that_took_nothing_are_no_table(operators: Any) -> None:
    assert profile_of(result_of(told(operators=operators))).reason == "the board's account of its operators is empty"


@pytest.mark.parametrize("plain", [None, "operators", 7, []])
def test_an_account_of_another_type_is_none(plain: Any) -> None:
    assert profile_of(result_of(plain)).reason == "no operator was profiled in this run"


def test_without_a_loop_nothing_is_held_against_it() -> None:
    table = profile_of(result_of(told(loop_us=0)))
    assert (table.sum_over_loop, table.cost, table.reason) == (None, None, "")


NODES = st.builds(
    Operator,
    st.text(max_size=5),
    st.sampled_from(["ADD", "MUL"]),
    st.sampled_from(["cpu", "xnnpack"]),
    st.floats(0, 9),
    st.floats(0.001, 1e6),
)


@given(st.lists(NODES, min_size=1, max_size=30))
def test_nothing_is_lost_between_nodes_kinds_and_places(nodes: list[Operator]) -> None:
    table = profile_of(result_of(told(operators=to_plain(nodes))))
    total_us = sum(node.us for node in nodes)
    assert sum(one.us for one in table.kinds) == pytest.approx(total_us)
    assert sum(table.us_by_place().values()) == pytest.approx(total_us)
    assert sum(one.share for one in table.kinds) == pytest.approx(1.0)
    assert sum(one.nodes for one in table.kinds) == len(nodes) == len(table.nodes)
