"""What Prometheus reads: its own parser must understand it, and its series have a bound."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.runs import RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_conditions, make_facts, make_job, make_model, make_result, make_run
from tests.web.asking import Client

HOSTILE = 'a"b\\c\nd\u202e<script>'


def read(client: Client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """By name of the metric: the value by its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def test_an_empty_farm_has_metrics(client: Client) -> None:
    told = read(client)

    assert told["dynofarm_boards"][of(state="idle")] == 1
    assert told["dynofarm_sweeps_running"][()] == 0
    assert next(iter(told["dynofarm_store_bytes"].values())) > 10_000
    assert "dynofarm_latency_p50_seconds" not in told


def test_boards_runs_and_latencies_are_told(client: Client, store: Store) -> None:
    now = datetime.now(UTC)
    store.remember_facts("kitchen", make_facts(), make_conditions(temperatures_c={"cpu": 51.5, "gpu": 40.0}), now)
    jobs = [make_job(f"{number:032x}", position=number) for number in range(4)]
    sweep_id = store.create_sweep(Sweep("nightly", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
    for number, job in enumerate(jobs[:2]):
        when = MOMENT + timedelta(hours=number)
        result = make_result(job.job_id, [(number + 1) * 10**6] * 100, conditions_after=make_conditions())
        store.save_run(make_run(job, started=when, finished=when, result=result))
    store.save_run(make_run(jobs[2], RunStatus.CRASHED))
    store.lease_boards(["kitchen"], "me", owner="me", why="nightly", sweep_id=sweep_id)
    store.quarantine("attic", "slow", now)

    told = read(client)

    assert told["dynofarm_boards"][of(state="measures")] == 1
    assert told["dynofarm_boards"][of(state="in_quarantine")] == 1
    assert told["dynofarm_board_in_quarantine"][of(device="attic")] == 1
    assert told["dynofarm_board_temperature_celsius"][of(device="kitchen")] == 51.5
    assert told["dynofarm_board_last_seen_timestamp_seconds"][of(device="kitchen")] == pytest.approx(now.timestamp())
    assert told["dynofarm_sweeps_running"][()] == 1
    name = {"sweep": str(sweep_id), "name": "nightly"}
    jobs_told = {status: told["dynofarm_sweep_jobs"][of(status=status, **name)] for status in ("ok", "failed", "owed")}
    assert jobs_told == {"ok": 2, "failed": 1, "owed": 1}
    assert sum(told["dynofarm_runs"].values()) == 3
    assert told["dynofarm_runs"][of(status="crashed", verdict="none")] == 1
    newest = told["dynofarm_latency_p50_seconds"][of(device="kitchen", model="bert", runtime="litert")]
    assert newest == pytest.approx(0.002)


def test_names_with_quotes_and_line_breaks_are_read_back_as_they_were(client: Client, store: Store) -> None:
    model = make_model(HOSTILE)
    job = make_job(model=HOSTILE, model_digest=model.digest, device=HOSTILE)
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [job], [model], MOMENT)
    store.save_run(make_run(job))

    told = read(client)

    assert of(device=HOSTILE, model=HOSTILE, runtime="litert") in told["dynofarm_latency_p50_seconds"]


def test_the_number_of_latencies_has_a_bound_and_says_when_it_cuts(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.web.metrics.MOST_LATENCIES", 3)
    jobs = [replace(make_job(f"{number:032x}"), device=f"board-{number}") for number in range(5)]
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
    for number, job in enumerate(jobs):
        store.save_run(make_run(job, started=MOMENT + timedelta(hours=number)))

    told = read(client)

    devices = {dict(labels)["device"] for labels in told["dynofarm_latency_p50_seconds"]}
    assert devices == {"board-2", "board-3", "board-4"}
    assert told["dynofarm_latency_series_cut"][()] == 1


def test_two_servers_in_one_process_share_no_series(client: Client, store: Store) -> None:
    from prometheus_client import REGISTRY

    before = {family.name for family in REGISTRY.collect()}
    read(client)
    read(client)

    assert {family.name for family in REGISTRY.collect()} == before
