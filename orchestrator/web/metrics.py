"""The farm as Prometheus sees it: read out of the store at every scrape, in a registry of its own.

Series are bounded: boards by their number, sweeps to those that run, latencies to the newest `MOST_LATENCIES`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orchestrator import __version__
from orchestrator.health import State
from orchestrator.store.glances.sweeps import SweepLine, running_sweeps
from orchestrator.store.glances.totals import Newest, newest_medians, run_counts, store_bytes
from orchestrator.web.looks import BoardLook, look_at_farm
from orchestrator.web.site import Site

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MOST_LATENCIES = 2000
"""Chosen: forty boards with fifty pairs of model and runtime each; every series costs the one who keeps them."""

STATES = ("in_quarantine", "reserved", "measures", "idle")


def exposition(site: Site) -> bytes:
    """The text format, version 0.0.4. `StoreError` where the store cannot be read."""
    with site.window.open() as look:
        boards = look_at_farm(site, look)
        with look.connection() as connection:
            running = running_sweeps(connection)
            counts = run_counts(connection)
            latencies = newest_medians(connection, MOST_LATENCIES + 1)
        size = store_bytes(look.path)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told([*_of_boards(boards), *_of_sweeps(running), *_of_runs(counts, latencies), _store(size)]))
    return generate_latest(registry)


class _Told(Collector):
    """Families that were made already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def board_state(one: BoardLook) -> str:
    """The one that keeps it from others most."""
    if one.quarantine is not None:
        return "in_quarantine"
    if one.tenant is not None:
        return "measures"
    return "reserved" if one.reservation is not None else "idle"


def _of_boards(boards: Sequence[BoardLook]) -> Iterator[Metric]:
    states = Counter(map(board_state, boards))
    family = GaugeMetricFamily("dynofarm_boards", "Boards of the farm by what they do now.", labels=["state"])
    for state in STATES:
        family.add_metric([state], states[state])
    yield family
    yield _per_board(
        "dynofarm_board_temperature_celsius",
        "The warmest sensor of a board at its last reading.",
        {one.name: one.warmth.temp_c for one in boards if one.warmth is not None},
    )
    yield _per_board(
        "dynofarm_board_last_seen_timestamp_seconds",
        "When a board was last reached.",
        {one.name: one.record.last_seen.timestamp() for one in boards if one.record and one.record.last_seen},
    )
    yield _per_board(
        "dynofarm_board_in_quarantine",
        "1 for a board that was taken out of rotation.",
        {one.name: float(one.quarantine is not None) for one in boards},
    )
    yield _per_board(
        "dynofarm_board_moved",
        "1 for a board whose reference model has left its usual latency.",
        {one.name: float(one.health.state is State.MOVED) for one in boards if one.health.change is not None},
    )
    yield _per_board(
        "dynofarm_board_health_change_ratio",
        "The newest look at a board against its usual latency: 0.12 is 12 % slower.",
        {one.name: one.health.change for one in boards if one.health.change is not None},
    )
    yield _per_board(
        "dynofarm_board_noise_floor_ratio",
        "Differences below this share are noise on that board.",
        {one.name: one.floor for one in boards if one.floor is not None},
    )


def _per_board(name: str, about: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=["device"])
    for device, value in values.items():
        family.add_metric([_label(device)], value)
    return family


def _of_sweeps(running: Sequence[SweepLine]) -> Iterator[Metric]:
    yield GaugeMetricFamily("dynofarm_sweeps_running", "Sweeps that measure at this moment.", value=len(running))
    family = GaugeMetricFamily(
        "dynofarm_sweep_jobs", "Jobs of the sweeps that run, by what came of them.", labels=["sweep", "name", "status"]
    )
    for one in running:
        counts = {"ok": one.ok, "failed": one.failed, "skipped": one.skipped, "owed": one.owed}
        for status, count in counts.items():
            family.add_metric([str(one.sweep_id), _label(one.name), status], count)
    yield family


def _of_runs(counts: dict[tuple[str, str | None], int], latencies: Sequence[Newest]) -> Iterator[Metric]:
    family = GaugeMetricFamily("dynofarm_runs", "Stored runs that count.", labels=["status", "verdict"])
    for (status, verdict), count in sorted(counts.items(), key=str):
        family.add_metric([status, verdict or "none"], count)
    yield family
    family = GaugeMetricFamily(
        "dynofarm_latency_p50_seconds",
        f"The newest median latency, of at most {MOST_LATENCIES} triples.",
        labels=["device", "model", "runtime"],
    )
    for one in latencies[:MOST_LATENCIES]:
        family.add_metric([_label(one.device), _label(one.model), _label(one.runtime)], one.median_ns / 1e9)
    yield family
    yield GaugeMetricFamily(
        "dynofarm_latency_series_cut",
        "1 where there are more triples than are told.",
        value=float(len(latencies) > MOST_LATENCIES),
    )


def _store(size_bytes: int) -> Metric:
    family = GaugeMetricFamily("dynofarm_store_bytes", "Size of the database with its log.", labels=["version"])
    family.add_metric([__version__], size_bytes)
    return family


def _label(text: str) -> str:
    """What cannot be written as UTF-8 is replaced; the format itself escapes the rest."""
    return text.encode("utf-8", "replace").decode("utf-8")
