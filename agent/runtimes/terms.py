"""What a job asks of a runtime beside the model: threads, delegate and options, checked alike for all."""

from typing import Any, Dict, Mapping, Sequence

from agent.runtimes import Unsupported


def own_kernels(
    runtime: str, threads: int, delegate: str, given: Mapping[str, Any], known: Mapping[str, Sequence[Any]]
) -> Dict[str, Any]:
    """The options of a runtime that computes everything with kernels of its own, so that its delegate is `none`.

    `known`: what each option may be, the usual first. `Unsupported` for a delegate, for fewer threads than one, and for
    an option, or a value of one, that is not known.
    """
    if delegate != "none":
        raise Unsupported("%s runs without a delegate (none), not with %s" % (runtime, delegate))
    if threads < 1:
        raise Unsupported("%s needs at least one thread, and %d was asked for" % (runtime, threads))
    unknown = sorted(set(given) - set(known))
    if unknown:
        has = ", ".join(sorted(known)) or "none"
        raise Unsupported("%s has no option %r here; it has %s" % (runtime, unknown[0], has))
    return {name: _choose(name, given.get(name, values[0]), values) for name, values in known.items()}


def _choose(name: str, value: Any, values: Sequence[Any]) -> Any:
    if any(type(value) is type(one) and value == one for one in values):
        return value
    if all(isinstance(one, bool) for one in values):
        raise Unsupported("%s is true or false, not %r" % (name, value))
    raise Unsupported("%s is one of %s, not %r" % (name, ", ".join(map(str, values)), value))
