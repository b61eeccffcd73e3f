"""Our networks against the reference implementation: the same weights must give the same outputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.zoo.arithmetic import count_parameters
from orchestrator.zoo.checkpoints import open_checkpoint
from orchestrator.zoo.heads import Head, parse_head
from orchestrator.zoo.shapes import CATALOGUE, Family, Shape, parse_shape

pytestmark = pytest.mark.usefixtures("zoo")

LENGTH = 24
SMALL: dict[str, dict[str, Any]] = {
    "bert": {
        "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
        "vocab_size": 120, "max_position_embeddings": 40,
    },
    "distilbert": {
        "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48, "vocab_size": 120, "max_position_embeddings": 40,
    },
    "mobilebert": {
        "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
        "embedding_size": 16, "intra_bottleneck_size": 32, "vocab_size": 120, "max_position_embeddings": 40,
    },
}  # fmt: skip


def reference(family: str, task: str, **more: Any) -> Any:
    """A small network of the reference implementation, every weight drawn, none left at zero or one."""
    import torch
    import transformers

    config = getattr(
        transformers, {"bert": "Bert", "distilbert": "DistilBert", "mobilebert": "MobileBert"}[family] + "Config"
    )
    model = {
        "bert": {"classification": "BertForSequenceClassification", "qa": "BertForQuestionAnswering"},
        "distilbert": {"classification": "DistilBertForSequenceClassification", "qa": "DistilBertForQuestionAnswering"},
        "mobilebert": {"classification": "MobileBertForSequenceClassification", "qa": "MobileBertForQuestionAnswering"},
    }[family][task]
    network = getattr(transformers, model)(
        config(**SMALL[family], num_labels=2 if task == "qa" else 3, attn_implementation="eager", **more)
    )
    random = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.copy_(torch.randn(weight.shape, generator=random) * 0.2 + ("LayerNorm.weight" in name))
    return network.eval()


@pytest.mark.parametrize("task", ["classification", "qa"])
@pytest.mark.parametrize(
    ("family", "more"),
    [("bert", {}), ("distilbert", {}), ("mobilebert", {"classifier_activation": False}), ("mobilebert", {})],
)
def test_a_checkpoint_gives_the_outputs_of_the_reference(
    tmp_path: Path, family: str, more: dict[str, Any], task: str
) -> None:
    import torch

    from orchestrator.zoo.networks import Network
    from orchestrator.zoo.running import run_network
    from orchestrator.zoo.weights import fill_network, seeded_inputs

    theirs = reference(family, task, **more)
    theirs.save_pretrained(tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    head = Head("qa") if task == "qa" else Head("classification", 3)
    assert checkpoint.head == head
    ours = Network(checkpoint.shape, head, LENGTH).eval()
    assert fill_network(ours, 1, checkpoint) == []
    inputs = seeded_inputs(checkpoint.shape, LENGTH, 5, 4)
    for one, mine in zip(inputs, run_network(ours, inputs), strict=True):
        names = {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"}
        with torch.inference_mode():
            found = theirs(**{names[name]: torch.from_numpy(value).long() for name, value in one.items()})
        expected = [found.start_logits, found.end_logits] if task == "qa" else [found.logits]
        kept = one["mask"][0].astype(bool) if task == "qa" else slice(None)  # what is masked out is never read
        for name, value in zip(head.outputs, expected, strict=True):
            assert np.allclose(mine[name][0][kept], value.numpy()[0][kept], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("text", [*CATALOGUE, "3/96/200/6"])
@pytest.mark.parametrize("head", ["classification:3", "qa", "generation"])
def test_parameters_are_counted_as_torch_counts_them(text: str, head: str) -> None:
    import torch

    from orchestrator.zoo.networks import Network

    shape = parse_shape(text)
    if (shape.family is Family.DECODER) != (head == "generation"):
        head = "generation" if shape.family is Family.DECODER else "classification:2"
    with torch.device("meta"):
        network = Network(shape, parse_head(head, shape), shape.positions)
    assert count_parameters(shape, parse_head(head, shape)) == sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize(
    ("name", "model"), [("bert-base", "Bert"), ("distilbert", "DistilBert"), ("mobilebert", "MobileBert")]
)
def test_published_shapes_are_those_of_the_reference(name: str, model: str) -> None:
    import torch
    import transformers

    more = {"classifier_activation": False} if model == "MobileBert" else {}
    config = getattr(transformers, f"{model}Config")(num_labels=2, **more)
    with torch.device("meta"):
        theirs = getattr(transformers, f"{model}ForSequenceClassification")(config)
    assert count_parameters(CATALOGUE[name], Head("classification", 2)) == sum(
        one.numel() for one in theirs.parameters()
    )


@pytest.mark.parametrize("text", ["bert-tiny", "distilbert", "mobilebert", "decoder-small"])
def test_random_weights_are_the_same_every_time_none_constant_and_none_tiny(text: str) -> None:
    import torch

    from orchestrator.zoo.networks import Network
    from orchestrator.zoo.weights import LEAST, fill_network

    shape = parse_shape(text, 500)
    first, second = (Network(shape, parse_head(None, shape), 16) for _ in range(2))
    drawn = fill_network(first, 3)
    fill_network(second, 3)
    assert len(drawn) == len(list(first.parameters()))
    for (name, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.min() < one.max(), f"{name} is constant"
        assert one.abs().min() >= LEAST * 0.99, f"{name} has weights that are nearly zero"


@pytest.mark.parametrize("text", ["bert-tiny", "distilbert", "mobilebert"])
def test_outputs_depend_on_the_input_and_not_on_what_is_masked_out(text: str) -> None:
    from orchestrator.zoo.networks import Network
    from orchestrator.zoo.running import run_network
    from orchestrator.zoo.weights import fill_network, seeded_inputs

    shape = parse_shape(text, 500)
    network = Network(shape, Head("classification", 3), 16).eval()
    fill_network(network, 1)
    first, second = seeded_inputs(shape, 16, 1, 2)
    changed = {**first, "ids": np.where(first["mask"] == 1, first["ids"], (first["ids"] + 1) % 500).astype(np.int32)}
    first["mask"][0, 15] = changed["mask"][0, 15] = 0
    changed["ids"][0, 15] = (first["ids"][0, 15] + 1) % 500
    one, other, same = (outputs["logits"] for outputs in run_network(network, [first, second, changed]))
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() > 1e-3
    if shape.family is Family.MOBILEBERT:  # its trigrams look one token beyond the mask
        assert np.abs(one - same).max() < 0.5 * np.abs(one - other).max()
    else:
        assert np.allclose(one, same, atol=1e-6)


def test_a_decoder_does_not_look_ahead() -> None:
    import torch

    from orchestrator.zoo.networks import Network
    from orchestrator.zoo.weights import fill_network

    shape: Shape = parse_shape("decoder-2/32/64/4", 50)
    network = Network(shape, Head("generation"), 8).eval()
    fill_network(network, 1)
    seen: list[torch.Tensor] = []
    network.layers[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    ids, mask = torch.arange(8, dtype=torch.int32)[None], torch.ones((1, 8), dtype=torch.int32)
    changed = ids.clone()
    changed[0, 5:] = 40
    with torch.inference_mode():
        (logits,), (others,) = network(ids, mask), network(changed, mask)
    assert logits.shape == (1, 50)
    assert torch.equal(seen[0][:, :5], seen[1][:, :5])
    assert not torch.equal(logits, others)
