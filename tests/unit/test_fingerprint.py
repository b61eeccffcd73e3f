"""Which runs may be compared, and which field says that they may not."""

from dataclasses import fields, replace

import pytest

from orchestrator.fingerprint import Difference, Fingerprint, differences, fingerprint_of
from orchestrator.runs import RunStatus
from orchestrator.sweep import STANDARD, RuntimeChoice
from tests.making import make_conditions, make_facts, make_job, make_model, make_result, make_run

FIRST = fingerprint_of(make_run(), make_model())


def test_two_runs_of_two_models_may_be_compared() -> None:
    other = make_run(make_job("b" * 32, model="roberta", model_digest="f" * 64, block=2, seed=9))
    assert differences(FIRST, fingerprint_of(other, make_model("roberta"))) == []


def test_what_ran_counts_and_not_what_was_asked_for() -> None:
    asked = make_run(make_job(runtime=RuntimeChoice("litert", "2.3.0")))
    assert fingerprint_of(asked).version == fingerprint_of(make_run()).version == "2.3.0"
    crashed = make_run(make_job(runtime=RuntimeChoice("litert", "2.2.0")), RunStatus.CRASHED)
    assert fingerprint_of(crashed).version == "2.2.0"
    assert fingerprint_of(crashed).governor is None


OTHERS = {
    "device": make_run(make_job(device="attic")),
    "kind": make_run(device_kind="loopback"),
    "runtime": make_run(make_job(runtime=RuntimeChoice("onnxruntime"))),
    "version": make_run(result=make_result(runtime_version="2.4.0")),
    "options": make_run(make_job(options={"level": "all"})),
    "threads": make_run(make_job(threads=4)),
    "delegate": make_run(make_job(delegate="none")),
    "protocol": make_run(make_job(protocol=STANDARD)),
    "governor": make_run(result=make_result(conditions_before=make_conditions(governor="ondemand"))),
    "held_clock_khz": make_run(result=make_result(details={"held_clock_khz": 1_000_000})),
    "emulated": make_run(facts=make_facts(emulated="qemu-user")),
}


@pytest.mark.parametrize("field", OTHERS)
def test_another_way_of_measuring_is_named(field: str) -> None:
    found = differences(FIRST, fingerprint_of(OTHERS[field], make_model()))
    assert [one.field for one in found] == [field]
    assert found[0].first != found[0].second


def test_every_field_is_tried_here() -> None:
    assert {field.name for field in fields(Fingerprint)} - set(OTHERS) == {"scope", "inputs"}


def test_another_shape_of_the_inputs_is_named_with_both_values() -> None:
    model = make_model()
    longer = replace(model, recipes=(replace(model.recipes[0], shape=[1, 128]),))
    found = differences(FIRST, fingerprint_of(make_run(), longer))
    assert found == [Difference("inputs", "int32 1x64", "int32 1x128")]


def test_a_scalar_and_no_options_have_words() -> None:
    model = make_model()
    scalar = replace(model, recipes=(replace(model.recipes[0], shape=[]),))
    options = make_run(make_job(options={"b": True, "a": 1}))
    found = differences(fingerprint_of(make_run(), scalar), fingerprint_of(options, model))
    assert found == [
        Difference("options", "none", "a=1, b=True"),
        Difference("inputs", "int32 scalar", "int32 1x64"),
    ]


def test_what_is_not_known_differs_from_what_is() -> None:
    assert differences(FIRST, fingerprint_of(make_run())) == [Difference("inputs", "int32 1x64", "not known")]
    assert differences(fingerprint_of(make_run()), fingerprint_of(make_run())) == []


def test_the_order_of_options_is_no_difference() -> None:
    one, two = make_run(make_job(options={"a": 1, "b": 2})), make_run(make_job(options={"b": 2, "a": 1}))
    assert differences(fingerprint_of(one), fingerprint_of(two)) == []
