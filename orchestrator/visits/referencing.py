"""Reference outputs of a model, computed on this machine through the same agent that measures on the boards."""

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
RUNTIMES = {"tflite": "litert", "onnx": "onnxruntime", "pte": "executorch", "vmfb": "iree", "fake": "fake"}
"""By format: the runtime that dynofarm recommends."""

DEADLINE_S = 600.0


def compute_references(
    farm: Farm, model: Model, tolerance: float, notify: Callable[[Event], None]
) -> tuple[Reference, ...]:
    """The model's outputs for a few seeded inputs, from the runtime that dynofarm recommends for its format.

    `RuntimeUnavailable` when this machine cannot run it; `ModelError` when the model does not run, or gives
    outputs that no reference can be made of (not finite, or all equal).
    """
    device = Device("this-machine", LinkKind.LOCAL, work_dir=str(farm.cache / "this-machine"))
    (link,) = open_links(farm, [device], notify, threading.Event())
    supply = Supply([model], CarrierShelf(farm.cache), notify)
    # Fetching a runtime may take longer than the agent waits for a word.
    with Keeper([link]):
        try:
            return tuple(widest([_reference(link, supply, model, seed, tolerance) for seed in SEEDS], KEEP))
        finally:
            link.close(politely=True)


def _reference(link: Link, supply: Supply, model: Model, seed: int, tolerance: float) -> Reference:
    session = link.open(lock_wait_s=60.0)
    assert link.facts is not None  # noqa: S101 - an open link was probed
    job = _job(model, seed)
    reason = objection(job.runtime, job.delegate, job.threads, model, link.facts)
    if reason is not None:
        raise RuntimeUnavailable(reason, "add it with --no-reference")
    order = replace(supply.outfit(session, link.facts, job, [job]), references=[], keep_outputs=True)
    outcome = session.run(order, lambda _stage: None)
    session.acknowledge(order.job_id)
    if isinstance(outcome, JobFailure):
        raise ModelError(f"{model.path}: does not run here: {outcome.message}", "see what it needs, or --no-reference")
    try:
        return reference_from(outcome.outputs, seed, tolerance)
    except ValueError as error:
        raise ModelError(f"{model.path}: {error}", "give it other inputs with --fill, or --no-reference") from None


def _job(model: Model, seed: int) -> Job:
    runtime = RUNTIMES[model.format]
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
