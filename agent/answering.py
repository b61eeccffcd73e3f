"""The requests that need nothing but the work folder and the board itself: one answer each.

What few visits ask for is imported when it is: an agent is compiled from its archive at every start.
"""

from typing import Any, Callable, Dict, Optional, Tuple

from agent import blobs
from agent.blobs import BlobFault, Breathe
from agent.messages.jobs import TaskOnBoard
from agent.places import Places
from agent.protocol import Error, Evict, Examine, Have, JobSpec, Probe, Probed, Tune, Unpack, WireError

Handler = Callable[[Places, Any, Breathe, str], Any]


def answer(places: Places, request: Any, breathe: Breathe, root: str = "/") -> Any:
    """The answer to a request of `REQUESTS`; faults become an `Error`, never an exception."""
    try:
        return REQUESTS[type(request)](places, request, breathe, root)
    except BlobFault as fault:
        return fault.error
    except WireError as error:
        return Error("protocol", str(error))
    except OSError as error:
        code = "disk_full" if error.errno in blobs.NO_ROOM else "internal"
        return Error(code, "%s failed: %s" % (type(request).__name__.lower(), error))


def find_files(places: Places, job: JobSpec) -> Tuple[str, Optional[str]]:
    """Paths of a job's model and of its runtime's carrier, noted as used now.

    `BlobFault` `missing` when one is not here, `WireError` when a digest or the carrier is not one.
    """
    model_path = places.blob(job.model.digest)
    if not blobs.hold(places, [job.model.digest]).present:
        raise BlobFault("missing", "the model %s (%s…) is not on the board" % (job.model.name, job.model.digest[:12]))
    blobs.touch(places, job.model.digest)
    if job.task is not None:
        _check_task_files(places, job.task)
    carrier, digest = job.runtime.carrier, job.runtime.digest
    if carrier in ("none", "system"):
        return model_path, None
    if carrier not in ("library", "bundle") or digest is None:
        raise WireError(
            "runtime %s: carrier %r with digest %r; known: none, system, and library or bundle with "
            "a digest" % (job.runtime.name, carrier, digest)
        )
    found = blobs.hold(places, [digest])
    if not (found.unpacked if carrier == "bundle" else found.present):
        raise BlobFault("missing", "the %s of %s (%s…) is not on the board" % (carrier, job.runtime.name, digest[:12]))
    blobs.touch(places, digest)
    return model_path, places.bundle(digest) if carrier == "bundle" else places.blob(digest)


def _check_task_files(places: Places, task: TaskOnBoard) -> None:
    """They lie beside the model, where the worker finds them by their digests."""
    for what, digest in (("data set", task.data), ("vocabulary", task.vocabulary)):
        if digest is not None:
            if not blobs.hold(places, [digest]).present:
                raise BlobFault("missing", "the %s %s… is not on the board" % (what, digest[:12]))
            blobs.touch(places, digest)


def _probe(places: Places, _request: Probe, breathe: Breathe, root: str) -> Any:
    from agent.packages import find_modules
    from agent.probe import collect_conditions, collect_facts
    from agent.python_path import find_python_path

    path = find_python_path(places.python_path, places.temporary("python_path"), breathe)
    modules = find_modules(path, breathe)
    return Probed(collect_facts(root, modules), collect_conditions(root, places.root))


def _tune(places: Places, request: Tune, _breathe: Breathe, root: str) -> Any:
    from agent import tuning

    return tuning.tune(places, request, root)


def _have(places: Places, request: Have, breathe: Breathe, _root: str) -> Any:
    return blobs.hold(places, request.digests, breathe)


def _unpack(places: Places, request: Unpack, breathe: Breathe, _root: str) -> Any:
    from agent.unpacking import unpack

    return unpack(places, request.digest, breathe)


def _evict(places: Places, request: Evict, breathe: Breathe, _root: str) -> Any:
    return blobs.evict(places, request.limit_bytes, request.incoming_bytes, request.keep, breathe, request.later)


def _examine(places: Places, request: Examine, breathe: Breathe, root: str) -> Any:
    from agent.examination import examine

    return examine(root, places.root, request.seconds, breathe)


REQUESTS: Dict[type, Handler] = {
    Probe: _probe,
    Tune: _tune,
    Examine: _examine,
    Have: _have,
    Unpack: _unpack,
    Evict: _evict,
}
