"""Lineages, steps, distances: what goes between processes and into files."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.apart.steps import Failed
from orchestrator.errors import ModelError
from orchestrator.zoo.distance import measure_distance
from orchestrator.zoo.lineage import from_json, is_lineage, to_json
from orchestrator.zoo.steps import Finished, Made, Making, Step, from_line, to_line
from tests.unit.zoo_orders import make_lineage


@pytest.mark.parametrize("indent", [None, 2])
def test_a_lineage_is_read_as_it_was_written(indent: int | None) -> None:
    lineage = make_lineage(parent="1" * 64)
    assert from_json(to_json(lineage, indent=indent), "here") == lineage


def test_a_recipe_of_another_maker_is_no_lineage() -> None:
    assert is_lineage(to_json(make_lineage()))
    assert not is_lineage("pruned by hand")
    assert not is_lineage(None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"schema": "dynofarm-lineage-1"}',
        '{"schema": "dynofarm-lineage-9"}',
        "[" * 100_000,
        "\0",
    ],
)
def test_what_is_no_lineage_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ModelError, match=r"^models/x\.lineage\.json: not a lineage"):
        from_json(text, "models/x.lineage.json")


@pytest.mark.parametrize(
    "change",
    [{"digest": 1}, {"length": "64"}, {"size_bytes": -1}, {"seed": True}, {"shape": []}, {"distance": {}}, {"more": 1}],
)
def test_a_lineage_with_a_wrong_value_is_refused(change: dict[str, Any]) -> None:
    plain = json.loads(to_json(make_lineage())) | change
    with pytest.raises(ModelError):
        from_json(json.dumps(plain), "x")


@given(st.text())
def test_no_text_makes_reading_a_lineage_crash(text: str) -> None:
    with pytest.raises(ModelError):
        from_json(text, "x")


@pytest.mark.parametrize(
    "step",
    [
        Making("bert", 1, 2, "float32"),
        Made("bert", 10, 0.5, 100, fresh=True),
        Failed("refused", "no\nway", ""),
        Finished(2),
    ],
)
def test_a_step_is_one_line_and_read_as_it_was_written(step: Step) -> None:
    line = to_line(step)
    assert "\n" not in line
    assert from_line(line) == step


@pytest.mark.parametrize("line", ["", "hello", "[]", "{}", '{"step": "dancing"}', '{"step": "made", "name": "x"}'])
def test_what_is_no_step_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


def outputs(*values: float) -> list[dict[str, np.ndarray]]:
    return [{"logits": np.array([values], dtype=np.float32)}]


def test_the_distance_is_the_largest_error_over_the_spread() -> None:
    found = measure_distance(outputs(1, 2, 5.5), outputs(1, 2, 5), "here")
    assert (found.inputs, found.same_largest) == (1, 1)
    assert found.worst == pytest.approx(0.5 / 4)
    assert 0.99 < found.cosine < 1


def test_worst_and_median_are_over_the_inputs() -> None:
    mine = outputs(1, 2) + outputs(1, 2) + outputs(2, 1)
    found = measure_distance(mine, outputs(1, 2) * 3, "here")
    assert (found.worst, found.median, found.same_largest) == (1.0, 0.0, 2)


def test_zeros_are_seen() -> None:
    found = measure_distance(outputs(0, 0), outputs(1, 2), "here")
    assert found.worst == 2.0
    assert found.cosine == 0.0


@pytest.mark.parametrize(
    ("mine", "parents"),
    [
        ([], []),
        (outputs(1, 2), []),
        (outputs(1, 2), outputs(1, 2, 3)),
        (outputs(1, float("nan")), outputs(1, 2)),
        (outputs(1, 2), outputs(1, float("inf"))),
        (outputs(1, 2), outputs(3, 3)),
        (outputs(), outputs()),
        ([{"start": np.ones(2)}], outputs(1, 2)),
    ],
)
def test_what_cannot_be_compared_is_an_error(mine: list[Any], parents: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        measure_distance(mine, parents, "here")
