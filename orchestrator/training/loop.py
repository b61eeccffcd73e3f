"""The training loop. Every batch is drawn from the seed and its own number, so a run that was killed goes on to the
same weights as one that was not."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from orchestrator.training.batches import Ids, by_length, epoch_batches, pad
from orchestrator.training.network import Classifier
from orchestrator.training.orders import Order, Recipe
from orchestrator.training.progress import BEST, Progress, Tensors, load_progress, read_tensors, save_progress
from orchestrator.training.schedule import best_epoch, learning_rate, should_stop
from orchestrator.training.steps import Begun, EpochDone, Step, Stepped
from orchestrator.training.weights_file import write_tensors

WEIGHT_DECAY = 0.01
LARGEST_GRADIENT = 1.0
"""The norm to which gradients are cut; both as BERT was fine-tuned (arXiv 1810.04805, A.3, and its code)."""
JUDGING_BATCH = 64
MOMENTS = ("exp_avg", "exp_avg_sq")

Examples = Sequence[tuple[Ids, int]]


def prepare_torch(recipe: Recipe) -> None:
    """Make the same words give the same weights."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(recipe.threads)


def train(
    network: Classifier,
    order: Order,
    train_on: Examples,
    dev: Examples,
    folder: Path,
    tell: Callable[[Step], None],
) -> Progress:
    """Train until the schedule or patience ends, and leave the weights of the best epoch in `network`.

    `folder` keeps the state; what lies there is gone on with. `ModelError`, `OSError`.
    """
    recipe = order.recipe
    trained = _trained(network, recipe)
    optimizer = torch.optim.AdamW(_groups(trained), lr=0.0, foreach=False)
    per_epoch = -(-len(train_on) // recipe.batch)
    steps = per_epoch * recipe.epochs
    progress = Progress(recipe.digest)
    found = load_progress(folder, recipe.digest)
    if found is not None:
        progress, tensors = found
        _restore(trained, optimizer, tensors, progress.epoch * per_epoch + progress.batch)
    tell(Begun(len(train_on), steps, progress.epoch * per_epoch + progress.batch))
    clock = _Clock(progress.cpu_s, order.save_every_s)
    while not should_stop(progress.right, recipe.epochs, recipe.patience):
        batches = epoch_batches([len(ids) for ids, _label in train_on], recipe.batch, recipe.seed, progress.epoch)
        for number in range(progress.batch, len(batches)):
            step = progress.epoch * per_epoch + number
            torch.manual_seed(recipe.seed * 1_000_003 + step)
            loss = _learn(network, trained, optimizer, [train_on[place] for place in batches[number]],
                          learning_rate(step, steps, recipe.learning_rate))  # fmt: skip
            progress = progress.after_batch()
            tell(Stepped(step + 1, loss))
            if clock.is_due() and number + 1 < len(batches):
                save_progress(folder, clock.stamp(progress), _state(trained, optimizer))
        progress = progress.after_epoch(count_right(network, dev))
        tell(EpochDone(progress.epoch, progress.right[-1], len(dev)))
        if best_epoch(progress.right) == progress.epoch - 1:
            write_tensors(folder / BEST, {name: _array(weight) for name, weight in trained.items()}, {})
        save_progress(folder, clock.stamp(progress), _state(trained, optimizer))
    for name, values in read_tensors(folder / BEST).items():
        with torch.no_grad():
            trained[name].copy_(torch.from_numpy(values))
    return clock.stamp(progress)


def predict(network: Classifier, texts: Sequence[Ids]) -> list[int]:
    """The likeliest label of each example, in their order."""
    network.eval()
    found = [0] * len(texts)
    with torch.inference_mode():
        for places in by_length([len(ids) for ids in texts], JUDGING_BATCH):
            ids, mask = pad([texts[place] for place in places])
            likeliest = network(torch.from_numpy(ids), torch.from_numpy(mask)).argmax(1).tolist()
            for place, label in zip(places, likeliest, strict=True):
                found[place] = label
    return found


def count_right(network: Classifier, examples: Examples) -> int:
    """How many examples get their label."""
    predicted = predict(network, [ids for ids, _label in examples])
    return sum(one == label for one, (_ids, label) in zip(predicted, examples, strict=True))


class _Clock:
    """Says when to save, and counts the processor's time, earlier runs' included."""

    def __init__(self, spent_s: float, every_s: float) -> None:
        self._every_s = every_s
        self._before_s = spent_s - time.process_time()
        self._saved_s = time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._saved_s >= self._every_s

    def stamp(self, progress: Progress) -> Progress:
        self._saved_s = time.monotonic()
        return Progress(
            progress.recipe, progress.epoch, progress.batch, progress.right, self._before_s + time.process_time()
        )


def _learn(
    network: Classifier, trained: dict[str, Tensor], optimizer: torch.optim.Optimizer, batch: Examples, rate: float
) -> float:
    network.train()
    ids, mask = pad([ids for ids, _label in batch])
    logits = network(torch.from_numpy(ids), torch.from_numpy(mask))
    loss = functional.cross_entropy(logits, torch.tensor([label for _ids, label in batch]))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained.values(), LARGEST_GRADIENT, foreach=False)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return float(loss.detach())


def _trained(network: Classifier, recipe: Recipe) -> dict[str, Tensor]:
    """The weights that learn, by name; embeddings are left as they are unless the recipe says otherwise."""
    learning = {}
    for name, weight in network.named_parameters():
        learns = recipe.train_embeddings or not name.startswith("bert.embeddings.")
        weight.requires_grad_(learns)
        if learns:
            learning[name] = weight
    return learning


def _groups(trained: dict[str, Tensor]) -> list[dict[str, object]]:
    plain = [name for name in trained if name.endswith("bias") or "LayerNorm" in name]
    return [
        {"params": [trained[name] for name in trained if name not in plain], "weight_decay": WEIGHT_DECAY},
        {"params": [trained[name] for name in plain], "weight_decay": 0.0},
    ]


def _state(trained: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> Tensors:
    tensors = {name: _array(weight) for name, weight in trained.items()}
    for name, weight in trained.items():
        for moment in MOMENTS:
            tensors[f"{moment}/{name}"] = _array(optimizer.state[weight][moment])
    return tensors


def _restore(trained: dict[str, Tensor], optimizer: torch.optim.Optimizer, tensors: Tensors, done: int) -> None:
    with torch.no_grad():
        for name, weight in trained.items():
            weight.copy_(torch.from_numpy(tensors[name]))
            moments = {moment: torch.from_numpy(tensors[f"{moment}/{name}"]) for moment in MOMENTS}
            optimizer.state[weight] = {"step": torch.tensor(float(done)), **moments}


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().numpy()
    return array
