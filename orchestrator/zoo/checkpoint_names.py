"""What Hugging Face's libraries call the parameters of `networks`. Pure."""

import re
from collections.abc import Mapping

from orchestrator.errors import ModelError
from orchestrator.zoo.safetensors_file import Entry
from orchestrator.zoo.shapes import Family, Shape

_NAMES: dict[Family, tuple[tuple[str, str], ...]] = {
    Family.BERT: (
        (r"words\.", "bert.embeddings.word_embeddings."),
        (r"positions$", "bert.embeddings.position_embeddings.weight"),
        (r"types\.", "bert.embeddings.token_type_embeddings."),
        (r"norm\.", "bert.embeddings.LayerNorm."),
        (r"layers\.(\d+)\.attention\.mix", r"bert.encoder.layer.\1.attention.output.dense"),
        (r"layers\.(\d+)\.attention\.", r"bert.encoder.layer.\1.attention.self."),
        (r"layers\.(\d+)\.norm_attention", r"bert.encoder.layer.\1.attention.output.LayerNorm"),
        (r"layers\.(\d+)\.feed_forward\.up", r"bert.encoder.layer.\1.intermediate.dense"),
        (r"layers\.(\d+)\.feed_forward\.down", r"bert.encoder.layer.\1.output.dense"),
        (r"layers\.(\d+)\.norm_output", r"bert.encoder.layer.\1.output.LayerNorm"),
        (r"pool\.", "bert.pooler.dense."),
        (r"classify\.", "classifier."),
        (r"span\.", "qa_outputs."),
    ),
    Family.DISTILBERT: (
        (r"words\.", "distilbert.embeddings.word_embeddings."),
        (r"positions$", "distilbert.embeddings.position_embeddings.weight"),
        (r"norm\.", "distilbert.embeddings.LayerNorm."),
        (r"layers\.(\d+)\.attention\.query", r"distilbert.transformer.layer.\1.attention.q_lin"),
        (r"layers\.(\d+)\.attention\.key", r"distilbert.transformer.layer.\1.attention.k_lin"),
        (r"layers\.(\d+)\.attention\.value", r"distilbert.transformer.layer.\1.attention.v_lin"),
        (r"layers\.(\d+)\.attention\.mix", r"distilbert.transformer.layer.\1.attention.out_lin"),
        (r"layers\.(\d+)\.norm_attention", r"distilbert.transformer.layer.\1.sa_layer_norm"),
        (r"layers\.(\d+)\.feed_forward\.up", r"distilbert.transformer.layer.\1.ffn.lin1"),
        (r"layers\.(\d+)\.feed_forward\.down", r"distilbert.transformer.layer.\1.ffn.lin2"),
        (r"layers\.(\d+)\.norm_output", r"distilbert.transformer.layer.\1.output_layer_norm"),
        (r"pool\.", "pre_classifier."),
        (r"classify\.", "classifier."),
        (r"span\.", "qa_outputs."),
    ),
    Family.MOBILEBERT: (
        (r"words\.", "mobilebert.embeddings.word_embeddings."),
        (r"positions$", "mobilebert.embeddings.position_embeddings.weight"),
        (r"types\.", "mobilebert.embeddings.token_type_embeddings."),
        (r"trigrams\.", "mobilebert.embeddings.embedding_transformation."),
        (r"norm\.", "mobilebert.embeddings.LayerNorm."),
        (r"layers\.(\d+)\.enter", r"mobilebert.encoder.layer.\1.bottleneck.input.dense"),
        (r"layers\.(\d+)\.norm_enter", r"mobilebert.encoder.layer.\1.bottleneck.input.LayerNorm"),
        (r"layers\.(\d+)\.share", r"mobilebert.encoder.layer.\1.bottleneck.attention.dense"),
        (r"layers\.(\d+)\.norm_share", r"mobilebert.encoder.layer.\1.bottleneck.attention.LayerNorm"),
        (r"layers\.(\d+)\.attention\.mix", r"mobilebert.encoder.layer.\1.attention.output.dense"),
        (r"layers\.(\d+)\.attention\.", r"mobilebert.encoder.layer.\1.attention.self."),
        (r"layers\.(\d+)\.norm_attention", r"mobilebert.encoder.layer.\1.attention.output.LayerNorm"),
        (r"layers\.(\d+)\.stack\.LAST\.up", r"mobilebert.encoder.layer.\1.intermediate.dense"),
        (r"layers\.(\d+)\.stack\.LAST\.down", r"mobilebert.encoder.layer.\1.output.dense"),
        (r"layers\.(\d+)\.norms\.LAST", r"mobilebert.encoder.layer.\1.output.LayerNorm"),
        (r"layers\.(\d+)\.stack\.(\d+)\.up", r"mobilebert.encoder.layer.\1.ffn.\2.intermediate.dense"),
        (r"layers\.(\d+)\.stack\.(\d+)\.down", r"mobilebert.encoder.layer.\1.ffn.\2.output.dense"),
        (r"layers\.(\d+)\.norms\.(\d+)", r"mobilebert.encoder.layer.\1.ffn.\2.output.LayerNorm"),
        (r"layers\.(\d+)\.leave", r"mobilebert.encoder.layer.\1.output.bottleneck.dense"),
        (r"layers\.(\d+)\.norm_leave", r"mobilebert.encoder.layer.\1.output.bottleneck.LayerNorm"),
        (r"pool\.", "mobilebert.pooler.dense."),
        (r"classify\.", "classifier."),
        (r"span\.", "qa_outputs."),
    ),
}
"""Our names of parameters to theirs, first match wins; LAST is the last of a stack."""


def name_there(name: str, shape: Shape) -> str:
    """Their name of our parameter `name`. `ModelError` where there are no checkpoints of that family."""
    last = re.match(rf"(layers\.\d+\.(?:stack|norms))\.{shape.stacked - 1}\b", name)
    ours = name if last is None else f"{last[1]}.LAST{name[last.end() :]}"
    for pattern, theirs in _NAMES.get(shape.family, ()):
        renamed, count = re.subn(f"^{pattern}", theirs, ours)
        if count:
            return renamed
    raise ModelError(f"{shape.name}: no checkpoint is known to have {name}", "leave --from out")


def find_entry(entries: Mapping[str, Entry], theirs: str) -> Entry | None:
    """A tensor under its name, without the prefix of the family, or under the names that TensorFlow gave."""
    bare = re.sub(r"^(bert|distilbert|mobilebert)\.", "", theirs)
    for name in (theirs, bare):
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        for candidate in (name, old):
            if candidate in entries:
                return entries[candidate]
    return None
