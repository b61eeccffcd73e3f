"""dynofarm from Python: `from orchestrator.api import Farm`. What the command line does, by the same code.

Nothing here prints. Errors are those of `orchestrator.errors`: a message, a hint, and the exit code of the command.
"""

from orchestrator.api.farm import Farm
from orchestrator.api.sweeping import SweepResult
from orchestrator.errors import DynofarmError

__all__ = ["DynofarmError", "Farm", "SweepResult"]
