"""`dynofarm model show`: what a model was made from, by which recipe, and how far that moved its outputs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.compiling.orders import Lineage as Compiled
from orchestrator.models import Model
from orchestrator.store import Store
from orchestrator.zoo.distance import Distance
from orchestrator.zoo.lineage import to_json
from tests.cli.conftest import Dynofarm
from tests.making import make_model
from tests.unit.zoo_orders import make_lineage

WHOLE = make_model("whole", digest="1" * 64)


def built(name: str, parent: Model | None, form: str = "int8", **changes: Any) -> Model:
    digest = "2" * 64 if parent is None else "3" * 64
    told = {"name": name, "digest": digest, "form": form, "parent": None if parent is None else parent.digest}
    recipe = to_json(make_lineage(**{**told, **changes}))
    return make_model(name, digest=digest, recipe=recipe, parent=None if parent is None else parent.digest)


def keep(farm: Path, models: Sequence[Model]) -> None:
    with Store.open(farm / "results.db") as store:
        for model in models:
            store.add_model(model)


def page(dynofarm: Dynofarm, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "300")
    return " ".join(dynofarm("model", "show", name).ok().out.split())


def test_a_built_model_tells_everything_that_made_it(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = built("teacher", None, "fp32")
    keep(farm, [teacher, built("student", teacher)])
    told = page(dynofarm, "student", monkeypatch)
    for words in (
        f"parent teacher ({'2' * 64})",
        "recipe int8 as tflite, head classification:2, 64 tokens",
        "seed 1, which drew all weights: what it answers means nothing",
        "parameters 4.386 M (4,386,178)",
        "FLOPs 60 M an inference",
        "7.0 % of the spread at worst, 2.0 % in the middle, cosine 0.99900, the same largest on 8 of 8 inputs",
        "the parent ran on torch 2.13.0",
        "made by torch 2.13.0",
        "layers 2",
    ):
        assert words in told
    assert "parent none" in page(dynofarm, "teacher", monkeypatch)


def test_programs_get_the_lineage_as_it_stands_beside_the_file(dynofarm: Dynofarm, farm: Path) -> None:
    teacher = built("teacher", None, "fp32")
    keep(farm, [teacher, built("student", teacher)])
    told = dynofarm("model", "show", "student", "--json").ok().json
    assert told["ancestors"] == [{"model": "teacher", "digest": "2" * 64}]
    assert told["lineage"]["flops"] == 60_000_000
    assert told["lineage"]["distance"]["worst"] == 0.07
    assert told["lineage"]["tools"] == {"torch": "2.13.0"}
    assert told["recipe"] is None


def test_weights_of_a_checkpoint_are_told_from_drawn_ones(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lineage = make_lineage(parent="c" * 64, checkpoint="mini-tweets", head_drawn=False)
    keep(farm, [make_model("trained", recipe=to_json(lineage))])
    told = page(dynofarm, "trained", monkeypatch)
    assert f"parent weights of mini-tweets ({'c' * 64})" in told
    assert "which drew no weights: they are of mini-tweets" in told
    drawn = replace(lineage, head_drawn=True)
    keep(farm, [make_model("half", digest="9" * 64, recipe=to_json(drawn))])
    assert "which drew the head; the other weights are of mini-tweets" in page(dynofarm, "half", monkeypatch)


def test_a_compiled_model_names_its_processor_and_the_whole_line_of_parents(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = make_model("middle", digest="2" * 64, parent=WHOLE.digest)
    told = Compiled(
        "fast", "4" * 64, 9, middle.digest, "aarch64-unknown-linux-gnu", "cortex-a76", ("dotprod",), ("-O3",),
        {"ids": (1, 64)}, {"iree-base-compiler": "3.1"},
    )  # fmt: skip
    keep(farm, [WHOLE, middle, make_model("fast", digest="4" * 64, recipe=told.to_json(), parent=middle.digest)])
    said = page(dynofarm, "fast", monkeypatch)
    assert f"parent middle ({'2' * 64}) descends from whole" in said
    assert "compiled for aarch64-unknown-linux-gnu, cortex-a76 +dotprod" in said
    assert "shapes ids 1x64 flags -O3 made by iree-base-compiler 3.1" in said
    assert [one["model"] for one in dynofarm("model", "show", "fast", "--json").ok().json["ancestors"]] == [
        "middle",
        "whole",
    ]


def test_a_parent_that_is_not_here_and_one_that_is_its_own_child_are_no_trouble(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(
        farm,
        [make_model("orphan", digest="5" * 64, parent="6" * 64), make_model("snake", digest="7" * 64, parent="7" * 64)],
    )
    assert f"parent {'6' * 64} (not registered here)" in page(dynofarm, "orphan", monkeypatch)
    assert dynofarm("model", "show", "snake", "--json").ok().json["ancestors"] == []


@pytest.mark.parametrize(
    "recipe",
    [
        "pruned by [red]hand",
        "{",
        "[" * 60_000,
        '{"schema": "dynofarm-lineage-1"}',
        '{"schema": "dynofarm-compiled-1"}',
        '{"schema": "dynofarm-compiled-9", "name": "x"}',
        "3",
        "",
    ],
)
def test_recipes_of_other_makers_stand_there_as_they_are(dynofarm: Dynofarm, farm: Path, recipe: str) -> None:
    keep(farm, [make_model("odd", recipe=recipe)])
    told = dynofarm("model", "show", "odd", "--json").ok().json
    assert (told["lineage"], told["recipe"]) == (None, recipe)
    said = dynofarm("model", "show", "odd").ok().out
    assert "dynofarm model inspect FILE counts them" in " ".join(said.split())
    assert recipe[:10] in said


def test_a_distance_of_rounding_is_not_shown_as_nothing(
    dynofarm: Dynofarm, farm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Distance(8, 4e-7, 1e-7, 1.0, 8, "torch 2.13.0")
    keep(farm, [built("teacher", None, "fp32", distance=tiny)])
    assert "4.0e-07 of the spread at worst" in page(dynofarm, "teacher", monkeypatch)
