"""What a board's kernel says of how it is, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.devices import Device
from orchestrator.errors import Unreachable
from orchestrator.report.pings import ping_values, pings_table
from orchestrator.visits.pinging import Ping, parse, read_answer

KITCHEN = Device("kitchen", host="10.0.0.4")
PI = """Welcome to the lab: /proc/uptime is read by us
/proc/uptime:350735.47 1234567.01;/proc/loadavg:0.52 0.58 0.59 1/389 12345;/sys/class/thermal/thermal_zone0/temp:48312;\
/proc/meminfo:MemAvailable: 2048000 kB;
"""


def answer(said: str) -> Ping:
    return read_answer(KITCHEN, parse(said), 0.25)


def test_a_board_says_how_it_is() -> None:
    assert ping_values(answer(PI)) == {
        "device": "kitchen",
        "ok": True,
        "answered_ms": 250.0,
        "up_s": 350735.47,
        "load_1min": 0.52,
        "memory_available_bytes": 2048000 * 1024,
        "temperature_c": 48.312,
        "error": None,
        "next": None,
    }


@pytest.mark.parametrize(
    ("millidegrees", "hottest_c"),
    [
        (["41000", "52500", "39000"], 52.5),
        (["-12000"], -12.0),
        (["0"], None),
        (["0", "41000"], 41.0),
        (["-274000", "4294967295", "200000"], None),
        (["warm", ""], None),
        ([], None),
    ],
)
def test_the_hottest_sensor_that_is_one_counts(millidegrees: list[str], hottest_c: float | None) -> None:
    zones = [f"/sys/class/thermal/thermal_zone{n}/temp:{said};" for n, said in enumerate(millidegrees)]
    assert answer("/proc/uptime:99.5 12.0;" + "".join(zones)).temperature_c == hottest_c


def test_what_is_not_told_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    ping = answer("/proc/uptime:99.5 12.0;\n")
    assert (ping.load_1min, ping.memory_available_bytes, ping.temperature_c) == (None, None, None)
    failed = Ping(Device("attic", host="10.0.0.5"), error=Unreachable("attic", "attic: no route", "look at its cable"))
    assert ping_values(failed)["next"] == "look at its cable"
    pings_table([answer(PI), ping, failed])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["kitchen", "up", "250", "ms", "4", "d", "0.52", "2.1", "GB", "48", "°C"],
        ["kitchen", "up", "250", "ms", "2", "min", "–", "–", "no", "sensor"],
        ["attic", "no", "answer"],
    ]


@given(st.text(alphabet=st.sampled_from(list("/procuptimememinfosys:;. -0129eExX\n\r\x00٣²kB")), max_size=80))
def test_any_text_is_an_answer_or_none(text: str) -> None:
    read_answer(KITCHEN, parse("/proc/uptime:" + text), 0.1)
    read_answer(KITCHEN, parse("/proc/meminfo:MemAvailable:" + text), 0.1)
