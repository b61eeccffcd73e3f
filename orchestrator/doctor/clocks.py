"""Rules about how fast the processors run."""

from collections.abc import Iterator

from agent.protocol import ClockPolicy
from orchestrator.doctor import remedies
from orchestrator.doctor.findings import Finding, Patient, Severity, clock_text, list_text, numbers_text

_OWN_GOVERNORS = {"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"}
"""With these drivers `powersave` is not the lowest clock but the processor's own choice (kernel, intel_pstate)."""
_STEADY = {"performance", "userspace"}
_WORTH_SAYING = 0.98
"""Drivers round their limits to a step of their tables."""


def governor(patient: Patient) -> Iterator[Finding]:
    """A governor that follows the load gives a short inference a low clock."""
    wanted = patient.device.governor
    policies = [policy for policy in patient.examined.clocks.policies if policy.governor is not None]
    for name in sorted({str(policy.governor) for policy in policies} - _STEADY - {wanted}):
        ruled = [policy for policy in policies if policy.governor == name]
        lowest = name == "powersave" and not all(policy.driver in _OWN_GOVERNORS for policy in ruled)
        behaviour = "they stay at their lowest clock" if lowest else "the clock rises only after work has come"
        asked = f"; the profile asks for {wanted}, which {patient.user} may not set" if wanted else ""
        able = any("performance" in policy.governors for policy in ruled)
        yield Finding(
            "governor",
            Severity.SPOILS if lowest else Severity.MAY_SPOIL,
            f"the governor {name} rules {_cpus(ruled)}: {behaviour}{asked}",
            on_board=(_governor_command(patient),) if able else (),
            here=(remedies.LET_DYNOFARM_SET_GOVERNOR.format(board=patient.name),) if able and not wanted else (),
            by_hand="" if able else "its kernel has no governor `performance`",
        )


def _governor_command(patient: Patient) -> str:
    if patient.has("jetson_clocks"):
        return remedies.LOCK_JETSON_CLOCKS
    return remedies.SET_GOVERNOR_BY_CPUPOWER if patient.has("cpupower") else remedies.SET_GOVERNOR


def clock_limit(patient: Patient) -> Iterator[Finding]:
    """Somebody holds the processors below what they can do."""
    if patient.device.clock_khz is not None or _better_mode(patient) is not None:
        return
    for policy in patient.examined.clocks.policies:
        limit, most = policy.limit_khz, policy.hardware_limit_khz
        if limit and most and limit < _WORTH_SAYING * most:
            yield Finding(
                "clock-limit",
                Severity.MAY_SPOIL,
                f"{_cpus([policy])} may go up to {clock_text(limit)} only, of {clock_text(most)}:"
                " a setting, or the kernel because of heat",
                on_board=(remedies.LIFT_CLOCK_LIMIT.format(khz=most, policy=policy.name),),
            )


def boost(patient: Patient) -> Iterator[Finding]:
    """Turbo is given and taken by heat and by the work of the other cores."""
    clocks = patient.examined.clocks
    if clocks.boost and clocks.boost_file is not None:
        value = 1 if clocks.boost_file.endswith("no_turbo") else 0
        yield Finding(
            "boost",
            Severity.NOTE,
            "boost is on: the clock rises above the nominal one for as long as heat and the other cores allow",
            on_board=(remedies.SWITCH_BOOST_OFF.format(value=value, file=clocks.boost_file),),
        )


def smt(patient: Patient) -> Iterator[Finding]:
    """Two hardware threads of one core share its units."""
    if patient.examined.clocks.smt and patient.device.cpus is None:
        yield Finding(
            "smt",
            Severity.NOTE,
            "two hardware threads share each core: threads of a model may land on one core in one run and on two in"
            " the next",
            on_board=(remedies.SWITCH_SMT_OFF,),
        )


def isolated(patient: Patient) -> Iterator[Finding]:
    """The kernel does not spread threads over CPUs that are isolated from its scheduler."""
    apart = patient.examined.clocks.isolated_cpus
    if not apart:
        return
    wanted = patient.device.cpus
    pinned = sorted(set(apart) & set(wanted)) if isinstance(wanted, tuple) else []
    if len(pinned) > 1:
        yield Finding(
            "isolated",
            Severity.SPOILS,
            f"the profile pins the worker to CPUs {numbers_text(pinned)}, which are isolated (isolcpus): the kernel"
            " does not spread threads over them, so that all threads of a model share one",
            here=(remedies.PIN.format(board=patient.name, cpus=pinned[0]),),
            by_hand="or take isolcpus out of the kernel's command line",
        )
    elif not pinned:
        yield Finding(
            "isolated",
            Severity.NOTE,
            f"CPUs {numbers_text(apart)} are isolated (isolcpus) and stay idle; the profile could pin one-thread runs"
            " to one of them",
            here=(remedies.PIN.format(board=patient.name, cpus=apart[0]),),
        )


def power_mode(patient: Patient) -> Iterator[Finding]:
    """A Jetson's power mode switches cores off and limits the clocks of what is left."""
    clocks, best = patient.examined.clocks, _better_mode(patient)
    if best is not None:
        now = clocks.power_modes.get(str(clocks.power_mode), str(clocks.power_mode))
        yield Finding(
            "power-mode",
            Severity.MAY_SPOIL,
            f"the power mode is {now}: cores and clocks are held below {clocks.power_modes[best]}; figures of"
            " different modes must not be compared",
            on_board=(remedies.SET_POWER_MODE.format(mode=best),),
        )


def blind(patient: Patient) -> Iterator[Finding]:
    """What has no sensor can happen unseen."""
    missing = [] if patient.conditions.temperatures_c else ["temperature"]
    missing += [] if patient.conditions.clock_khz is not None else ["clock"]
    missing += [] if patient.examined.clocks.policies else ["governor"]
    if missing:
        yield Finding(
            "blind",
            Severity.NOTE,
            f"it tells {list_text([f'no {word}' for word in missing])}: if it is slowed down, nobody will see it",
            by_hand="usual in virtual machines; on a real board look for a newer kernel, or the one of its maker",
        )


def _better_mode(patient: Patient) -> str | None:
    """The number of the mode without limits, unless it is the one that holds. Numbers are in no order of speed."""
    clocks = patient.examined.clocks
    if clocks.power_mode is None or clocks.power_modes.get(str(clocks.power_mode), "MAXN").startswith("MAXN"):
        return None
    best = [number for number, name in clocks.power_modes.items() if name.startswith("MAXN")]
    return max(best, key=lambda number: (len(clocks.power_modes[number]), number), default=None)


def _cpus(policies: list[ClockPolicy]) -> str:
    cpus = [cpu for policy in policies for cpu in policy.cpus]
    return f"CPUs {numbers_text(cpus)}" if cpus else list_text([policy.name for policy in policies])


RULES = {
    "governor": governor,
    "clock-limit": clock_limit,
    "power-mode": power_mode,
    "isolated": isolated,
    "boost": boost,
    "smt": smt,
    "blind": blind,
}
