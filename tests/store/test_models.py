import base64
from pathlib import Path

import pytest

from agent.protocol import Reference, Tensor
from orchestrator.errors import UnknownName, UsageError
from orchestrator.store import Store
from tests.making import make_model, make_run
from tests.store.conftest import Planner

FLOATS = base64.b64encode(bytes(4 * 3)).decode()
REFERENCES = (
    Reference(1, [Tensor("logits", "float32", [1, 3], FLOATS), Tensor("empty", "int8", [0], "")], 1e-3),
    Reference(2, [Tensor("logits", "float32", [1, 3], base64.b64encode(b"\n{}\n" * 3).decode())], 0.05),
)


def test_a_model_comes_back_whole(store: Store) -> None:
    model = make_model(
        references=REFERENCES,
        operators={"CONV_2D": 3},
        parent="0" * 64,
        recipe="int8",
        licence="MIT",
        source="made here",
    )
    store.add_model(model)
    found = store.model("bert")
    assert found == model
    assert (found.references, found.operators) == (REFERENCES, {"CONV_2D": 3})


def test_reference_outputs_are_kept_small(store: Store, database: Path) -> None:
    data = base64.b64encode(bytes(1_000_000)).decode()
    store.add_model(make_model(references=(Reference(1, [Tensor("o", "uint8", [1_000_000], data)], 0.1),)))
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT length(outputs) FROM reference").scalar_one() < 2_000
    assert store.model("bert").references[0].outputs[0].data == data


def test_a_changed_file_is_a_new_version_and_the_name_means_the_newest(store: Store) -> None:
    old, new = make_model(digest="a" * 64), make_model(digest="b" * 64, size_bytes=2)
    store.add_model(old)
    store.add_model(new)
    assert store.model("bert") == new
    assert store.models() == [new]
    assert store.model("aaaa") == old
    store.add_model(old)
    assert store.model("bert") == old, "adding the old file again makes it the newest"


def test_adding_a_model_again_takes_over_what_changed(store: Store) -> None:
    store.add_model(make_model(references=REFERENCES))
    moved = make_model(path=Path("elsewhere/bert.tflite"), references=REFERENCES[:1])
    store.add_model(moved)
    assert store.model("bert").path == Path("elsewhere/bert.tflite")
    assert store.model("bert").references == REFERENCES[:1]


def test_an_unknown_name_lists_the_near_ones(store: Store) -> None:
    with pytest.raises(UnknownName, match="none is stored yet"):
        store.model("bert")
    store.add_model(make_model("mobilebert"))
    store.add_model(make_model("resnet"))
    with pytest.raises(UnknownName, match="near: mobilebert"):
        store.model("mobilbert")
    with pytest.raises(UnknownName, match="there are: mobilebert, resnet"):
        store.model("zzz")
    with pytest.raises(UnknownName):
        store.match_models("z*")


def test_models_are_matched_by_name_pattern_or_digest(store: Store) -> None:
    for name in ("mobilebert", "mobilenet", "resnet"):
        store.add_model(make_model(name))
    assert [model.name for model in store.match_models("mobile*")] == ["mobilebert", "mobilenet"]
    assert [model.name for model in store.match_models("resnet")] == ["resnet"]
    assert [model.name for model in store.match_models(make_model("resnet").digest[:12])] == ["resnet"]


def test_a_beginning_that_fits_two_digests_is_ambiguous(store: Store) -> None:
    store.add_model(make_model("one", digest="abcd" + "0" * 60))
    store.add_model(make_model("two", digest="abcd" + "1" * 60))
    with pytest.raises(UsageError, match="2 models have a digest that begins with abcd"):
        store.model("abcd")
    assert store.model("ABCD0").name == "one"
    with pytest.raises(UnknownName):
        store.model("abc")


def test_a_removed_model_without_runs_is_gone(store: Store) -> None:
    store.add_model(make_model(references=REFERENCES))
    assert [model.name for model in store.remove_model("bert")] == ["bert"]
    assert store.models() == []
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT (SELECT count(*) FROM model) + count(*) FROM reference").scalar() == 0
    with pytest.raises(UnknownName):
        store.remove_model("bert")


def test_a_removed_model_with_runs_keeps_its_row(store: Store, planned: Planner) -> None:
    sweep_id, [job] = planned("a1")
    store.remove_model("bert")
    with pytest.raises(UnknownName):
        store.model("bert")
    assert store.jobs(sweep_id) == [job]
    assert store.save_run(make_run(job))
    assert store.run("a1").run.job.model == "bert"
    assert store.model(job.model_digest).name == "bert", "an unfinished sweep still finds it by its digest"
    store.add_model(make_model())
    assert store.model("bert") == make_model()


def test_removing_by_digest_leaves_the_other_versions(store: Store) -> None:
    store.add_model(make_model(digest="a" * 64))
    store.add_model(make_model(digest="b" * 64))
    store.remove_model("bbbb")
    assert store.model("bert").digest == "a" * 64
