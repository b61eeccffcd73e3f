"""A model of two files, ncnn's graph and its weights, made one in the farm as it is added."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.cli.context import say
from orchestrator.errors import DiskFull, DynofarmError, UsageError
from orchestrator.farm import Farm
from orchestrator.model_files import check_name
from orchestrator.model_files.ncnn_pack import SUFFIX, pack, pair_of
from orchestrator.report.files import write_parts
from orchestrator.report.output import FULL


@contextmanager
def in_one_file(farm: Farm, file: Path, name: str | None) -> Iterator[tuple[Path, Path | None]]:
    """The file itself, and None; for the graph of an ncnn model, one that is made of it and of the weights beside it,
    and the place in the farm that it has from the end of the block on, unless something in there goes wrong: a model
    of that name may be registered, and is not to be lost to one that cannot be."""
    pair = pair_of(file.expanduser().absolute())
    if pair is None:
        yield file, None
        return
    place = farm.root / "models" / f"{check_name(pair.stem if name is None else name, pair.graph)}{SUFFIX}"
    with _scratch_folder(place.parent) as folder:
        packed = folder / place.name
        with _told_as(place, packed):
            write_parts(pack(pair), packed)
        with _told_as(pair.graph, packed):
            yield packed, place
        with _saying_where(place):
            packed.replace(place)
    say(f"{place.stem}: {pair.graph.name} and {pair.weights.name} are packed into {place}")


@contextmanager
def _scratch_folder(beside: Path) -> Iterator[Path]:
    with _saying_where(beside):
        beside.mkdir(exist_ok=True)
        folder = TemporaryDirectory(prefix=".adding-", dir=beside)
    with folder as name:
        yield Path(name)


@contextmanager
def _saying_where(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"{place}: no room left to write it", "make room and try again") from None
        raise UsageError(f"{place}: cannot be written: {error.strerror}", "make it one you may write") from None


@contextmanager
def _told_as(known: Path, scratch: Path) -> Iterator[None]:
    """What goes wrong is told of a file that the user knows, and not of one that is gone by then."""
    try:
        yield
    except DynofarmError as error:
        error.message, error.hint = (
            text.replace(shlex.quote(str(scratch)), shlex.quote(str(known))).replace(str(scratch), str(known))
            for text in (error.message, error.hint)
        )
        raise
