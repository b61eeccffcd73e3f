"""Reference outputs of a model, computed on this machine through the same agent that measures on the boards."""

import shlex
import threading
from collections.abc import Callable
from dataclasses import replace

from agent.protocol import JobFailure, MeasureProtocol, Reference
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.devices import Link as LinkKind
from orchestrator.errors import ModelError, RuntimeUnavailable
from orchestrator.events import Event
from orchestrator.farm import Farm
from orchestrator.launch import new_job_id, open_links
from orchestrator.links import Keeper, Link
from orchestrator.models import Model
from orchestrator.references import reference_from, widest
from orchestrator.runs import Job
from orchestrator.runtimes import objection, usual_delegate
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice

SEEDS = range(101, 109)
KEEP = 2
"""Two inputs: an error that hides on one of them rarely hides on both. They are chosen among eight (`widest`)."""

ONE_INFERENCE = MeasureProtocol("reference", 1, 0.0, 0.0, 1, 0.0, 0.0)
RUNTIMES = {
    "tflite": ("litert", "ai-edge-litert"),
    "onnx": ("onnxruntime",),
    "pte": ("executorch",),
    "vmfb": ("iree",),
    "mnn": ("mnn",),
    "ncnn": ("ncnn",),
    "fake": ("fake",),
}
"""By format: the runtime that dynofarm recommends, and one that takes what the first cannot: LiteRT's interpreter runs
graphs whose outputs get their sizes only while they run, and custom operators of the wheel."""

DEADLINE_S = 600.0

_OTHER_INPUTS = "give it other inputs with --fill, or --no-reference"


def compute_references(
    farm: Farm, model: Model, tolerance: float, notify: Callable[[Event], None]
) -> tuple[Reference, ...]:
    """The model's outputs for a few seeded inputs, from the runtime that dynofarm recommends for its format.

    Where that one says that it cannot run the model, the next of its format is asked. `RuntimeUnavailable` when this
    machine cannot run it; `ModelError` when the model does not run, or gives outputs that no reference can be made of
    (not finite, or all equal).
    """
    device = Device("this-machine", LinkKind.LOCAL, work_dir=str(farm.cache / "this-machine"))
    (link,) = open_links(farm, [device], notify, threading.Event())
    supply = Supply([model], CarrierShelf(farm.cache), notify)
    # Fetching a runtime may take longer than the agent waits for a word.
    with Keeper([link]):
        try:
            return _by_the_first_that_can(link, supply, model, tolerance)
        finally:
            link.close(politely=True)


def _by_the_first_that_can(link: Link, supply: Supply, model: Model, tolerance: float) -> tuple[Reference, ...]:
    refused: _CannotRun | None = None
    for runtime in RUNTIMES[model.format]:
        try:
            made = [_reference(link, supply, model, runtime, seed, tolerance) for seed in SEEDS]
            return tuple(widest(made, KEEP))
        except _CannotRun as error:
            refused = refused or error  # what the recommended one said is what counts
        except RuntimeUnavailable:
            if refused is None:  # what cannot be fetched now is no reason to fetch another
                raise
    assert refused is not None  # noqa: S101 - the loop ran
    raise refused


class _CannotRun(ModelError):
    """The runtime says so itself."""


def _reference(link: Link, supply: Supply, model: Model, runtime: str, seed: int, tolerance: float) -> Reference:
    session = link.open(lock_wait_s=60.0)
    assert link.facts is not None  # noqa: S101 - an open link was probed
    job = _job(model, runtime, seed)
    reason = objection(job.runtime, job.delegate, job.threads, model, link.facts)
    if reason is not None:
        raise RuntimeUnavailable(reason, "add it with --no-reference")
    order = replace(supply.outfit(session, link.facts, job, [job]), references=[], keep_outputs=True)
    outcome = session.run(order, lambda _stage: None)
    session.acknowledge(order.job_id)
    if isinstance(outcome, JobFailure):
        raise _fault(model, outcome)
    try:
        return reference_from(outcome.outputs, seed, tolerance)
    except ValueError as error:
        raise ModelError(f"{model.path}: {error}", _OTHER_INPUTS) from None


def _fault(model: Model, failure: JobFailure) -> ModelError:
    message = f"{model.path}: does not run here: {failure.message}"
    if failure.reason == "wrong_output":
        return ModelError(message, _OTHER_INPUTS)
    hint = f"dynofarm model inspect {shlex.quote(str(model.path))} tells what it needs; or --no-reference"
    return _CannotRun(message, hint) if failure.reason == "unsupported" else ModelError(message, hint)


def _job(model: Model, runtime: str, seed: int) -> Job:
    return Job(
        job_id=new_job_id(),
        device="this-machine",
        model=model.name,
        model_digest=model.digest,
        runtime=RuntimeChoice(runtime),
        threads=1,
        delegate=usual_delegate(runtime, model),
        options={},
        protocol=ONE_INFERENCE,
        block=0,
        position=0,
        seed=seed,
        sample_hz=1.0,
        deadline_s=DEADLINE_S,
    )
