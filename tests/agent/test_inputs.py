import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inputs import FORMATS, fill
from agent.protocol import InputRecipe
from agent.runtimes import Unsupported

ROOT = Path(__file__).resolve().parents[2]

GOLDEN = {
    "small float32": InputRecipe("image", "float32", [1, 5, 5, 3], "uniform", -1.0, 1.0),
    "big float32": InputRecipe("image", "float32", [1, 160, 160, 3], "uniform", -1.0, 1.0),
    "float16": InputRecipe("x", "float16", [70000], "uniform", 0.0, 1.0),
    "float64": InputRecipe("x", "float64", [9], "uniform", 0.1, 0.3),
    "token ids": InputRecipe("ids", "int32", [1, 128], "integers", 0, 30521),
    "wide integers": InputRecipe("x", "int64", [7], "integers", -5, 10**12),
    "bytes": InputRecipe("x", "uint8", [1, 300, 300, 3], "integers", 0, 255),
    "signed bytes": InputRecipe("x", "int8", [20], "integers", -128, 127),
    "booleans": InputRecipe("mask", "bool", [16], "integers", 0, 1),
    "ones": InputRecipe("mask", "int64", [2, 3], "ones"),
}
DIGESTS = {
    "small float32": "a2241c0ff83e5148",
    "big float32": "97bb1f7915c27832",
    "float16": "d7670b7eef8f282d",
    "float64": "7d436bc6328675f3",
    "token ids": "57adad6b7ebd99a4",
    "wide integers": "8982a9fb5bbb7319",
    "bytes": "5834e88c48112dfa",
    "signed bytes": "6a976639ff842e69",
    "booleans": "613d32512873c2bc",
    "ones": "334658f1779808c7",
}


def digest(recipe: InputRecipe) -> str:
    return hashlib.sha256(fill(recipe, 42).data).hexdigest()[:16]


def values(recipe: InputRecipe, seed: int = 1) -> Any:
    array = fill(recipe, seed)
    return np.frombuffer(array.data, array.dtype).reshape(array.shape)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_an_input_never_change(name: str) -> None:
    assert digest(GOLDEN[name]) == DIGESTS[name]


def test_other_pythons_fill_the_same_bytes(other_python: str) -> None:
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "import hashlib\n"
        "from agent.inputs import fill\n"
        "from agent.protocol import InputRecipe\n"
        "recipes = json.load(sys.stdin)\n"
        "digest = lambda r: hashlib.sha256(fill(InputRecipe(*r), 42).data).hexdigest()[:16]\n"
        "print(json.dumps({name: digest(recipe) for name, recipe in recipes.items()}))"
    )
    recipes = {name: [r.name, r.dtype, r.shape, r.fill, r.low, r.high] for name, r in GOLDEN.items()}
    done = subprocess.run(
        [other_python, "-I", "-S", "-c", script, str(ROOT)],
        input=json.dumps(recipes),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == DIGESTS


@given(
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    low=st.floats(-100, 100, width=16),
    width=st.floats(0.0625, 100, width=16),
    seed=st.integers(0, 2**63),
)
def test_uniform_values_stay_at_or_above_low_and_below_high(dtype: str, low: float, width: float, seed: int) -> None:
    recipe = InputRecipe("x", dtype, [40], "uniform", low, low + width)
    found = values(recipe, seed)
    rounded = np.array([low, low + width]).astype(dtype)
    if rounded[0] < rounded[1]:
        assert (found >= rounded[0]).all()
        assert (found < rounded[1]).all()


@given(
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    low=st.floats(-1000, 1000, width=16),
    steps=st.integers(1, 70000),
    count=st.sampled_from([1, 500, 8192, 20000]),
    seed=st.integers(0, 2**63),
)
def test_every_value_is_that_of_its_level_rounded_once(
    dtype: str, low: float, steps: int, count: int, seed: int
) -> None:
    high = low
    for _ in range(min(steps, 3)):  # so near that many levels round to `high`
        high = float(np.nextafter(np.dtype(dtype).type(high), np.dtype(dtype).type(np.inf)))
    high = high if steps <= 3 else low + steps / 100
    recipe = InputRecipe("x", dtype, [count], "uniform", low, high)
    bits = hashlib.shake_128(f"dynofarm input {seed} x".encode()).digest(2 * count)
    levels = np.frombuffer(bits, "<u2").astype(np.float64) / 65536
    wanted = (low + (high - low) * levels).astype(dtype)
    wanted[wanted >= np.dtype(dtype).type(high)] = low
    assert values(recipe, seed).tobytes() == wanted.tobytes()


@given(dtype=st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "float32"]), data=st.data())
def test_integers_stay_within_both_ends(dtype: str, data: st.DataObject) -> None:
    limits = (-(2**24), 2**24) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    limits = max(limits[0], -(2**52)), min(limits[1], 2**52)
    low, high = sorted(data.draw(st.tuples(st.integers(*limits), st.integers(*limits))))
    found = values(InputRecipe("x", dtype, [50], "integers", float(low), float(high)))
    assert low <= found.min()
    assert found.max() <= high


def test_integers_reach_both_ends() -> None:
    found = values(InputRecipe("ids", "int32", [1000], "integers", 3, 5))
    assert set(found.tolist()) == {3, 4, 5}


def test_a_big_and_a_small_input_follow_the_same_formula() -> None:
    small = InputRecipe("x", "float32", [100], "uniform", -2.0, 3.0)
    big = InputRecipe("x", "float32", [70000], "uniform", -2.0, 3.0)
    assert values(small).tolist() == values(big)[:100].tolist()


def test_uniform_values_are_spread_evenly() -> None:
    found = values(InputRecipe("x", "float32", [100000], "uniform", 0.0, 1.0))
    counts, _ = np.histogram(found, bins=10, range=(0, 1))
    assert counts.min() > 9500
    assert counts.max() < 10500


def test_seed_and_name_give_different_bytes() -> None:
    first = InputRecipe("left", "float32", [8], "uniform")
    second = InputRecipe("right", "float32", [8], "uniform")
    assert len({fill(first, 1).data, fill(first, 2).data, fill(second, 1).data}) == 3


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("constant", ["ones", "zeros"])
def test_constants_exist_in_every_type(dtype: str, constant: str) -> None:
    found = values(InputRecipe("x", dtype, [2, 3], constant))
    assert found.shape == (2, 3)
    assert set(found.ravel().astype(float).tolist()) == {1.0 if constant == "ones" else 0.0}


def test_a_scalar_and_an_empty_input_have_one_and_no_element() -> None:
    assert len(fill(InputRecipe("x", "float32", [], "uniform"), 1).data) == 4
    assert fill(InputRecipe("x", "float32", [0, 4], "uniform"), 1).data == b""


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (InputRecipe("x", "float32", [-1, 4], "uniform"), "leaves a dimension open"),
        (InputRecipe("x", "string", [1], "ones"), "type string cannot be filled"),
        (InputRecipe("x", "float32", [1], "normal"), "unknown fill 'normal'"),
        (InputRecipe("x", "int32", [1], "uniform"), "use integers"),
        (InputRecipe("x", "float32", [1], "uniform", 1.0, 1.0), "low < high"),
        (InputRecipe("x", "float32", [1], "uniform", math.nan, 1.0), "not finite"),
        (InputRecipe("x", "float32", [1], "uniform", 0.0, math.inf), "not finite"),
        (InputRecipe("x", "float16", [1], "uniform", 0.0, 1e6), "does not fit into float16"),
        (InputRecipe("x", "uint8", [1], "integers", 0, 256), "does not fit into uint8"),
        (InputRecipe("x", "int32", [1], "integers", 5, 4), "low ≤ high"),
        (InputRecipe("x", "int32", [1], "integers", 0.5, 4), "whole numbers"),
        (InputRecipe("x", "int32", [1], "integers", math.nan, 4), "not finite"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_in_a_sentence(recipe: InputRecipe, words: str) -> None:
    with pytest.raises(Unsupported) as refused:
        fill(recipe, 1)
    assert words in str(refused.value)
    assert "'x'" in str(refused.value)


def test_filling_needs_nothing_beyond_the_standard_library() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import agent.inputs\n"
        "print('numpy' in sys.modules or 'psutil' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(ROOT)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "False"
