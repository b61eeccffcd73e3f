"""Running a plan: a thread a board, its jobs one after another, every outcome saved before the next job starts.

Handed a `Ledger` and links that know how to connect, so that it can be tested with neither a network nor a database.
A link that breaks is made again (`recovery.py`, `orchestrator/breaker.py`), and every time is written down; the other
boards go on meanwhile.
"""

from orchestrator.schedule.boards import run_sweep
from orchestrator.schedule.muster import muster
from orchestrator.schedule.tools import Ledger, Power, Tools

__all__ = ["Ledger", "Power", "Tools", "muster", "run_sweep"]
