"""Two models that take turns on one board: from slices to a ratio with an interval, and to an answer. Pure.

How it is measured, and why it tells what runs one after another cannot: docs/how-to-compare-on-a-noisy-board.md.
"""

from orchestrator.duet.processors import processors_for
from orchestrator.duet.ratio import FEWEST_DUETS, PlayedDuet, compare_duets, read_duet
from orchestrator.duet.rounds import round_logs

__all__ = ["FEWEST_DUETS", "PlayedDuet", "compare_duets", "processors_for", "read_duet", "round_logs"]
