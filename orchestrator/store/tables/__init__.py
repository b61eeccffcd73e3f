"""The tables as SQLAlchemy sees them, and as a new database gets them; `migrations/` makes older ones equal to them. A
test holds the two alike."""

from orchestrator.store.tables.baselines import baseline, baseline_run
from orchestrator.store.tables.boards import device, facts, lease, lease_log, link_fault, noise, power_cycle, quarantine
from orchestrator.store.tables.columns import metadata
from orchestrator.store.tables.plans import answer_key, cell, job, model, protocol, reference, sitting, sweep, task
from orchestrator.store.tables.runs import answers, channel, codec, latency, run, run_answers, series

__all__ = [
    "answer_key",
    "answers",
    "baseline",
    "baseline_run",
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
    "run_answers",
    "series",
    "sitting",
    "sweep",
    "task",
]
