"""What dynofarm stored, for notebooks: `from dynofarm.results import runs, latencies, samples`.

Everything else (boards, sweeps, comparisons) is in `orchestrator.api`.
"""
