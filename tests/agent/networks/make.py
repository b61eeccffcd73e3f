"""Makes the networks of this folder again; the tests read the files, and need none of the packages that made them.

    pip install torch==2.13.0 executorch==1.5.1 onnx MNN==3.6.1 tflite flatbuffers 'dynofarm[compile]'
    PYTHONPATH=. python tests/agent/networks/make.py FOLDER

`open` leaves height and width open; `elsewhere` has its weights in a file beside it, which the tests do not need;
`channels-last` is a softmax that was TFLite's. MNN's converter is called as a library, because its command reports on
its use.

`image` is a convolution, a dense layer and softmax; `tokens` an embedding, a mask, normalisation and two outputs.
"""

import sys
from pathlib import Path

import _tools as mnn
import tflite
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch import nn

from orchestrator.compiling.compiler import compile_model
from orchestrator.compiling.orders import Order
from orchestrator.compiling.processors import Processor
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.dense = nn.Linear(4 * 4 * 4, 10)

    def forward(self, image):
        found = nn.functional.avg_pool2d(torch.relu(self.convolution(image)), 2)
        return torch.softmax(self.dense(found.flatten(1)), -1)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.norm = nn.LayerNorm(16)
        self.dense = nn.Linear(16, 16)
        self.logits = nn.Linear(16, 3)

    def forward(self, ids, mask):
        rows = self.table(ids) * mask.unsqueeze(-1).to(torch.float32)
        found = nn.functional.gelu(self.dense(self.norm(rows)))
        return self.logits(found.mean(1)), found


class ChannelsLast(nn.Module):
    def forward(self, image):
        return image.to(memory_format=torch.channels_last)


def main(folder: Path) -> None:
    torch.manual_seed(1)
    image, tokens = Image().eval(), Tokens().eval()
    ids = torch.arange(8, dtype=torch.int64).reshape(1, 8)
    examples = {
        "image": (image, (torch.zeros(1, 3, 8, 8),), ["image"], ["scores"]),
        "tokens": (
            tokens,
            (ids.to(torch.int32), torch.ones(1, 8, dtype=torch.int32)),
            ["ids", "mask"],
            ["logits", "found"],
        ),
    }
    for name, (network, inputs, names, outputs) in examples.items():
        torch.onnx.export(
            network,
            inputs,
            str(folder / f"{name}.onnx"),
            input_names=names,
            output_names=outputs,
            dynamo=False,
            opset_version=17,
        )
        for mark, parts in (("", []), ("-xnnpack", [XnnpackPartitioner()])):
            write(network, inputs, parts, folder / f"{name}{mark}.pte")
    batch = torch.export.Dim("batch", min=1, max=5)
    write(image, (torch.zeros(2, 3, 8, 8),), [], folder / "image-batch.pte", ({0: batch},))
    write(ChannelsLast(), (torch.zeros(1, 3, 8, 8),), [], folder / "channels-last-out.pte")
    last = torch.zeros(1, 3, 8, 8).to(memory_format=torch.channels_last)
    write(nn.ReLU(), (last,), [], folder / "channels-last-in.pte")
    torch.onnx.export(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.ReLU()).eval(),
        (torch.zeros(1, 3, 8, 8),),
        str(folder / "open.onnx"),
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {2: "h", 3: "w"}},
        dynamo=False,
    )
    for name in (*examples, "open"):
        convert(folder / f"{name}.onnx", folder / f"{name}.mnn")
    convert(folder / "image.onnx", folder / "elsewhere.mnn", "--saveExternalData")
    ends = [MadeTensor(name, (1, 2, 3, 5), tflite.TensorType.FLOAT32) for name in ("image", "shares")]
    softmax = MadeOperator(tflite.BuiltinOperator.SOFTMAX, (0,), (1,))
    (folder / "channels-last.tflite").write_bytes(make_tflite(ends, [softmax], [0], [1]))
    convert(folder / "channels-last.tflite", folder / "channels-last.mnn", of="TFLITE")
    for name in examples:
        compile_module(folder / f"{name}.onnx", folder / f"{name}.vmfb")


def compile_module(source, place) -> None:
    """For any x86-64; debug information and source map stay out."""
    order = Order(source, "", {}, Processor("x86_64", "generic"), "O2", place)
    compile_model(order, lambda _step: None)
    order.lineage_place.unlink()


def convert(source, place, *more, of="ONNX") -> None:
    told = ["-f", of, "--modelFile", str(source), "--MNNModel", str(place), "--bizCode", "dynofarm"]
    mnn.mnnconvert(["mnnconvert", *told, *more])


def write(network, inputs, parts, place, shapes=None) -> None:
    exported = torch.export.export(network, inputs, dynamic_shapes=shapes)
    place.write_bytes(to_edge_transform_and_lower(exported, partitioner=parts).to_executorch().buffer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
