"""The routes, a subject a module: each reads the store, and hands on what it read."""

from orchestrator.web.routes import (
    actions,
    boards,
    comparison,
    history,
    machines,
    models,
    results,
    runs,
    sessions,
    sweeps,
)

ROUTERS = tuple(
    module.router
    for module in (machines, sessions, actions, boards, sweeps, results, comparison, history, runs, models)
)
