"""The summary of a sweep in words: what was asked, what ran, what is fastest, what is not to be trusted. Pure.

Every sentence is of the data. Nothing is called faster that `comparing` does not call so.
"""

from collections import Counter

from orchestrator.pages.badges import Tone
from orchestrator.pages.names import shown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import EMULATED
from orchestrator.pages.sections.fastest import fastest
from orchestrator.pages.sections.sentences import NAMED, Said, counted, joined, listed, times_text
from orchestrator.pages.sections.trust import counts_text, measured
from orchestrator.report.words import duration_text, options_text
from orchestrator.runs import Role, RunStatus
from orchestrator.trust.reasons import brief_of, severity_of
from orchestrator.trust.verdicts import Verdict

__all__ = ["Said", "asked", "doubts", "missing", "ran", "summary"]


def summary(facts: SweepFacts) -> tuple[Said, ...]:
    """In the order in which somebody asks."""
    return (asked(facts), ran(facts), fastest(facts), doubts(facts), missing(facts))


def asked(facts: SweepFacts) -> Said:
    sweep, models = facts.record.sweep, {case.model for case in facts.cases}
    runtimes = listed([str(one) for one in sweep.runtimes], NAMED)
    sentences = [
        f"{counted(len(models), 'model')} on {counted(len(facts.devices), 'board')} "
        f"({listed([facts.label_of(name) for name in facts.devices], 8)}), with {runtimes}: "
        f"{counted(len(facts.cases), 'case')}, each {times_text(sweep.repeats)} in a process of its own.",
    ]
    axes = []
    if len(sweep.threads) > 1:
        axes.append(f"threads {listed([str(one) for one in sweep.threads], 8)}")
    if len(sweep.delegates) > 1:
        axes.append(f"delegates {listed(sweep.delegates, 8)}")
    if len(sweep.options) > 1:
        axes.append(f"options {listed([options_text(one) or 'none' for one in sweep.options], 8)}")
    if axes:
        sentences.append(f"Varied besides: {'; '.join(axes)}.")
    protocol = sweep.protocol
    sentences.append(
        f"Protocol {shown(protocol.name)}: at least {counted(protocol.min_inferences, 'inference')} and "
        f"{duration_text(protocol.min_s)}, at most {duration_text(protocol.max_s)}."
    )
    if sweep.task is not None:
        sentences.append(f"Each case worked on the data set {shown(sweep.task.data)}, too.")
    if sweep.notes:
        sentences.append(f"Its notes say: {shown(sweep.notes, 300)}")
    return Said("What was asked", tuple(sentences))


def ran(facts: SweepFacts) -> Said:
    progress = facts.record.progress
    parts = [f"{progress.ok:,} of {counted(progress.jobs, 'job')} were measured"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.skipped:
        verb, them = ("was", "it") if progress.skipped == 1 else ("were", "them")
        parts.append(f"{progress.skipped:,} {verb} left out because the board or the runtime does not take {them}")
    if progress.owed:
        parts.append(f"{progress.owed:,} {'is' if progress.owed == 1 else 'are'} still to be done")
    sentences = [f"{joined(parts)}."]
    if progress.owed:
        sentences.append(f"The rest is run by: dynofarm run --resume {facts.record.sweep_id}")
    failed = Counter(
        run.status
        for run in facts.runs
        if run.role is not Role.REFERENCE and run.status not in (RunStatus.OK, RunStatus.SKIPPED)
    )
    if failed:
        told = [f"{count} {status.replace('_', ' ')}" for status, count in failed.most_common()]
        sentences.append(f"What went wrong: {joined(told)}.")
    if facts.faults:
        boards = sorted({fault.device for fault in facts.faults})
        sentences.append(f"Links broke {times_text(len(facts.faults))}, on {listed(boards, NAMED)}.")
    tone = Tone.DOUBT if progress.owed or progress.failed else Tone.GOOD if progress.ok else Tone.QUIET
    return Said("What ran", tuple(sentences), tone)


def doubts(facts: SweepFacts) -> Said:
    runs = measured(facts.runs)
    sentences = (
        [f"Of {counted(len(runs), 'measured run')}: {counts_text(runs)}."] if runs else ["Nothing was measured."]
    )
    counts = Counter(code for run in runs for code in run.reasons.split() if severity_of(code) > 0)
    if counts:
        most = [f"{code} ({brief_of(code)}) in {counted(count, 'run')}" for code, count in counts.most_common(NAMED)]
        more = f" and {counted(len(counts) - NAMED, 'other reason')}" if len(counts) > NAMED else ""
        sentences.append(f"Most frequent: {'; '.join(most)}{more}. What to do about each stands under Trust.")
    emulated = [name for name in facts.devices if facts.kind_of(name) == EMULATED]
    if emulated:
        sentences.append(f"{listed(emulated, NAMED)}: emulated. Such times say nothing of a real board.")
    loopback = [name for name in facts.devices if facts.kind_of(name) == "loopback"]
    if loopback:
        sentences.append(f"{listed(loopback, NAMED)}: on the orchestrator's own machine, no board of its own.")
    few = [row for row in facts.rows if row.runs in (1, 2) and row.failure is None]
    if few:
        sentences.append(
            f"{counted(len(few), 'case')} with fewer than 3 runs: what differs from run to run is hardly known."
        )
    doubted = any(run.verdict is not Verdict.TRUSTED for run in runs)
    return Said("What is not to be trusted", tuple(sentences), Tone.DOUBT if doubted or emulated else Tone.GOOD)


def missing(facts: SweepFacts) -> Said:
    """What nobody measured, each with the reason where one is known."""
    sentences = []
    kinds = Counter(row.failure.kind for row in facts.rows if row.failure is not None and row.scope == "model")
    if kinds:
        told = [f"{count} {kind}" for kind, count in kinds.most_common()]
        sentences.append(f"Cases without figures: {joined(told)}. Each with its reason stands under Failures.")
    sweep = facts.record.sweep
    if not any(row.accuracy or row.exact_match or row.perplexity for row in facts.rows):
        why = "its answers cannot be scored" if sweep.task is not None else "the sweep worked on no data set (--task)"
        sentences.append(f"Accuracy: not measured; {why}.")
    if not any(row.energy_j_per_item for row in facts.rows):
        why = "no board told its power" if sweep.energy else "the sweep did not ask for it (--energy)"
        sentences.append(f"Energy: not measured; {why}.")
    for what, sensor in (("Temperature", "temp_c"), ("Clock", "clock_khz")):
        silent = [name for name in facts.devices if _is_silent(facts, name, sensor)]
        if silent:
            sentences.append(f"{what}: not measured on {listed(silent, NAMED)}, which tell none.")
    return Said("What was not measured", tuple(sentences) or ("Nothing is missing.",))


def _is_silent(facts: SweepFacts, device: str, sensor: str) -> bool:
    """Only where traces were read, and the board measured something."""
    mine = [trace for trace in facts.traces if trace.summary.device == device]
    return bool(mine) and not any(getattr(trace, sensor) for trace in mine)
