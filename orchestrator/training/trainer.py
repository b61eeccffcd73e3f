"""The process that trains: an order comes in, a folder with weights, vocabulary and card goes out."""

import json
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from agent.wordpiece import Tokenizer, read_vocabulary
from orchestrator import __version__
from orchestrator.errors import ModelError
from orchestrator.metrics import confusion, mcnemar
from orchestrator.training.bases import VOCABULARY
from orchestrator.training.batches import Ids, choose, encode
from orchestrator.training.card import Figure, card_text
from orchestrator.training.loop import predict, prepare_torch, train
from orchestrator.training.network import Classifier, fill
from orchestrator.training.orders import Order
from orchestrator.training.places import RESULT, publish, working_folder
from orchestrator.training.steps import Finished, Step
from orchestrator.training.weights_file import write_tensors
from orchestrator.tweets.card import decode_rows
from orchestrator.tweets.rows import BadSource, Row
from orchestrator.tweets.zeroth import train_zeroth
from orchestrator.zoo.checkpoint_names import find_entry
from orchestrator.zoo.checkpoints import CONFIG, WEIGHTS, open_checkpoint
from orchestrator.zoo.safetensors_file import read_tensor

TRAIN, DEV = "train", "dev"


def run_order(order: Order, tell: Callable[[Step], None]) -> None:
    """Train, judge, and publish the folder. `ModelError`, `OSError`."""
    recipe, work = order.recipe, working_folder(order.folder)
    prepare_torch(recipe)
    splits = {name: _rows(path) for name, path in order.splits.items()}
    tokenizer = Tokenizer(read_vocabulary(str(order.base_folder / VOCABULARY)))
    tokens = {name: encode(tokenizer, [row.text for row in rows], recipe.length) for name, rows in splits.items()}
    examples = {name: _examples(tokens[name], rows, order.labels) for name, rows in splits.items()}
    chosen = [examples[TRAIN][place] for place in choose(len(examples[TRAIN]), recipe.examples, recipe.seed)]
    network = _network(order)
    progress = train(network, order, chosen, examples[DEV], work, tell)
    figures = judge(network, order.labels, splits, tokens)
    _write(order, network, work / RESULT, card_text(order, progress, figures, _tools()))
    publish(work, order.folder)
    tell(Finished(str(order.folder), len(progress.right), progress.cpu_s))


def judge(
    network: Classifier, labels: Sequence[str], splits: Mapping[str, Sequence[Row]], tokens: Mapping[str, Sequence[Ids]]
) -> dict[str, Figure]:
    """How often the network is right on each split that it did not learn from, and the two models beneath it."""
    zeroth = train_zeroth(splits[TRAIN], splits[DEV], labels)
    places = {label: place for place, label in enumerate(labels)}
    commonest = places[Counter(row.label for row in splits[TRAIN]).most_common(1)[0][0]]
    figures = {}
    for name, rows in splits.items():
        if name == TRAIN or not rows:
            continue
        wanted = [places[row.label] for row in rows]
        ours = predict(network, tokens[name])
        plain = [places[label] for label in zeroth.predict([row.text for row in rows])]
        pair = mcnemar(ours, plain, wanted, len(labels))
        figures[name] = Figure(
            confusion(ours, wanted, len(labels)),
            confusion(plain, wanted, len(labels)),
            confusion([commonest] * len(rows), wanted, len(labels)),
            pair.both,
            pair.gained,
            pair.lost,
            pair.neither,
        )
    return figures


def _network(order: Order) -> Classifier:
    checkpoint = open_checkpoint(order.base_folder)
    network = Classifier(checkpoint.shape, len(order.labels))
    known = {}
    for name, weight in network.named_parameters():
        entry = find_entry(checkpoint.entries, name)
        if entry is not None and not name.startswith("classifier."):
            if entry.shape != tuple(weight.shape):
                raise ModelError(f"{order.base_folder}: {name} is {list(entry.shape)}", "config.json does not fit it")
            known[name] = torch.from_numpy(read_tensor(checkpoint.folder / WEIGHTS, entry))
        elif not name.startswith(("classifier.", "bert.pooler.")):
            raise ModelError(f"{order.base_folder}: no tensor {name}", "it is not a checkpoint of BERT")
    fill(network, known, order.recipe.seed)
    return network


def _rows(path: Path) -> list[Row]:
    try:
        return decode_rows(path.read_bytes())
    except BadSource as fault:
        raise ModelError(f"{path}: {fault}", "fetch or add the data set again") from None


def _examples(tokens: Sequence[Ids], rows: Sequence[Row], labels: Sequence[str]) -> list[tuple[Ids, int]]:
    places = {label: place for place, label in enumerate(labels)}
    return [(ids, places[row.label]) for ids, row in zip(tokens, rows, strict=True)]


def _write(order: Order, network: Classifier, folder: Path, card: str) -> None:
    folder.mkdir()
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    write_tensors(folder / WEIGHTS, weights, {"format": "pt"})
    config = json.loads((order.base_folder / CONFIG).read_text(encoding="utf-8"))
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "num_labels": len(order.labels),
        "id2label": {str(place): label for place, label in enumerate(order.labels)},
        "label2id": {label: place for place, label in enumerate(order.labels)},
    }
    for gone in ("_name_or_path", "transformers_version"):
        config.pop(gone, None)
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}\n', encoding="utf-8")
    shutil.copyfile(order.base_folder / VOCABULARY, folder / VOCABULARY)
    (folder / "card.json").write_text(card, encoding="utf-8")


def _tools() -> dict[str, str]:
    return {"dynofarm": __version__, "torch": torch.__version__, "python": platform.python_version()}
