"""Reference outputs, from the same agent that measures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import ModelError, RuntimeUnavailable
from orchestrator.models import Model
from orchestrator.visits import referencing
from orchestrator.visits.referencing import KEEP, SEEDS, compute_references
from tests.leaks import no_leaks
from tests.unit.this_machine import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def test_two_of_eight_inputs_are_kept_and_are_the_same_every_time(bench: Bench) -> None:
    model = bench.model()
    references = compute_references(bench.farm, model, 0.5, bench.notify)
    assert len(references) == KEEP
    assert {one.seed for one in references} <= set(SEEDS)
    assert {one.tolerance for one in references} == {0.5}
    assert compute_references(bench.farm, model, 0.5, bench.notify) == references


def with_options(monkeypatch: pytest.MonkeyPatch, options: dict[str, object]) -> None:
    whole = referencing._job

    def changed(model: Model, runtime: str, seed: int) -> object:
        return replace(whole(model, runtime, seed), options=options)

    monkeypatch.setattr(referencing, "_job", changed)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"crash": "exit"}, "does not run here"), ({"unsupported": "no such operator"}, "no such operator")],
)
def test_a_model_that_does_not_run_here_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], told: str
) -> None:
    with_options(monkeypatch, options)
    with pytest.raises(ModelError, match=told) as caught:
        compute_references(bench.farm, bench.model(), 0.0, bench.notify)
    assert "--no-reference" in caught.value.hint


def test_outputs_that_judge_nothing_make_no_reference(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(monkeypatch, {"crash": "nan"})
    with pytest.raises(ModelError):
        compute_references(bench.farm, bench.model(), 0.0, bench.notify)


def test_a_format_that_this_machine_cannot_run_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referencing, "objection", lambda *_asked: "needs 64 bits")
    with pytest.raises(RuntimeUnavailable, match="needs 64 bits") as caught:
        compute_references(bench.farm, bench.model(), 0.0, bench.notify)
    assert caught.value.hint == "add it with --no-reference"
