"""A model of ncnn in one file: what the agent and the orchestrator both read of it.

ncnn's own form is two files, a graph in text (`.param`) and weights (`.bin`). Here they are the two entries of a zip,
stored, so that ncnn reads its weights where they lie (`dynofarm model add` packs them).

ncnn believes its graph: a count that is too small, or a value that nobody makes, is memory that is not its own. So all
of it is checked here before ncnn sees it.
"""

import re
import struct
import zipfile
import zlib
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from agent.runtimes.arrays import Slot

MAGIC = b"7767517"
"""The first line of a graph in text."""

GRAPH, WEIGHTS = "model.param", "model.bin"
OPEN = [-1]
"""The shape of an input of which the graph does not even tell the rank."""

HANDS_ON = {
    "Split", "Reshape", "ExpandDims", "Squeeze", "Flatten", "Crop", "Permute", "Slice", "Concat", "Noop", "DeepCopy",
    "Tile", "Flip",
}  # fmt: skip
"""Layers whose outputs are made of values of their inputs."""

_MOST_GRAPH_BYTES = 1 << 24
_MOST_BLOBS = 1 << 20
_LONGEST_WORD = 255
_HEADER = b"PK\x03\x04"
_HEADER_BYTES = 30
_BROKEN_ZIP = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, OverflowError, EOFError, struct.error)
_COUNT = re.compile(r"[0-9]{1,7}")
_NUMBER = r"[-+.0-9eE]{1,15}"
_PARAMETER = re.compile(r'(-?[0-9]{1,5})=("[^"]{0,253}"|[A-Za-z]\S{0,253}|%s(?:,%s)*)(?: |$)' % (_NUMBER, _NUMBER))
_FIRST_OLD_ARRAY = -23300
"""From here down a parameter is an array that begins with its length (`-23303=2,0.5,0.5`), written for 3."""

_WIDTH, _HEIGHT, _CHANNELS, _DEPTH = 0, 1, 2, 11
"""The parameters in which an input tells its size."""
_FILTERS, _KERNEL_WIDTH, _WEIGHTS, _GROUPS, _KERNEL_HEIGHT = 0, 1, 6, 7, 11
"""Those of a convolution that tell how many channels it reads."""


class Broken(Exception):
    """What is wrong with the file, in a few words."""


class Layer(NamedTuple):
    """One line of the graph; `parameters` as they are written, under their numbers."""

    kind: str
    name: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    parameters: Dict[int, str]

    def number(self, key: int) -> int:
        """A parameter that is a whole number; 0 where it is left out, as for ncnn."""
        try:
            return int(self.parameters.get(key, "0"))
        except ValueError:
            raise Broken("%s: its parameter %d is no whole number" % (self.name, key)) from None


class Packed(NamedTuple):
    """The graph's text, and where the weights lie in the file."""

    graph: bytes
    weights_at: int
    weights_bytes: int
    weights_crc: int


def begins_packed(head: bytes) -> bool:
    """Whether a file that begins so is a packed model, whole or not."""
    name = GRAPH.encode()
    return head[:4] == _HEADER and head[26:28] == struct.pack("<H", len(name)) and head[_HEADER_BYTES:].startswith(name)


def read_packed(file: Any) -> Packed:
    """Find both entries; the graph is checked by its CRC, of the weights nothing is read. `Broken`.

    `file` is open for reading bytes, or mapped.
    """
    try:
        entries = sorted(zipfile.ZipFile(file).infolist(), key=lambda entry: entry.filename)
        if [entry.filename for entry in entries] != [WEIGHTS, GRAPH]:
            raise Broken("it does not hold %s and %s, and nothing else" % (GRAPH, WEIGHTS))
        weights, graph = entries
        if graph.file_size > _MOST_GRAPH_BYTES:
            raise Broken("its graph has %d bytes, and %d are the most" % (graph.file_size, _MOST_GRAPH_BYTES))
        weights_at = _start(file, weights)
        file.seek(_start(file, graph))
        text = file.read(graph.file_size)
    except _BROKEN_ZIP as error:
        raise Broken("as a zip it cannot be read: %s" % error) from None
    if zlib.crc32(text) != graph.CRC:
        raise Broken("its graph is not what was packed")
    return Packed(text, weights_at, weights.file_size, weights.CRC)


def _start(file: Any, entry: zipfile.ZipInfo) -> int:
    """Where the bytes of a stored entry begin: behind its header, its name and what else is told of it there."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise Broken("its entry %s is compressed, and must be stored" % entry.filename)
    file.seek(entry.header_offset)
    header = file.read(_HEADER_BYTES)
    name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
    start = entry.header_offset + _HEADER_BYTES + name_bytes + extra_bytes
    file.seek(0, 2)
    if header[:4] != _HEADER or start + entry.file_size > file.tell():
        raise Broken("its entry %s does not lie where the directory says" % entry.filename)
    return int(start)


def read_graph(text: bytes) -> List[Layer]:
    """The layers in their order, of a graph that ncnn can be given. `Broken`."""
    try:
        lines = [line for line in text.decode().split("\n") if line.strip()]
    except UnicodeDecodeError:
        raise Broken("its graph is no text") from None
    if not lines or lines[0].strip() != MAGIC.decode():
        raise Broken("its graph does not begin with %s" % MAGIC.decode())
    counts = [_count(word) for word in " ".join(lines[1:2]).split()]
    if len(counts) != 2 or counts[0] != len(lines) - 2:
        raise Broken("its graph has %d layers, and not as many as it says" % max(0, len(lines) - 2))
    layers = [_read_layer(line) for line in lines[2:]]
    _check_blobs(layers, counts[1])
    return layers


def _read_layer(line: str) -> Layer:
    """`Type name 1 1 input output 0=4 1=3`: after type and name how many values it reads and makes."""
    words = line.split()
    if len(words) < 4:
        raise Broken("a line of its graph is cut off: %r" % line[:80])
    kind, name = words[:2]
    reads, makes = _count(words[2]), _count(words[3])
    blobs, parameters = words[4 : 4 + reads + makes], words[4 + reads + makes :]
    if len(blobs) < reads + makes:
        raise Broken("%s: its line in the graph is cut off" % name)
    if max(map(len, (kind, name, *blobs))) > _LONGEST_WORD:
        raise Broken("%s…: a name is longer than %d letters" % (name[:20], _LONGEST_WORD))
    return Layer(kind, name, tuple(blobs[:reads]), tuple(blobs[reads:]), _read_parameters(name, " ".join(parameters)))


def _read_parameters(name: str, text: str) -> Dict[int, str]:
    found: Dict[int, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise Broken("%s: its parameters cannot be read from %r on" % (name, text[at : at + 20]))
        key, value, at = int(match.group(1)), match.group(2), match.end()
        if key <= _FIRST_OLD_ARRAY:
            key = _FIRST_OLD_ARRAY - key
            if value.split(",")[0] != str(value.count(",")):
                raise Broken("%s: its parameter %d is not as long as it says" % (name, key))
        if not 0 <= key < 32:
            raise Broken("%s: it has a parameter %d, and they end at 31" % (name, key))
        found[key] = value
    return found


def _check_blobs(layers: Sequence[Layer], declared: int) -> None:
    """Every value is made once and before it is read, and read once: to more readers a layer `Split` hands it."""
    made: Dict[str, bool] = {}
    for layer in layers:
        for blob in layer.inputs:
            if made.get(blob) is not True:
                why = "is read twice without a Split" if blob in made else "is read before any layer makes it"
                raise Broken("%s: the value %r %s" % (layer.name, blob, why))
            made[blob] = False
        for blob in layer.outputs:
            if blob in made:
                raise Broken("%s: the value %r was made before" % (layer.name, blob))
            made[blob] = True
        if layer.kind == "Input" and layer.inputs:
            raise Broken("%s: an Input, and it reads %r" % (layer.name, layer.inputs[0]))
    if not len(made) <= declared <= _MOST_BLOBS:
        raise Broken("its graph has %d values, and says %d" % (len(made), declared))


def _count(word: str) -> int:
    if not _COUNT.fullmatch(word):
        raise Broken("where its graph tells a number stands %r" % word[:20])
    return int(word)


def inputs_of(layers: Sequence[Layer]) -> List[Slot]:
    """The inputs in ncnn's order. Those whose values reach an `Embed` unchanged are its indices, which are int32; all
    other layers read floats."""
    return [
        Slot(blob, "int32" if _reaches_embed(blob, layers) else "float32", _shape(layer, blob, layers))
        for layer in layers
        if layer.kind == "Input"
        for blob in layer.outputs
    ]


def outputs_of(layers: Sequence[Layer]) -> List[str]:
    """The values that no layer reads, in the order in which they are made, which is ncnn's."""
    read = {blob for layer in layers for blob in layer.inputs}
    return [blob for layer in layers for blob in layer.outputs if blob not in read]


def _reaches_embed(blob: str, layers: Sequence[Layer]) -> bool:
    """Layers stand behind what they read, so that one walk finds all that is made of the value."""
    same = {blob}
    for layer in layers:
        if not same.isdisjoint(layer.inputs):
            if layer.kind == "Embed":
                return True
            if layer.kind in HANDS_ON:
                same.update(layer.outputs)
    return False


def _shape(layer: Layer, blob: str, layers: Sequence[Layer]) -> List[int]:
    """As in numpy, the outermost first: channels, depth, height, width; those left out at the front are not there.

    Where an input tells nothing (pnnx leaves it out), a convolution that reads it tells the channels: given others,
    ncnn would compute with memory that is not its own.
    """
    sizes = [layer.number(key) for key in (_CHANNELS, _DEPTH, _HEIGHT, _WIDTH)]
    if sizes[1] == 0:
        del sizes[1]
    while sizes and sizes[0] == 0:
        del sizes[0]
    if not sizes:
        channels = _channels_read(blob, layers)
        return [channels, -1, -1] if channels else list(OPEN)
    return [size if size > 0 else -1 for size in sizes]


def _channels_read(blob: str, layers: Sequence[Layer]) -> int:
    """By the first convolution that reads the value itself; 0 where there is none. One with a kernel of 1 x 1 reads
    vectors, too."""
    same = {blob}
    for layer in layers:
        if same.isdisjoint(layer.inputs):
            continue
        if layer.kind == "Split":
            same.update(layer.outputs)
        elif layer.kind in ("Convolution", "ConvolutionDepthWise"):
            width, filters = layer.number(_KERNEL_WIDTH), layer.number(_FILTERS)
            kernel = width * (layer.number(_KERNEL_HEIGHT) or width)
            if kernel > 1 and filters > 0:
                return layer.number(_WEIGHTS) * (layer.number(_GROUPS) or 1) // (kernel * filters)
    return 0
