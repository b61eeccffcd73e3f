"""Stored sweeps for pages: boards that got warm, names that mean harm, everything that can be missing."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent.protocol import Samples, Timing
from orchestrator.comparing.answers import Answer
from orchestrator.pages.charts import (
    Axis,
    Chart,
    Level,
    Limit,
    Line,
    Moment,
    Ratio,
    Sample,
    Spot,
    Step,
    Stretch,
    distribution_chart,
    history_chart,
    range_chart,
    ratio_chart,
    scatter_chart,
    series_chart,
    waterfall_chart,
)
from orchestrator.pages.reading import SweepFacts, read_sweep
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.making import MOMENT, make_job, make_model, make_result, make_run
from tests.studying import MS, Planned, keep_study, student_model, teacher_model

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "datum.x; alert(1)",
    "a\u202eb\u2066c",
    "x" * 10_000,
    "[field].name\\'",
)
"""Names and notes as no honest farm has them."""


def known_sweep(database: Path) -> int:
    """A sweep with one of everything: on pi a fast case, one as fast, a slow one, one that ran out of memory and one
    that is owed; the same on another real board, and on an emulated one."""
    cases = []
    for device, kind in (("pi", "real"), ("jetson", "real"), ("emu", "emulated")):
        cases += [
            Planned(teacher_model(), 100.0, device=device, kind=kind),
            Planned(student_model(), 10.0, device=device, kind=kind, spread=0.002),
            Planned(student_model("twin"), 10.02, device=device, kind=kind, spread=0.002),
        ]
    cases += [
        Planned(student_model("huge"), status=RunStatus.OUT_OF_MEMORY, message="killed by the kernel", runs=1),
        Planned(student_model("late"), runs=0, owed=2),
    ]
    number, _, _ = keep_study(database, cases, "known")
    return number


def facts_of(database: Path, sweep: int | str = "last", *, detail: bool = True) -> SweepFacts:
    with Store.open(database) as store:
        return read_sweep(store, sweep, detail=detail)


def planned_facts(database: Path, planned: Sequence[Planned], **of_sweep: object) -> SweepFacts:
    """The facts of a sweep of these cases."""
    number, _, _ = keep_study(database, planned, **of_sweep)
    return facts_of(database, number)


def warm_sweep(database: Path) -> int:
    """Four runs on a board that warms up; the two in the middle are throttled. The other board tells nothing."""
    model = make_model("bert")
    jobs = [make_job(uuid.uuid4().hex, block=block) for block in range(4)]
    silent = [make_job(uuid.uuid4().hex, device="silent", block=block) for block in range(2)]
    with Store.open(database, create=True) as store:
        number = store.create_sweep(Sweep("warm", ("bert",), ("all",)), [*jobs, *silent], [model], MOMENT)
        for place, job in enumerate([*jobs, *silent]):
            channels: dict[str, list[float | None]] = {}
            if job.device == "kitchen":
                channels = {
                    "temp_c": [50.0 + 5 * place, None, 52.0 + 5 * place],
                    "clock_khz": [1_500_000.0, 1_500_000.0, 1_500_000.0 - 300_000 * (place in (1, 2))],
                }
            latencies = [10 * MS + 1000 * index for index in range(100)]
            timing = Timing(5 * MS, 2 * MS, 5, 500 * MS, True, latencies, 10**12, sum(latencies), sum(latencies))
            times = [10**12 + second * 10**9 for second in range(3)] if channels else []
            result = make_result(job.job_id, timing=timing, samples=Samples(times, channels))
            started = MOMENT + timedelta(minutes=2 * place)
            run = replace(make_run(job, result=result, started=started), finished=started + timedelta(minutes=1))
            store.save_run(run)
        hot = Judgement(Verdict.SUSPECT, (Reason("throttled", {"how": "by the firmware"}),))
        store.keep_judgements([(job.job_id, 1, hot) for job in jobs[1:3]])
    return number


def hostile_sweep(database: Path) -> int:
    """Models, messages and notes that are code, markup or endless; what is not allowed in a name is left to notes."""
    cases = [
        Planned(replace(student_model(f"m{place}"), name=text), 10.0 + place, runs=3)
        for place, text in enumerate(HOSTILE)
    ]
    broken = [
        Planned(
            replace(student_model(f"f{place}"), name=f"broken {text}"), status=RunStatus.CRASHED, message=text, runs=1
        )
        for place, text in enumerate(HOSTILE)
    ]
    number, _, _ = keep_study(database, [*cases, *broken], HOSTILE[0], notes="\n".join(HOSTILE))
    return number


MS_AXIS, MINUTES, ACCURACY = Axis("p50, ms", "less"), Axis("minutes"), Axis("accuracy", "more")


def every_chart(name: str = "case") -> list[Chart]:
    """One of each kind, with this for every name."""
    return [
        scatter_chart(
            "scatter",
            name,
            [Spot(name, name, 1, 0.5, name, name), Spot(name, name, 2, 0.7, name, name, doubt=name)],
            MS_AXIS,
            ACCURACY,
            name,
        ),
        distribution_chart("spread", name, [Sample(name, [1e6, 2e6, 9e6]), Sample(name, [3e6])], name),
        range_chart("range", name, [Sample(name, [1e6, 2e6, 9e6]), Sample(name, [3e6])], name),
        series_chart(
            "series",
            name,
            [Line(name, [(0, 1.0), (1, None), (2, 3.0)])],
            MINUTES,
            Axis(name),
            stretches=[Stretch(0, 1, name)],
            limits=[Limit(2.0, name)],
            caption=name,
        ),
        history_chart(
            "history",
            name,
            [Moment(MOMENT + timedelta(days=day), 1.0 + day, name, name) for day in range(3)],
            [Level(0, 1, 1.5), Level(2, 2, 3.0, name)],
            MS_AXIS,
            name,
        ),
        ratio_chart("ratio", name, [Ratio(name, 1.1, 1.0, 1.2, Answer.SLOWER, name, name)], 0.05, name),
        waterfall_chart(
            "waterfall", name, [Step(name, 3.0, name, name), Step(name, None, name, because=name)], MS_AXIS
        ),
    ]
