"""`farm.yaml`: optional, checked to the last key, and told line by line where it is wrong."""

from pathlib import Path

import pytest

from orchestrator.errors import ConfigError, UsageError
from orchestrator.farm import find_farm
from orchestrator.farm_file import FarmSettings, load_settings
from orchestrator.quantities import parse_rate_bytes_s


def settings_of(folder: Path, text: str) -> FarmSettings:
    (folder / "farm.yaml").write_text(text)
    return load_settings(folder)


def test_a_farm_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "device_profiles").mkdir()
    assert find_farm(tmp_path).settings == FarmSettings(None, {}, 32, 8)


def test_all_keys_are_read(tmp_path: Path) -> None:
    text = "uplink: 100 Mbit/s\nsites:\n  roof: {uplink: 20 Mbit/s}\n  desk: {}\nconnections: 4\npushes: 2\n"
    assert settings_of(tmp_path, text) == FarmSettings(12.5e6, {"roof": 2.5e6}, 4, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("uplink: 100\n", "farm.yaml:1:9: uplink: found 100"),
        ("uplink: 1 bit/s\n", "uplink: found '1 bit/s'"),
        ("push: 4\n", "unknown key; did you mean pushes?"),
        ("pushes: 0\n", "pushes: found 0, allowed: a whole number from 1 to 1000"),
        ("sites: {roof: {uplnk: 1 MB/s}}\n", "sites.roof.uplnk: unknown key; did you mean uplink?"),
        ("sites: {'the roof': {uplink: 1 MB/s}}\n", "found 'the roof'"),
        ("sites: [roof]\n", "sites: found a list"),
        ("- uplink\n", "found a list, allowed: a mapping of keys to values"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, text)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("text", "bytes_s"),
    [("100 Mbit/s", 12.5e6), ("8 kbit/s", 1000), ("1 Gbit/s", 125e6), ("2.5 MB/s", 2.5e6), ("1 MiB/s", 2**20)],
)
def test_rates_are_bits_or_bytes_a_second(text: str, bytes_s: float) -> None:
    assert parse_rate_bytes_s(text) == bytes_s


@pytest.mark.parametrize("text", ["100", "100 Mbit", "Mbit/s", "-1 MB/s", "0 MB/s", "1 MB/s/s x", "", "1 MB/h"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a rate"):
        parse_rate_bytes_s(text)
