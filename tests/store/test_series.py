import itertools
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store.packing import pack_clock, pack_latencies, pack_readings
from orchestrator.store.series import Packed, unpack, unpack_any, unpack_readings

DOCS = Path(__file__).parents[2] / "docs" / "store.md"


def values_of(packed: Packed) -> list[int]:
    return unpack(packed.codec, packed.base, packed.data)


def readings_of(packed: Packed) -> list[float | None]:
    return unpack_readings(packed.codec, packed.base, packed.data)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300))
def test_latencies_come_back_exactly(latencies: list[int]) -> None:
    assert values_of(pack_latencies(latencies)) == latencies


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=50), st.integers(100, 400))
def test_long_series_are_compressed_and_come_back_exactly(pattern: list[int], times: int) -> None:
    latencies = (pattern * times)[:5000]
    packed = pack_latencies(latencies)
    assert packed.codec.startswith("zlib+shuffle")
    assert values_of(packed) == latencies


def test_a_thousand_usual_latencies_take_less_than_two_and_a_half_bytes_each() -> None:
    draw = random.Random(1)
    latencies = [int(2e6 * (1 + draw.lognormvariate(-3.5, 0.8))) for _ in range(1000)]
    packed = pack_latencies(latencies)
    assert (packed.codec, packed.base) == ("zlib+shuffle4+u32le", min(latencies))
    assert len(packed.data) < 2500
    assert values_of(packed) == latencies


@given(st.lists(st.integers(-(2**61), 2**61), max_size=300))
def test_any_clock_comes_back_exactly(t_ns: list[int]) -> None:
    assert values_of(pack_clock(t_ns)) == t_ns


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=300))
def test_readings_and_their_gaps_come_back_exactly(readings: list[float | None]) -> None:
    assert readings_of(pack_readings(readings)) == readings


@given(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=300), st.integers(0, 6))
def test_decimal_readings_come_back_exactly_as_whole_numbers(steps: list[int], digits: int) -> None:
    readings = [step / 10**digits for step in steps]
    packed = pack_readings(readings)
    assert "f64le" not in packed.codec
    assert readings_of(packed) == readings
    assert unpack_any(packed.codec, packed.base, packed.data) == readings


def test_a_temperature_in_tenths_takes_a_byte_a_reading_and_a_steady_clock_hardly_any() -> None:
    draw = random.Random(1)
    temperatures = [48 + draw.randrange(12) / 10 for _ in range(20)]
    packed = pack_readings(temperatures)
    assert (packed.codec, packed.base, len(packed.data)) == ("u8+e1", 480, 20)
    assert readings_of(packed) == temperatures
    steady = pack_readings([1_500_000.0] * 300)
    assert (steady.codec, steady.base) == ("deflate+u8+e0", 1_500_000)
    assert len(steady.data) < 10


@pytest.mark.parametrize("odd", [-0.0, 0.1 + 0.2, 1e300, 2.0**53, 1e-7])
def test_what_is_no_decimal_number_of_a_sensor_stays_the_float_that_it_is(odd: float) -> None:
    packed = pack_readings([1.5, odd])
    assert packed.codec.endswith("f64le")
    assert struct.pack("<2d", *readings_of(packed)) == struct.pack("<2d", 1.5, odd)


def test_no_number_means_no_reading() -> None:
    packed = pack_readings([1.5, float("nan")])
    assert readings_of(packed) == [1.5, None]


def test_a_few_latencies_are_four_raw_bytes_each_above_the_shortest() -> None:
    packed = pack_latencies([2**40 + 1, 2**40 + 2, 2**40 + 2**32])
    assert (packed.codec, packed.base, packed.data) == ("u32le", 2**40 + 1, struct.pack("<3I", 0, 1, 2**32 - 1))
    assert pack_latencies([1, 2**32 + 1]).codec == "u64le"
    assert pack_latencies([]).data == b""


def test_a_regular_clock_packs_to_almost_nothing() -> None:
    packed = pack_clock([10**15 + 100_000_000 * index for index in range(300)])
    assert packed.codec == "deflate+shuffle4+u32le+delta"
    assert len(packed.data) < 60


def test_an_unknown_codec_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="brotli"):
        unpack("brotli+u32le", 0, b"")


def test_a_number_of_nanoseconds_that_cannot_be_is_refused() -> None:
    for impossible in (2**64, -1):
        with pytest.raises(OverflowError):
            pack_latencies([0, impossible])


def documented_reader() -> str:
    text = DOCS.read_text()
    return text[text.index("```python\n") + len("```python\n") :].partition("```")[0]


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=60), st.integers(1, 200))
def test_the_reader_in_the_documentation_reads_every_codec(pattern: list[int], times: int) -> None:
    names: dict[str, object] = {"zlib": zlib, "struct": struct, "itertools": itertools}
    exec(documented_reader(), names)  # the point: the documented text itself must work
    read = names["read_series"]
    assert callable(read)
    values = (pattern * times)[:5009]
    for packed in (pack_latencies(values), pack_clock(values), pack_readings([float(value) for value in values])):
        assert read(packed.codec, packed.base, packed.data) == values
    for readings in ([value % 1000 / 10 for value in values], [value / 7 for value in values]):
        packed = pack_readings(readings)
        assert read(packed.codec, packed.base, packed.data) == readings
