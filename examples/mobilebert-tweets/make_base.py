"""A BERT of 2 layers to be trained from nothing: seeded weights, and the tokens that tweets really use.

    dynofarm data fetch tweets
    python examples/mobilebert-tweets/make_base.py VOCAB.txt TRAIN.jsonl FOLDER
    dynofarm model train tweets --base FOLDER --train-embeddings --examples 0 --epochs 8 --learning-rate 5e-4 -o STUDENT

`VOCAB.txt` is BERT's uncased vocabulary, `TRAIN.jsonl` the training split in the data set's folder. Kept are the
special tokens, every single character and piece of one, and the tokens that the training texts use most.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from agent.wordpiece import SPECIAL, Tokenizer, read_vocabulary
from orchestrator.training.weights_file import write_tensors

TOKENS, LAYERS, HIDDEN, INNER, HEADS, POSITIONS, SEED = 6000, 2, 128, 512, 2, 64, 1


def main(vocabulary: Path, texts: Path, folder: Path) -> None:
    tokens = read_vocabulary(str(vocabulary))
    used: Counter[str] = Counter()
    tokenizer = Tokenizer(tokens)
    for line in texts.read_text(encoding="utf-8").splitlines():
        used.update(tokens[number] for number in tokenizer.pieces(json.loads(line)["text"]))
    letters = [one for one in tokens if len(one.removeprefix("##")) == 1 and one.isascii()]
    common = [token for token, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
    kept = list(dict.fromkeys([*SPECIAL, *letters, *common]))[:TOKENS]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in kept), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config(len(kept)), indent=1) + "\n")
    write_tensors(folder / "model.safetensors", weights(len(kept)), {"made": "seeded, not trained"})


def config(tokens: int) -> dict[str, object]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "vocab_size": tokens,
        "layer_norm_eps": 1e-12,
        "initializer_range": 0.02,
        "pad_token_id": 0,
    }


def weights(tokens: int) -> dict[str, np.ndarray]:
    """As BERT begins: a normal distribution of 0.02, zeros for biases, ones for norms."""
    random = np.random.default_rng(SEED)
    found: dict[str, np.ndarray] = {}

    def matrix(name: str, *shape: int) -> None:
        found[name] = random.normal(0.0, 0.02, shape).astype("float32")

    def dense(name: str, inputs: int, outputs: int) -> None:
        matrix(f"{name}.weight", outputs, inputs)
        found[f"{name}.bias"] = np.zeros(outputs, "float32")

    def norm(name: str) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = np.ones(HIDDEN, "float32"), np.zeros(HIDDEN, "float32")

    for name, rows in (("word", tokens), ("position", POSITIONS), ("token_type", 2)):
        matrix(f"bert.embeddings.{name}_embeddings.weight", rows, HIDDEN)
    norm("bert.embeddings.LayerNorm")
    for layer in range(LAYERS):
        place = f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            dense(f"{place}.attention.self.{part}", HIDDEN, HIDDEN)
        dense(f"{place}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{place}.attention.output.LayerNorm")
        dense(f"{place}.intermediate.dense", HIDDEN, INNER)
        dense(f"{place}.output.dense", INNER, HIDDEN)
        norm(f"{place}.output.LayerNorm")
    dense("bert.pooler.dense", HIDDEN, HIDDEN)
    return found


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
