"""Makes the artifacts of one order, in a process of its own; every module with torch in it is behind this one."""

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from orchestrator.model_files.digest import digest_file
from orchestrator.zoo import lineage
from orchestrator.zoo.arithmetic import count_flops, count_parameters
from orchestrator.zoo.checkpoints import open_checkpoint
from orchestrator.zoo.distance import Distance, measure_distance
from orchestrator.zoo.lineage import Lineage
from orchestrator.zoo.networks import Network
from orchestrator.zoo.onnx_forms import write_onnx, write_onnx_form
from orchestrator.zoo.orders import Artifact, Order
from orchestrator.zoo.recipes import FORMS
from orchestrator.zoo.running import Arrays, run_artifact, run_network, runner_text
from orchestrator.zoo.shelf import find_whole, hold_shelf, put
from orchestrator.zoo.steps import Finished, Made, Making, Step
from orchestrator.zoo.tflite_forms import write_tflite, write_tflite_form
from orchestrator.zoo.weights import fill_network, seeded_inputs

INPUTS = 8
"""On so many seeded inputs outputs are compared."""

CALIBRATION_INPUTS = 32
"""On so many others the ranges of activations are looked for."""

TOOLS = {
    "tflite": ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert", "numpy"),
    "onnx": ("torch", "onnx", "onnxscript", "onnxruntime", "numpy"),
}


def build(order: Order, tell: Callable[[Step], None]) -> None:
    """Make what is missing of an order, parents first; each file is in its place before the next is begun."""
    with hold_shelf(order.folder) as scratch:
        whole = find_whole(order)
        bench = _Bench(order, scratch)
        for number, artifact in enumerate(order.artifacts, start=1):
            began = time.monotonic()
            known = whole.get(artifact.name)
            if known is None:
                tell(Making(artifact.name, number, len(order.artifacts), FORMS[artifact.form].words))
                known = bench.make(artifact)
            bench.digests[artifact.name] = known.digest
            tell(
                Made(
                    artifact.name,
                    known.size_bytes,
                    time.monotonic() - began,
                    _peak_rss_bytes(),
                    known.name not in whole,
                )
            )
    tell(Finished(len(order.artifacts)))


def _peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Bench:
    """What the artifacts of one order have in common: made when it is first needed."""

    def __init__(self, order: Order, scratch: Path) -> None:
        self.digests: dict[str, str] = {}
        self._order, self._scratch = order, scratch
        inputs = seeded_inputs(order.shape, order.length, order.seed, INPUTS + CALIBRATION_INPUTS)
        self._inputs, self._calibration = inputs[:INPUTS], inputs[INPUTS:]
        self._outputs: dict[str, list[Arrays]] = {}
        self._network: Network | None = None

    def make(self, artifact: Artifact) -> Lineage:
        """Make one artifact and put it, and then its lineage, in its place."""
        made, beside = self._scratch / artifact.file_name, self._scratch / artifact.lineage_name
        if artifact.parent is None:
            above = self._write_first(artifact, made)
            against = f"torch {version('torch')}"
        else:
            self._network = None  # every artifact that is made of the network comes before those made of artifacts
            gc.collect()
            above = self._write_of(artifact, self._parent_of(artifact), made)
            against = runner_text(artifact.format)
        mine = run_artifact(made, artifact.format, self._order.head.outputs, self._inputs)
        told = self._lineage(artifact, made, measure_distance(mine, above, against))
        beside.write_text(lineage.to_json(told, indent=2) + "\n", encoding="utf-8")
        put(made, self._order.folder / artifact.file_name)
        put(beside, self._order.folder / artifact.lineage_name)
        return told

    def _write_first(self, artifact: Artifact, made: Path) -> list[Arrays]:
        """From the network; gives the network's outputs."""
        order, folder = self._order, self._order.checkpoint
        if self._network is None:
            self._network = Network(order.shape, order.head, order.length).eval()
            fill_network(self._network, order.seed, None if folder is None else open_checkpoint(folder))
        write = write_tflite if artifact.format == "tflite" else write_onnx
        write(self._network, made, self._inputs[0], order.head.outputs)
        return run_network(self._network, self._inputs)

    def _write_of(self, artifact: Artifact, parent: Artifact, made: Path) -> list[Arrays]:
        """From another artifact; gives that one's outputs."""
        place = self._order.folder / parent.file_name
        write = write_tflite_form if artifact.format == "tflite" else write_onnx_form
        names = self._order.head.outputs
        write(artifact.form, place, made, self._calibration, names)
        if parent.name not in self._outputs:
            self._outputs[parent.name] = run_artifact(place, parent.format, names, self._inputs)
        return self._outputs[parent.name]

    def _parent_of(self, artifact: Artifact) -> Artifact:
        (parent,) = [one for one in self._order.artifacts if one.name == artifact.parent]
        return parent

    def _lineage(self, artifact: Artifact, made: Path, distance: Distance) -> Lineage:
        order, found = self._order, digest_file(made)
        return Lineage(
            name=artifact.name,
            digest=found.digest,
            size_bytes=found.size_bytes,
            form=artifact.form,
            format=artifact.format,
            parent=order.checkpoint_digest if artifact.parent is None else self.digests[artifact.parent],
            shape=asdict(order.shape),
            head=str(order.head),
            length=order.length,
            seed=order.seed,
            checkpoint=order.checkpoint_digest,
            head_drawn=order.head_drawn,
            parameters=count_parameters(order.shape, order.head),
            flops=count_flops(order.shape, order.head, order.length),
            tools={package: version(package) for package in TOOLS[artifact.format]},
            distance=distance,
        )
