"""The SQL views: what `dynofarm sql` and any other reader of the file may rely on. Tables may change; views are kept.

Standard library only: `dynofarm sql --schema` prints this without opening a database.
"""

from orchestrator.store.views.baselines import BASELINES
from orchestrator.store.views.boards import DEVICES, LEASES, LINK_FAULTS, NOISE, POWER_CYCLES, QUARANTINE
from orchestrator.store.views.plans import MODELS, SITTINGS, SWEEPS
from orchestrator.store.views.runs import ANSWERS, LATENCIES, RUNS, SAMPLES
from orchestrator.store.views.view import View

__all__ = ["RUNS", "VIEWS", "View"]

VIEWS = (
    RUNS,
    LATENCIES,
    SAMPLES,
    ANSWERS,
    SWEEPS,
    SITTINGS,
    DEVICES,
    MODELS,
    NOISE,
    QUARANTINE,
    LINK_FAULTS,
    POWER_CYCLES,
    LEASES,
    BASELINES,
)
