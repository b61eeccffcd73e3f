"""The operators of a model, how many of each, and what each kind costs. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.inspection.arithmetic import Uncounted, count_flops, is_product
from orchestrator.model_files.contents import Contents


@dataclass(frozen=True)
class OperatorKind:
    """All operators of one name. `flops` of those that could be counted; `uncounted` says of the others why, and how
    many; `inner` of them stand in graphs that are not run from beginning to end, and are not counted either."""

    name: str
    count: int
    versions: tuple[int, ...]
    flops: int
    uncounted: Mapping[str, int] = field(default_factory=dict)
    inner: int = 0


@dataclass(frozen=True)
class Flops:
    """For one inference. `products` are matrix products and convolutions, `other` the rest of what has a rule."""

    products: int
    other: int

    @property
    def total(self) -> int:
        return self.products + self.other


def count_operators(contents: Contents) -> tuple[tuple[OperatorKind, ...], Flops]:
    """Every kind of operator, the costliest first, and the sums."""
    counts: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    flops: Counter[str] = Counter()
    versions: dict[str, set[int]] = {}
    uncounted: dict[str, Counter[str]] = {}
    for node in contents.nodes:
        counts[node.operator] += 1
        versions.setdefault(node.operator, set()).add(node.version)
        try:
            flops[node.operator] += count_flops(node, contents.tensors)
        except Uncounted as why:
            uncounted.setdefault(node.operator, Counter())[str(why)] += 1
    for node in contents.inner_nodes:
        inner[node.operator] += 1
        versions.setdefault(node.operator, set()).add(node.version)
    kinds = [
        OperatorKind(
            name,
            counts[name] + inner[name],
            tuple(sorted(versions[name])),
            flops[name],
            dict(uncounted.get(name, {})),
            inner[name],
        )
        for name in versions
    ]
    kinds.sort(key=lambda kind: (-kind.flops, -kind.count, kind.name))
    products = sum(kind.flops for kind in kinds if is_product(kind.name))
    return tuple(kinds), Flops(products, sum(kind.flops for kind in kinds) - products)
