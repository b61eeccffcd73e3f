"""Which processors a job is pinned to, from what the profile says and what the board's kernel tells. Pure."""

from agent.protocol import Facts
from orchestrator.devices import Device
from orchestrator.errors import BoardUnfit

BIG, LITTLE = "big", "little"


def cpus_of(device: Device, facts: Facts) -> tuple[list[int] | None, str]:
    """The CPUs to pin to (None: wherever the system likes), and what the user should know about that choice.

    `big` are those of the largest capacity, `little` those of the smallest; where all are alike, they are both.
    `BoardUnfit` when the agent may use none of them: other CPUs would give figures under a wrong name.
    """
    if device.cpus is None or not isinstance(device.cpus, str):
        return (None if device.cpus is None else list(device.cpus)), ""
    if not facts.cpu_capacity:
        return None, (
            f"its kernel does not tell big CPUs from little ones, so jobs run on any of {_listed(facts.usable_cpus)}; "
            "if they differ, name them in its profile, such as cpus: 4-7"
        )
    wanted = max(facts.cpu_capacity.values()) if device.cpus == BIG else min(facts.cpu_capacity.values())
    alike = sorted(int(cpu) for cpu, capacity in facts.cpu_capacity.items() if capacity == wanted)
    usable = [cpu for cpu in alike if cpu in facts.usable_cpus]
    if not usable:
        name = device.name
        raise BoardUnfit(
            name,
            f"{name}: its {device.cpus} CPUs are {_listed(alike)}, and the agent may only use "
            f"{_listed(facts.usable_cpus)}",
            f"allow it the others there (cpuset, taskset), or change cpus: dynofarm device edit {name} --set cpus=",
        )
    return usable, ""


def _listed(cpus: list[int]) -> str:
    return ", ".join(map(str, cpus)) or "none"
