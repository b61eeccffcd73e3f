"""The cases of a stored sweep: one artifact on one board with one runtime, threads, delegate and options. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.records import RunSummary
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.study.case_names import CaseNames

UNKNOWN_KIND = "unknown"
"""Of a board that has not run anything of the sweep yet."""


@dataclass(frozen=True)
class StudyCase(CaseNames):
    """`runs` are those of role case that count, in order of time; `energy` those with the power read; `owed` jobs have
    no final run yet."""

    runs: tuple[RunSummary, ...] = ()
    energy: tuple[RunSummary, ...] = ()
    owed: int = 0

    @property
    def good(self) -> tuple[RunSummary, ...]:
        return tuple(run for run in self.runs if run.status is RunStatus.OK)


def group_cases(runs: Sequence[RunSummary], owed: Sequence[Job] = ()) -> list[StudyCase]:
    """The cases of the runs of one sweep (all roles may be among them) and of the jobs that it still owes.

    What ran under several versions of a runtime is several cases; a run that never came to a version counts with the
    others where it is clear with which. In order of device, model, and first appearance.
    """
    groups: dict[tuple[str, ...], list[RunSummary]] = {}
    energy: dict[tuple[str, ...], list[RunSummary]] = {}
    for run in sorted(runs, key=lambda one: one.started):
        if run.role in (Role.CASE, Role.ENERGY):
            kept = groups if run.role is Role.CASE else energy
            kept.setdefault(_key(run), []).append(run)
    waiting: dict[tuple[str, str], list[Job]] = {}
    for job in owed:
        if job.role is Role.CASE:
            waiting.setdefault((job.case_key, job.model_digest), []).append(job)
    cases = []
    for key, members in groups.items():
        jobs = waiting.pop((members[0].case_key, members[0].model_digest), [])
        for part in _by_version(members):
            version = part[0].runtime_version
            metered = [one for one in energy.get(key, ()) if one.runtime_version == version]
            cases.append(_of_runs(part, metered, len(jobs)))
    kinds = {run.device: run.device_kind for run in runs}
    cases += [_of_jobs(jobs, kinds.get(jobs[0].device, UNKNOWN_KIND)) for jobs in waiting.values()]
    return sorted(cases, key=lambda one: (one.device, one.model))


def _key(run: RunSummary) -> tuple[str, ...]:
    return run.case_key, run.model_digest, run.device_kind, run.protocol


def _by_version(members: Sequence[RunSummary]) -> list[list[RunSummary]]:
    ran = list(dict.fromkeys(run.runtime_version for run in members if run.status is RunStatus.OK))
    if len(ran) <= 1:
        return [sorted(members, key=lambda run: run.status is not RunStatus.OK)]
    groups = [[run for run in members if run.status is RunStatus.OK and run.runtime_version == one] for one in ran]
    failed = [run for run in members if run.status is not RunStatus.OK]
    return [*groups, failed] if failed else groups


def _of_runs(runs: Sequence[RunSummary], energy: Sequence[RunSummary], owed: int) -> StudyCase:
    first = runs[0]
    return StudyCase(
        case_key=first.case_key,
        device=first.device,
        device_kind=first.device_kind,
        model=first.model,
        model_digest=first.model_digest,
        runtime=first.runtime,
        runtime_version=first.runtime_version,
        threads=first.threads,
        delegate=first.delegate,
        options=first.options,
        protocol=first.protocol,
        runs=tuple(runs),
        energy=tuple(energy),
        owed=owed,
    )


def _of_jobs(jobs: Sequence[Job], device_kind: str) -> StudyCase:
    first = jobs[0]
    return StudyCase(
        case_key=first.case_key,
        device=first.device,
        device_kind=device_kind,
        model=first.model,
        model_digest=first.model_digest,
        runtime=first.runtime.name,
        runtime_version=first.runtime.version,
        threads=first.threads,
        delegate=first.delegate,
        options=first.options,
        protocol=first.protocol.name,
        owed=len(jobs),
    )
