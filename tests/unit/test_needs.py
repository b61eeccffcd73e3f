"""What a board needs on its disk: first what the job in hand takes, then what comes up after it."""

from agent.protocol import RuntimeOnBoard
from orchestrator.assignment import Assignment
from orchestrator.carriers import Carrier
from orchestrator.errors import RuntimeUnavailable
from orchestrator.needs import Needs, needs_of
from orchestrator.sweep import RuntimeChoice
from tests.making import make_job

LITERT, ONNX, ABSENT = RuntimeChoice("litert"), RuntimeChoice("onnxruntime"), RuntimeChoice("iree")
CARRIERS = {
    LITERT: Carrier(RuntimeOnBoard("litert", "2.3.0", "library", "library"), None),
    ONNX: Carrier(RuntimeOnBoard("onnxruntime", None, "system"), None),
    ABSENT: RuntimeUnavailable("no wheel"),
}


def job_with(digest, runtime=LITERT, **changes):
    return make_job(model_digest=digest, runtime=runtime, **changes)


def test_what_comes_up_first_stands_first_and_once():
    after = [job_with("b"), job_with("a"), job_with("c", ONNX), job_with("b")]
    assert needs_of(job_with("a"), after, CARRIERS) == Needs(("a", "library"), ("b", "c"))


def test_a_runtime_that_only_later_jobs_take_is_needed_later():
    assert needs_of(job_with("a", ONNX), [job_with("a")], CARRIERS) == Needs(("a",), ("library",))


def test_what_cannot_be_had_is_not_needed():
    assert needs_of(job_with("a", ABSENT), [], CARRIERS) == Needs(("a",))


def test_data_and_vocabulary_are_needed_as_the_model_is():
    task = Assignment("classification", "end_to_end", "tweets", "test", "rows", 10, "data", "vocabulary")
    needs = needs_of(job_with("a", task=task), [job_with("b", task=task)], CARRIERS)
    assert needs == Needs(("a", "data", "vocabulary", "library"), ("b",))
    assert needs.all == ("a", "data", "vocabulary", "library", "b")
