"""The tables as SQLAlchemy sees them. They are made by `migrations/` alone; a test holds the two alike."""

from orchestrator.store.tables.boards import device, facts, lease, lease_log, link_fault, noise, power_cycle, quarantine
from orchestrator.store.tables.columns import metadata
from orchestrator.store.tables.plans import cell, job, model, protocol, reference, sweep
from orchestrator.store.tables.runs import channel, codec, latency, run, series

__all__ = [
    "cell",
    "channel",
    "codec",
    "device",
    "facts",
    "job",
    "latency",
    "lease",
    "lease_log",
    "link_fault",
    "metadata",
    "model",
    "noise",
    "power_cycle",
    "protocol",
    "quarantine",
    "reference",
    "run",
    "series",
    "sweep",
]
