"""On which processors both sides of a duet run. Pure."""

from collections.abc import Sequence

from agent.protocol import Facts


def processors_for(allowed: Sequence[int] | None, facts: Facts, threads: int) -> list[int] | None:
    """As many as there are threads, of those that the profile allows (None: all that the agent may use).

    The fastest, and of equal ones those with the highest numbers: many kernels serve interrupts on the first. Were both
    sides free to choose, each would stay where it began, and what slows one processor for a while would fall on one
    side alone. None where nothing is known of the processors.
    """
    usable = list(allowed) if allowed is not None else facts.usable_cpus
    ranked = sorted(usable, key=lambda cpu: (facts.cpu_capacity.get(str(cpu), 0), cpu))
    return sorted(ranked[-threads:]) or None
