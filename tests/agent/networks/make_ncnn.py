"""Makes the ncnn forms of this folder's networks again, from `image.onnx` and `tokens.onnx`.

    pip install onnx numpy pnnx==20261020      then: python make_ncnn.py FOLDER

pnnx converts `image`; for `tokens` it would have to be fed ids, so that graph is written here, by hand: shapes of its
inputs told, the mask as floats, every dimension but that of the batch.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).parent
TOKENS = """\
7767517
11 12
Input          ids      0 1 ids 0=8
Input          mask     0 1 mask 0=8
Embed          table    1 1 ids rows 0=16 1=50 2=0 3=800
ExpandDims     column   1 1 mask column -23303=1,1
BinaryOp       masked   2 1 rows column masked 0=2
LayerNorm      norm     1 1 masked normed 0=16 1=1.000000e-05 2=1
InnerProduct   dense    1 1 normed dense 0=16 1=1 2=256
GELU           gelu     1 1 dense active
Split          both     1 2 active found summed
Reduction      mean     1 1 summed mean 0=3 1=0 -23303=1,0 4=0 5=1
InnerProduct   logits   1 1 mean logits 0=3 1=1 2=48
"""
RAW = np.zeros(1, "<u4")
"""Before weights of some layers stands their form: 0 for plain floats."""


def main(folder: Path) -> None:
    convert_image(folder)
    write_tokens(folder)


def convert_image(folder: Path) -> None:
    """With floats as they are; by itself pnnx stores halves. It writes beside its source, and much more than these."""
    with tempfile.TemporaryDirectory() as workshop:
        shutil.copy(HERE / "image.onnx", workshop)
        subprocess.run(["pnnx", "image.onnx", "inputshape=[1,3,8,8]", "fp16=0"], cwd=workshop, check=True)
        for suffix in ("param", "bin"):
            shutil.copy(Path(workshop) / f"image.ncnn.{suffix}", folder)


def write_tokens(folder: Path) -> None:
    weights = {one.name: numpy_helper.to_array(one) for one in onnx.load(HERE / "tokens.onnx").graph.initializer}
    (folder / "tokens.ncnn.param").write_text(TOKENS)
    parts = [
        RAW, weights["table.weight"],
        weights["norm.weight"], weights["norm.bias"],
        RAW, weights["onnx::MatMul_28"].T, weights["dense.bias"],
        RAW, weights["logits.weight"], weights["logits.bias"],
    ]  # fmt: skip
    (folder / "tokens.ncnn.bin").write_bytes(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
