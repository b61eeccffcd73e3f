"""The card beside trained weights: from what, on what, how, and how well. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from orchestrator.training.orders import Order
from orchestrator.training.progress import Progress
from orchestrator.training.schedule import best_epoch

FORMAT = "dynofarm-trained"
VERSION = 1


Table = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Figure:
    """On one split: confusion tables (rows wanted, columns predicted, in the order of the labels) of the trained model,
    the zeroth model and the commonest label; and how often the first two were right together, or one of them alone.
    """

    confusion: Table
    zeroth: Table
    commonest: Table
    both: int
    gained: int
    lost: int
    neither: int


def card_text(order: Order, progress: Progress, figures: Mapping[str, Figure], tools: Mapping[str, str]) -> str:
    """The card as a JSON file."""
    said = {
        "format": FORMAT,
        "version": VERSION,
        "name": order.name,
        "labels": order.labels,
        "figures": {split: asdict(figure) for split, figure in figures.items()},
        "recipe": asdict(order.recipe),
        "recipe_digest": order.recipe.digest,
        "epochs": {"right_of_dev": progress.right, "kept": 1 + best_epoch(progress.right)},
        "cpu_s": round(progress.cpu_s, 1),
        "about": order.about,
        "tools": dict(tools),
    }
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"
