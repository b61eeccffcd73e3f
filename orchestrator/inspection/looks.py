"""What the rules about runtimes look at. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.inspection.quantisation import WeightedOperator
from orchestrator.inspection.roles import Links
from orchestrator.model_files.contents import Contents, Node, Tensor

Version = tuple[str, str]
"""A runtime's name and its version."""


@dataclass(frozen=True)
class Look:
    """A file's contents, followed once, with the operators that have weights."""

    format: str
    contents: Contents
    links: Links
    weighted: tuple[WeightedOperator, ...]

    def nodes(self) -> Iterator[Node]:
        """Of all graphs: a runtime loads them all."""
        yield from self.contents.nodes
        yield from self.contents.inner_nodes

    def tensors(self) -> Iterator[Tensor]:
        yield from self.contents.tensors.values()
        yield from self.contents.inner_tensors


def listed(names: list[str]) -> str:
    """`A, B, C and 4 more`."""
    shown, hidden = names[:_MOST_SHOWN], len(names) - _MOST_SHOWN
    return ", ".join(shown) + (f" and {hidden} more" if hidden > 0 else "")


_MOST_SHOWN = 5
