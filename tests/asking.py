"""Questions on passages, and a model whose answers are known: it points at the words that it was told to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

from orchestrator.datasets import Example, Origin, QuestionKey, Vocabulary, open_vocabulary
from orchestrator.datasets.question_key import read_question_key, write_question_key
from orchestrator.datasets.questions import Question

WORDS = [
    "the", "crew", "lost", "my", "bag", "in", "late", "flight", "was", "never", "seat", "café", "cafe", "who", "what",
    "where", "gate", "a", "five", "##s", "play", "##ing", ".", ",", "?", "é", "日", "本", "-", "'",
]  # fmt: skip
LENGTH = 24
ORIGIN = Origin("asked", "CC0-1.0", "made up")

QUESTIONS = (
    Question("q1", "what was lost?", "The crew lost my bag, in the late flight.", ("my bag", "bag")),
    Question("q2", "what was late?", "in the Café was my seat.", ("seat",)),
    Question("q3", "who was late?", "The crew was late, never the gate.", ("The crew",)),
    Question("q4", "who was never late?", "the flight was late.", ()),
)
STARTS, ENDS = {"[CLS]": 1.0, "my": 4.0, "crew": 2.0}, {"[CLS]": 1.0, "bag": 4.0, "seat": 2.0, "crew": 2.0}
"""What the model that these tests build thinks of each word."""
SAID = ("my bag", "my seat", "crew", "")
"""So what it says to each question: three are exact matches, and the second has one word too many."""
EXACT, F1 = 3 / 4, (1 + 2 / 3 + 1 + 1) / 4


def write_vocabulary(path: Path, words: Sequence[str] = WORDS) -> Path:
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]) + "\n", encoding="utf-8")
    return path


def vocabulary_in(folder: Path) -> Vocabulary:
    return open_vocabulary(write_vocabulary(folder / "vocab.txt"))


def squad(questions: Sequence[Question] = QUESTIONS) -> dict[str, Any]:
    """As SQuAD 2.0 writes them; a paragraph each."""
    paragraphs = []
    for one in questions:
        answers = [{"text": text, "answer_start": one.passage.find(text)} for text in one.answers]
        asked = {"id": one.name, "question": one.text, "answers": answers, "is_impossible": not answers}
        paragraphs.append({"context": one.passage, "qas": [asked]})
    return {"version": "v2.0", "data": [{"title": "one", "paragraphs": paragraphs}]}


def write_squad(path: Path, questions: Sequence[Question] = QUESTIONS) -> Path:
    path.write_text(json.dumps(squad(questions)), encoding="utf-8")
    return path


def examples(questions: Sequence[Question] = QUESTIONS) -> list[Example]:
    return [Example(one.text, one.passage) for one in questions]


def write_key(folder: Path, questions: Sequence[Question] = QUESTIONS, **more: Any) -> Path:
    words = {"length": LENGTH, "may_decline": True, **more}
    answers = [one.answers for one in questions]
    write_question_key(folder / "key", ORIGIN, examples(questions), answers, vocabulary_in(folder), **words)
    return folder / "key"


def key_in(folder: Path, questions: Sequence[Question] = QUESTIONS, **more: Any) -> QuestionKey:
    return read_question_key(write_key(folder, questions, **more))


def tables(
    starts: Mapping[str, float] = STARTS, ends: Mapping[str, float] = ENDS, words: Sequence[str] = WORDS
) -> list[Any]:
    """A start and an end logit for each token of the vocabulary."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    return [np.array([told.get(token, 0.0) for token in tokens], "<f4") for told in (starts, ends)]


def span_model(length: int = LENGTH, told: Sequence[Any] = ()) -> bytes:
    """A .tflite that looks up two numbers for each token: `ids` (int32, 1 x length) to `start` and `end`."""
    found = [np.asarray(one, "<f4") for one in told or tables()]
    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, b""), *(_buffer(builder, one.tobytes()) for one in found)]
    shapes = [("ids", (1, length), tflite.TensorType.INT32, 0)]
    shapes += [(f"table{place}", one.shape, tflite.TensorType.FLOAT32, place + 1) for place, one in enumerate(found)]
    shapes += [(name, (1, length), tflite.TensorType.FLOAT32, 0) for name in ("start", "end")]
    tensors = [_tensor(builder, *one) for one in shapes]
    operators = [_lookup(builder, (1 + place, 0), 3 + place) for place in (0, 1)]
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddBuiltinCode(builder, tflite.BuiltinOperator.GATHER)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, tflite.BuiltinOperator.GATHER)
    tflite.OperatorCodeAddVersion(builder, 1)
    code = tflite.OperatorCodeEnd(builder)
    lists = [_offsets(builder, one) for one in (tensors, operators, buffers, [code])]
    inputs, outputs = _numbers(builder, (0,)), _numbers(builder, (3, 4))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, lists[0])
    tflite.SubGraphAddOperators(builder, lists[1])
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    graphs = _offsets(builder, [tflite.SubGraphEnd(builder)])
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, lists[2])
    tflite.ModelAddOperatorCodes(builder, lists[3])
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _buffer(builder: Any, data: bytes) -> int:
    vector = None
    if data:
        tflite.BufferStartDataVector(builder, len(data))  # leaves room for the alignment that runtimes ask for
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
    tflite.BufferStart(builder)
    if vector is not None:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _tensor(builder: Any, name: str, shape: tuple[int, ...], dtype: int, buffer: int) -> int:
    text, sizes = builder.CreateString(name), _numbers(builder, shape)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, text)
    tflite.TensorAddShape(builder, sizes)
    tflite.TensorAddType(builder, dtype)
    tflite.TensorAddBuffer(builder, buffer)
    return int(tflite.TensorEnd(builder))


def _lookup(builder: Any, sources: tuple[int, int], target: int) -> int:
    reads, writes = _numbers(builder, sources), _numbers(builder, (target,))
    tflite.GatherOptionsStart(builder)
    options = tflite.GatherOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddInputs(builder, reads)
    tflite.OperatorAddOutputs(builder, writes)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.GatherOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _numbers(builder: Any, values: Sequence[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependInt32(value)
    return int(builder.EndVector())


def _offsets(builder: Any, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())
