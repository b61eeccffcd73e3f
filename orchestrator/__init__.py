"""dynofarm's orchestrator: registers boards, plans and runs sweeps over them, stores and queries what came of it."""

__version__ = "0.1.0"
