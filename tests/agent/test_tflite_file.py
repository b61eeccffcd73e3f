import shutil
from pathlib import Path

import pytest

from agent.runtimes import Rejected
from agent.runtimes.tflite_file import check_tflite
from tests.agent.tiny_tflite import Cast, write_cast_model

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.tflite")), ids=lambda path: path.stem)
def test_a_sound_model_gives_the_shapes_of_its_inputs(path: Path) -> None:
    shapes = check_tflite(str(path))
    assert shapes
    assert all(size > 0 for shape in shapes for size in shape)


def test_an_open_dimension_is_minus_one(tmp_path: Path) -> None:
    casts = [
        Cast("a", "float32", "int32", (-1, 3)),
        Cast("b", "int32", "float32", (2,)),
        Cast("c", "int8", "int32", ()),
    ]
    assert check_tflite(str(write_cast_model(tmp_path / "m.tflite", casts))) == [[-1, 3], [2], []]


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.tflite")), ids=lambda path: path.stem)
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_model_that_is_cut_off_anywhere_is_rejected(tmp_path: Path, path: Path, share: float) -> None:
    cut = tmp_path / "cut.tflite"
    data = path.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Rejected):
        check_tflite(str(cut))


def test_a_small_model_is_rejected_at_every_length_but_its_own(tmp_path: Path) -> None:
    whole = write_cast_model(tmp_path / "whole.tflite", [Cast("a", "float32", "int32")]).read_bytes()
    cut = tmp_path / "cut.tflite"
    survived = []
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        try:
            check_tflite(str(cut))
        except Rejected:
            continue
        survived.append(length)
    assert all(length >= len(whole) - 3 for length in survived), "only padding at the end may be missing"


def test_any_damaged_byte_leaves_a_verdict_and_no_other_exception(tmp_path: Path) -> None:
    whole = write_cast_model(tmp_path / "whole.tflite", [Cast("a", "float32", "int32")], [("s", 0)]).read_bytes()
    damaged = tmp_path / "damaged.tflite"
    rejected = 0
    for place in range(len(whole)):
        for value in (0x00, 0x7F, 0xFF):
            damaged.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                check_tflite(str(damaged))
            except Rejected:
                rejected += 1
    assert rejected > len(whole) // 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no TFLite model"),
        (b"TFL3", "no TFLite model"),
        (b"\x08\x00\x00\x00ONNXxxxxxxxxxxxxxxxx", "identifier is b'ONNX'"),
        (b"\xff\xff\xff\xffTFL3" + bytes(40), "damaged or cut off"),
        (b"\x08\x00\x00\x00TFL3" + bytes(40), "damaged or cut off"),
    ],
)
def test_what_is_no_model_is_rejected_in_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    with pytest.raises(Rejected, match=words):
        check_tflite(str(path))


def test_a_missing_file_and_a_folder_are_rejected(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(Rejected, match="cannot be read"):
            check_tflite(str(path))


def test_a_model_on_a_read_only_file_is_read(tmp_path: Path) -> None:
    path = Path(shutil.copy(next(MODELS.glob("*.tflite")), tmp_path / "m.tflite"))
    path.chmod(0o400)
    assert check_tflite(str(path))
