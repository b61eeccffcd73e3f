"""Work on a data set, on the board: what is fed, what goes back, and what does not fit."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import worker
from agent.datasets import DataSetFile
from agent.gate import WrongOutput
from agent.outcome import Failed, Reached
from agent.protocol import Error, Failure, InputRecipe, JobSpec, MeasureProtocol, ModelOnBoard, Result, TaskOnBoard
from agent.runtimes import Array, Loaded, Unsupported
from agent.tasks import TASKS, Task, open_task
from agent.tasks.feeding import Feeder, columns_of
from agent.tasks.passing import run_pass
from agent.wordpiece import Tokenizer, read_vocabulary
from orchestrator.datasets import write_texts, write_tokens
from orchestrator.tasks.answering import read_answers
from tests import asking
from tests.agent.serving import MODEL_DIGEST, FolderBoard, make_job
from tests.agent.test_worker import Ear
from tests.tasking import IDS, LENGTH, TEXTS, texts_in, tokens_in

BARELY_WARM = MeasureProtocol("barely", 1, 0.0, 0.05, 3, 0.0, 1.0)
"""Where an inference takes 30 ms: the first one, one for the gate and three to warm up lie before the six examples."""


def order(kind: str = "classification", scope: str = "model", classes: int = 8, new_tokens: int = 0) -> TaskOnBoard:
    return TaskOnBoard(kind, scope, "0" * 64, "1" * 64 if scope == "end_to_end" else None, classes, new_tokens)


def opened(
    task: TaskOnBoard, folder: Path, recipes: Sequence[InputRecipe] = IDS, texts: tuple[str, ...] = TEXTS
) -> Task:
    write = texts_in if task.scope == "end_to_end" else tokens_in
    return open_task(task, recipes, str(write(folder, texts)), str(folder / "vocab.txt"))


class Echo(Loaded):
    """Gives what `answer` makes of the ids it was fed."""

    def __init__(self, answer: Any) -> None:
        self.fed: list[list[Array]] = []
        self._answer = answer

    def feed(self, inputs: list[Array]) -> None:
        self.fed.append(inputs)

    def invoke(self) -> None:
        return None

    def outputs(self) -> list[Array]:
        ids = struct.unpack(f"<{LENGTH}i", self.fed[-1][0].data)
        return [array_of(values, name) for name, values in self._answer(ids).items()]


def array_of(values: Any, name: str = "logits", dtype: str = "float32") -> Array:
    found = np.asarray(values, dtype)
    return Array(name, dtype, list(found.shape), found.tobytes())


def answered(task: Task, loaded: Loaded) -> np.ndarray[Any, Any]:
    told: list[tuple[int, int, float]] = []
    loop = run_pass(task, loaded, 1000, lambda *words: told.append(words))
    assert len(loop.latencies_ns) == task.steps
    assert min(loop.latencies_ns) > 0
    assert loop.wall_ns >= sum(loop.latencies_ns)
    assert told[0][:2] == (0, task.steps)
    return read_answers(task.answers())


def first_eight(ids: Sequence[int]) -> dict[str, Any]:
    return {"logits": [list(map(float, ids[:8]))]}


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["input_ids", "attention_mask"], ["input_ids", "attention_mask"]),
        (["ids", "mask", "types"], ["input_ids", "attention_mask", "token_type_ids"]),
        (["serving_default_attention_mask:0", "serving_default_input_ids:0"], ["attention_mask", "input_ids"]),
        (["segment_ids", "input_mask", "input_ids"], ["token_type_ids", "attention_mask", "input_ids"]),
        (["args_0", "args_1"], ["input_ids", "attention_mask"]),
    ],
)
def test_inputs_are_fed_by_what_their_names_tell(names: list[str], columns: list[str]) -> None:
    assert columns_of(names, ["input_ids", "attention_mask", "token_type_ids"]) == columns


@pytest.mark.parametrize("names", [["mask", "attention_mask"], ["image"] * 4, ["ids", "x"], ["mask"]])
def test_inputs_that_cannot_be_told_apart_are_a_sentence(names: list[str]) -> None:
    with pytest.raises(Unsupported, match=r"the model wants .*, and the data set has input_ids"):
        columns_of(names, ["input_ids", "attention_mask", "token_type_ids"])


def test_other_columns_are_fed_by_position_where_they_are_as_many() -> None:
    assert columns_of(["serving_default_x:0"], ["image"]) == ["image"]
    with pytest.raises(Unsupported, match="the model wants a, b, and the data set has image"):
        columns_of(["a", "b"], ["image"])


@pytest.mark.parametrize("scope", ["model", "end_to_end"])
def test_a_runtime_without_a_batch_is_fed_without_the_1_in_front(tmp_path: Path, scope: str) -> None:
    recipes = [InputRecipe("in0", "int32", [LENGTH], "zeros"), InputRecipe("in1", "float32", [LENGTH], "ones")]
    ids, mask = opened(order(scope=scope), tmp_path, recipes).inputs(0)
    (usual, *_) = opened(order(scope=scope), tmp_path).inputs(0)
    assert (ids.shape, ids.data) == ([LENGTH], usual.data)
    fed = struct.unpack(f"<{LENGTH}f", mask.data)
    assert (mask.dtype, set(fed[:2]), fed[0]) == ("float32", {1.0}, 1.0)


def test_both_scopes_feed_the_same_bytes(tmp_path: Path) -> None:
    """What the orchestrator tokenised is what the board tokenises, whatever the type that the model wants."""
    for dtype in ("int32", "int64"):
        recipes = [InputRecipe(one.name, dtype, one.shape, "zeros") for one in IDS]
        ready = opened(order(), tmp_path, recipes)
        from_text = opened(order(scope="end_to_end"), tmp_path, recipes)
        assert [ready.inputs(step) for step in range(6)] == [from_text.inputs(step) for step in range(6)]
    tokenizer = Tokenizer(read_vocabulary(str(tmp_path / "vocab.txt")))
    wanted = [list(one) for one in tokenizer.encode(TEXTS[1], None, LENGTH)]
    assert [list(struct.unpack(f"<{LENGTH}q", one.data)) for one in ready.inputs(1)] == wanted


def test_logits_go_back_example_by_example(tmp_path: Path) -> None:
    loaded = Echo(lambda ids: {"other": [[1.0, 2.0]], **first_eight(ids)})
    answers = answered(opened(order(), tmp_path), loaded)
    assert answers.shape == (6, 8)
    ids = [struct.unpack("<8i", fed[0].data) for fed in loaded.fed]
    assert answers.tolist() == [list(map(float, one)) for one in ids]


def test_a_start_and_an_end_logit_a_token_go_back_whatever_their_order_and_form(tmp_path: Path) -> None:
    start, end = list(map(float, range(8))), list(map(float, range(8, 16)))
    both = {"both": [list(map(list, zip(start, end, strict=True)))]}
    for outputs in ({"end_logits": [end], "start_logits": [start]}, {"a": [start], "b": [end]}, both):
        answers = answered(opened(order("question_answering"), tmp_path), Echo(lambda _ids, told=outputs: told))
        assert answers.shape == (6, 2, 8)
        assert answers[5].tolist() == [start, end]


def test_pairs_are_fed_alike_in_both_scopes(tmp_path: Path) -> None:
    """A question and its passage, cut by the same rule here and on the board."""
    vocabulary = asking.vocabulary_in(tmp_path)
    recipes = [InputRecipe(name, "int64", [1, 12], "zeros") for name in ("ids", "mask", "types")]
    words = (asking.ORIGIN, asking.examples(), vocabulary, 12)
    ready, texts = write_tokens(tmp_path / "ready", *words), write_texts(tmp_path / "texts", *words)
    here = open_task(order("question_answering"), recipes, str(ready.path), None)
    there = open_task(order("question_answering", "end_to_end"), recipes, str(texts.path), str(tmp_path / "vocab.txt"))
    fed = [here.inputs(step) for step in range(4)]
    assert fed == [there.inputs(step) for step in range(4)]
    types = struct.unpack("<12q", fed[0][2].data)
    assert 0 < sum(types) < 12


def test_all_outputs_go_back_where_only_their_distance_counts(tmp_path: Path) -> None:
    answers = answered(opened(order("outputs"), tmp_path), Echo(lambda _ids: {"a": [[1.0, 2.0]], "b": 3.0}))
    assert answers.tolist() == [[1.0, 2.0, 3.0]] * 6


def test_the_last_token_is_foretold_from_all_before_it(tmp_path: Path) -> None:
    """The likeliest token here is always 5 (`bad`); the natural logarithm of its share is checked by numpy."""
    logits = np.linspace(-1.0, 1.0, 18)
    logits[5] = 3.0
    loaded = Echo(lambda _ids: {"logits": [logits.tolist()]})
    answers = answered(opened(order("next_token"), tmp_path), loaded)
    targets = [8, 7, 10, 16, 15, 5]
    wanted = logits - np.log(np.exp(logits).sum())
    assert answers[:, 0] == pytest.approx([wanted[target] for target in targets], abs=1e-6)
    assert answers[:, 1].tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    ids, mask, _ = (struct.unpack("<8i", one.data) for one in loaded.fed[1])
    assert ids == (0, 0, 0, 0, 2, 5, 6, 12)  # [CLS] bad flight was, and `late` is asked for
    assert mask == (0, 0, 0, 0, 1, 1, 1, 1)


def test_a_text_without_a_token_cannot_be_foretold(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="example 0 has no token to be foretold"):
        answered(opened(order("next_token"), tmp_path, texts=("", "good crew")), Echo(first_eight))


def test_tokens_are_written_one_after_the_other(tmp_path: Path) -> None:
    """A model that always says the token after its last one counts."""
    loaded = Echo(lambda ids: {"logits": [[1.0 if place == (ids[-1] + 1) % 18 else 0.0 for place in range(18)]]})
    answers = answered(opened(order("generation", new_tokens=3), tmp_path), loaded)
    assert answers.dtype == np.int32
    assert answers.tolist()[:3] == [[9, 10, 11], [8, 9, 10], [11, 12, 13]]
    assert [struct.unpack("<8i", fed[0].data)[-3:] for fed in loaded.fed[:3]] == [(2, 4, 8), (4, 8, 9), (8, 9, 10)]


@pytest.mark.parametrize("new_tokens", [0, 8, 100])
def test_new_tokens_need_room(tmp_path: Path, new_tokens: int) -> None:
    with pytest.raises(Unsupported, match=f"{new_tokens} new tokens, and the model reads 8 at once"):
        opened(order("generation", new_tokens=new_tokens), tmp_path)


@pytest.mark.parametrize(
    ("task", "outputs", "said"),
    [
        (
            order(),
            {"logits": [[1.0, 2.0]]},
            r"no output has 8 elements, one a class: the model gives logits of \[1, 2\]",
        ),
        (order("question_answering"), {"logits": [[1.0, 2.0]]}, "a start and an end logit a token are wanted"),
        (order("question_answering"), {"start": [[1.0] * 8]}, "a start and an end logit a token are wanted"),
        (order("question_answering"), {"start": [[1.0] * 8], "end": [[1.0] * 7]}, r"gives start of \[1, 8\], end of"),
        (order("question_answering"), {"both": [[[1.0] * 8] * 2]}, r"both of \[1, 2, 8\]"),
        (order("question_answering"), {}, "the model gives nothing"),
        (order("next_token"), {"logits": [[[1.0, 2.0]] * 3]}, "the logits of one token are wanted"),
        (order("generation", new_tokens=2), {}, "the model gives nothing"),
        (order("next_token"), {"logits": [[1.0, 2.0]]}, "the vocabulary has a token 8, the model 2"),
        (order("outputs"), {}, "answers are of one type"),
    ],
)
def test_outputs_that_are_no_answer_are_a_sentence(tmp_path: Path, task: TaskOnBoard, outputs: Any, said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        answered(opened(task, tmp_path), Echo(lambda _ids: outputs))


@pytest.mark.parametrize("kind", ["classification", "next_token", "generation"])
@pytest.mark.parametrize("where", [0, 5])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_a_wrong_output(tmp_path: Path, kind: str, where: int, value: float) -> None:
    values = [0.0] * (8 if kind == "classification" else 18)
    values[where] = value
    with pytest.raises(WrongOutput, match=r"example 0 .* NaN or infinity"):
        answered(opened(order(kind, new_tokens=2), tmp_path), Echo(lambda _ids: {"logits": [values]}))


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_logit_of_a_span_that_is_no_number_is_a_wrong_output(tmp_path: Path, side: str, value: float) -> None:
    outputs = {"start": [[0.0] * 8], "end": [[0.0] * 8]}
    outputs[side] = [[0.0] * 7 + [value]]
    with pytest.raises(WrongOutput, match=r"example 0 .* NaN or infinity"):
        answered(opened(order("question_answering"), tmp_path), Echo(lambda _ids: outputs))


def test_outputs_that_change_their_shape_are_a_sentence(tmp_path: Path) -> None:
    sizes = iter([8, 9])
    with pytest.raises(Unsupported, match=r"\('float32', \[8\]\) at first and \('float32', \[9\]\) for example 1"):
        answered(opened(order("outputs"), tmp_path), Echo(lambda _ids: {"a": [[0.0] * next(sizes)]}))


def test_more_answers_than_a_line_holds_are_refused_at_the_first(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("agent.tasks.keeping.MOST_BYTES", 6 * 8 * 4 - 1)
    loaded = Echo(first_eight)
    with pytest.raises(Unsupported, match="would have 192 bytes, and at most 191 are sent back: take fewer examples"):
        answered(opened(order(), tmp_path), loaded)
    assert len(loaded.fed) == 1


def test_more_tokens_than_a_line_holds_are_refused_before_the_first(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("agent.tasks.language.MOST_BYTES", 6 * 2 * 8 - 1)
    with pytest.raises(Unsupported, match="12 steps give more answers than are sent back: take fewer examples"):
        opened(order("generation", new_tokens=2), tmp_path)


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        ([InputRecipe("ids", "int32", [1, 9], "zeros")], r"input 'ids' is int32 of \[1, 9\].*shape \[1, 8\]"),
        ([InputRecipe("ids", "int32", [2, 8], "zeros")], r"input 'ids' is int32 of \[2, 8\]"),
        ([InputRecipe("ids", "string", [1, 8], "zeros")], "input 'ids' is string"),
    ],
)
@pytest.mark.parametrize("scope", ["model", "end_to_end"])
def test_a_model_of_another_shape_is_told_before_anything_runs(
    tmp_path: Path, scope: str, recipes: list[InputRecipe], said: str
) -> None:
    with pytest.raises(Unsupported, match=said):
        opened(order(scope=scope), tmp_path, recipes)


def test_a_data_set_of_another_scope_and_a_bad_vocabulary_are_sentences(tmp_path: Path) -> None:
    path = texts_in(tmp_path)
    with DataSetFile(str(path)) as data, pytest.raises(Unsupported, match="of scope end_to_end, and the job of scope"):
        Feeder(data, IDS, "model")
    with DataSetFile(str(path)) as data, pytest.raises(Unsupported, match="none came with the job"):
        Feeder(data, IDS, "end_to_end")
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe")
    with DataSetFile(str(path)) as data, pytest.raises(Unsupported, match="the vocabulary cannot be used"):
        Feeder(data, IDS, "end_to_end", str(tmp_path / "vocab.txt"))


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="no task 'poetry'; it knows classification, generation"):
        open_task(order("poetry"), IDS, str(tokens_in(tmp_path)), None)


@given(st.binary(max_size=200))
def test_answers_come_back_as_they_were(data: bytes) -> None:
    from agent.tasks.packing import pack

    packed = pack("outputs", "uint8", [len(data), 1], data)
    assert read_answers(packed).tobytes() == data
    assert packed.digest == hashlib.sha256(b"uint8 [%d, 1];" % len(data) + data).hexdigest()
    assert zlib.decompress(base64.b64decode(packed.data)) == data


# In a worker, and on a board ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Blobs:
    """What lies on a board, by digest."""

    folder: Path
    tokens: str
    texts: str
    vocabulary: str

    @property
    def model(self) -> str:
        return str(self.folder / MODEL_DIGEST)

    def job(self, scope: str = "model", **changes: Any) -> JobSpec:
        task = TaskOnBoard("classification", scope, self.tokens, None, 8)
        if scope == "end_to_end":
            task = TaskOnBoard("classification", scope, self.texts, self.vocabulary, 8)
        model = ModelOnBoard(MODEL_DIGEST, "toy", "fake", IDS)
        return make_job(**{"model": model, "task": task, "options": {"sleep_ms": 0.2}, **changes})


@pytest.fixture
def work(board: FolderBoard, tmp_path: Path) -> Blobs:
    """A board that has both forms of the data set, and the vocabulary."""
    digests = []
    for path in (tokens_in(tmp_path), texts_in(tmp_path), tmp_path / "vocab.txt"):
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        (board.work / "blobs" / digests[-1]).write_bytes(path.read_bytes())
    return Blobs(board.work / "blobs", *digests)


def test_a_job_brings_the_answers_and_a_time_for_each_example(board: FolderBoard, work: Blobs) -> None:
    ear = Ear()
    measured = worker.run_job(work.job(), work.model, None, ear)
    assert [report.stage for report in ear.heard] == ["checking", "timing", "answering", "finishing"]
    assert ear.heard[2] == Reached("answering", ear.heard[2].quiet_s, 0, 6)
    assert ear.heard[2].quiet_s >= 30
    assert len(measured.timing.latencies_ns) == 6
    assert measured.answers is not None
    assert measured.answers.shape == [6, 8]


def test_both_scopes_answer_alike_on_a_board(board: FolderBoard, work: Blobs) -> None:
    talk = board.serve()
    first = talk.run(work.job(), Result).result
    second = talk.run(work.job("end_to_end", job_id="job-2"), Result).result
    assert first.answers is not None
    assert second.answers == first.answers
    assert min(second.timing.latencies_ns) > 0


def test_the_same_answers_on_another_python(board: FolderBoard, work: Blobs, other_python: str) -> None:
    other = FolderBoard(board.work, other_python)
    talk = other.serve()
    told = talk.run(work.job("end_to_end"), Result).result.answers
    talk.close()
    assert told == board.serve().run(work.job(job_id="job-2"), Result).result.answers


@pytest.mark.parametrize("what", ["data set", "vocabulary"])
def test_a_file_that_is_not_there_is_asked_for(board: FolderBoard, work: Blobs, what: str) -> None:
    gone, scope = (work.tokens, "model") if what == "data set" else (work.vocabulary, "end_to_end")
    (work.folder / gone).unlink()
    error = board.serve().run(work.job(scope), Error)
    assert error.code == "missing"
    assert error.message == f"the {what} {gone[:12]}… is not on the board"


def test_a_digest_that_is_a_path_is_refused(board: FolderBoard, work: Blobs) -> None:
    spec = work.job(task=TaskOnBoard("classification", "model", "../../etc/passwd", None, 8))
    assert board.serve().run(spec, Error).code == "protocol"


def test_a_damaged_data_set_is_told_in_a_sentence(board: FolderBoard, work: Blobs) -> None:
    path = work.folder / work.tokens
    path.write_bytes(path.read_bytes()[:-10])
    failed = worker.attempt(work.job(), work.model, None, Ear())
    assert isinstance(failed, Failed)
    assert failed.reason == "crashed"
    assert "is cut off" in failed.message


def test_a_model_that_dies_in_the_middle_gives_no_answers(board: FolderBoard, work: Blobs) -> None:
    failure = (
        board.serve()
        .run(work.job(options={"sleep_ms": 30.0, "crash": "segfault", "crash_at": 8}, protocol=BARELY_WARM), Failure)
        .failure
    )
    assert failure.reason == "crashed"
    assert board.spooled() == ["job-1.json"]


def test_a_model_that_hangs_on_an_example_ends_at_its_deadline(board: FolderBoard, work: Blobs) -> None:
    spec = work.job(options={"sleep_ms": 30.0, "crash": "hang", "crash_at": 8}, protocol=BARELY_WARM, deadline_s=4.0)
    assert board.serve().run(spec, Failure).failure.reason == "timed_out"


def test_wrong_answers_in_the_middle_are_no_measurement(board: FolderBoard, work: Blobs) -> None:
    failed = worker.attempt(
        work.job(options={"sleep_ms": 30.0, "crash": "nan", "crash_at": 8}, protocol=BARELY_WARM),
        work.model,
        None,
        Ear(),
    )
    assert isinstance(failed, Failed)
    assert failed.reason == "wrong_output"


def test_a_long_task_says_how_far_it_is(board: FolderBoard, work: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.tasks.passing.TELL_S", 0.02)
    ear = Ear()
    worker.run_job(work.job(options={"sleep_ms": 15.0}), work.model, None, ear)
    told = [(one.done, one.steps) for one in ear.heard if one.stage == "answering"]
    assert told[0] == (0, 6)
    assert len(told) >= 3
    assert all(steps == 6 for _, steps in told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_stage_tells_the_orchestrator_how_far_it_is(board: FolderBoard, work: Blobs) -> None:
    talk = board.serve()
    talk.run(work.job(), Result)
    assert [(one.done, one.steps) for one in talk.stages if one.name == "answering"] == [(0, 6)]


def test_every_kind_can_be_opened(tmp_path: Path) -> None:
    for kind in TASKS:
        task = opened(order(kind, new_tokens=2), tmp_path)
        assert task.steps == (12 if kind == "generation" else 6)
        assert isinstance(task, Task)
