"""What tells power and energy, on recorded trees: units, what it covers, and nothing where there is nothing."""

from pathlib import Path

import pytest

from agent.sensors import counters, pmic, power
from agent.sensors.meters import BOARD, MODULE, PART, Meter, Source
from tests.agent.trees import lay_out, powercap, write

PI_5_SAYS = """\
 3V7_WL_SW_A current(0)=0.04000000A
   1V8_SYS_A current(2)=0.20000000A
  VDD_CORE_A current(7)=1.50000000A
 3V7_WL_SW_V volt(8)=3.70000000V
   1V8_SYS_V volt(10)=1.80000000V
  VDD_CORE_V volt(15)=0.80000000V
     EXT5V_V volt(24)=5.10000000V
      BATT_V volt(25)=0.00600000V
"""


def sources_of(root: str) -> dict[str, Source]:
    return {source.name: source for meter in power.find_meters(root) for source in meter.sources}


def readings_of(root: str) -> dict[str, float]:
    return {name: value for meter in power.find_meters(root) for name, value in meter.read().items()}


def battery(root: Path, name: str = "BAT0", **files: str) -> None:
    for key, text in {"type": "Battery", "status": "Discharging", **files}.items():
        write(root, f"/sys/class/power_supply/{name}/{key}", text)


def test_a_board_without_any_meter_has_none(tmp_path: Path) -> None:
    assert power.find_meters(str(tmp_path)) == []
    assert power.describe(str(tmp_path)) == []


def test_the_input_of_a_jetson_module_covers_the_module_and_is_not_added_to_its_rails(tmp_path: Path) -> None:
    found = sources_of(lay_out("jetson-orin-nano", tmp_path))
    assert set(found) == {"VDD_IN", "VDD_CPU_GPU_CV"}
    assert found["VDD_IN"].scope == MODULE
    assert "without its carrier board" in found["VDD_IN"].covers
    assert found["VDD_CPU_GPU_CV"].scope == PART
    assert [source.adds for source in found.values()] == ["", ""]


def test_a_chip_that_multiplies_itself_is_read_in_microwatts(tmp_path: Path) -> None:
    chip = "/sys/class/hwmon/hwmon1"
    write(tmp_path, f"{chip}/name", "ina238")
    write(tmp_path, f"{chip}/in1_label", "VIN")
    write(tmp_path, f"{chip}/power1_input", "12500000")
    write(tmp_path, f"{chip}/in1_input", "19000")
    assert readings_of(str(tmp_path)) == {"VIN": 12.5}
    assert sources_of(str(tmp_path))["VIN"].scope == BOARD


@pytest.mark.parametrize("kind", ["ina219", "ina226", "ina231"])
def test_an_unlabelled_chip_goes_by_its_kind_and_claims_nothing(tmp_path: Path, kind: str) -> None:
    chip = "/sys/class/hwmon/hwmon0"
    write(tmp_path, f"{chip}/name", kind)
    write(tmp_path, f"{chip}/in1_input", "5000")
    write(tmp_path, f"{chip}/curr1_input", "600")
    assert readings_of(str(tmp_path)) == {kind: pytest.approx(3.0)}
    assert sources_of(str(tmp_path))[kind].scope == PART


def test_two_chips_of_one_name_stay_apart(tmp_path: Path) -> None:
    for number in (0, 1):
        write(tmp_path, f"/sys/class/hwmon/hwmon{number}/name", "ina226")
        write(tmp_path, f"/sys/class/hwmon/hwmon{number}/power1_input", f"{number + 1}000000")
    assert readings_of(str(tmp_path)) == {"ina226": 1.0, "ina226#2": 2.0}


def test_rails_of_older_jetsons_come_from_their_own_driver_in_milliwatts(tmp_path: Path) -> None:
    folder = "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    for number, (name, milliwatts) in enumerate([("POM_5V_IN", "2875"), ("POM_5V_GPU", "120"), ("NC", "0")]):
        write(tmp_path, f"{folder}/rail_name_{number}", name)
        write(tmp_path, f"{folder}/in_power{number}_input", milliwatts)
    assert readings_of(str(tmp_path)) == {"POM_5V_IN": 2.875, "POM_5V_GPU": pytest.approx(0.12)}
    assert sources_of(str(tmp_path))["POM_5V_IN"].scope == BOARD


def test_the_rails_of_a_board_without_a_whole_add_up_where_that_is_known(tmp_path: Path) -> None:
    labels = {"hwmon3": ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), "hwmon4": ("NC", "VDDQ_VDD2_1V8AO", "NC")}
    for chip, names in labels.items():
        write(tmp_path, f"/sys/class/hwmon/{chip}/name", "ina3221")
        for number, name in enumerate(names, 1):
            write(tmp_path, f"/sys/class/hwmon/{chip}/in{number}_label", name)
            write(tmp_path, f"/sys/class/hwmon/{chip}/in{number}_input", "5000")
            write(tmp_path, f"/sys/class/hwmon/{chip}/curr{number}_input", "1000")
    adds = {name: source.adds for name, source in sources_of(str(tmp_path)).items()}
    assert adds.pop("VDDQ_VDD2_1V8AO") == ""
    assert set(adds) == {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}
    assert set(adds.values()) == {"Jetson AGX Orin rails"}


def test_package_and_memory_add_up_and_what_lies_inside_does_not(tmp_path: Path) -> None:
    powercap(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    powercap(tmp_path, "intel-rapl:0:0", "core", 400_000)
    powercap(tmp_path, "intel-rapl:0:1", "dram", 250_000)
    powercap(tmp_path, "intel-rapl:1", "psys", 9_000_000)
    powercap(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000)
    write(tmp_path, "/sys/class/powercap/intel-rapl/enabled", "1")
    found = sources_of(str(tmp_path))
    assert readings_of(str(tmp_path)) == {"package-0": 1.0, "package-0/core": 0.4, "package-0/dram": 0.25, "psys": 9.0}
    assert {name for name, source in found.items() if source.adds} == {"package-0", "package-0/dram"}
    assert found["package-0"].covers == "processor package and memory only"
    assert found["package-0"].wraps_at_j == pytest.approx(262143.32885)
    assert found["psys"].scope == BOARD


def test_the_package_alone_says_package_only(tmp_path: Path) -> None:
    powercap(tmp_path, "intel-rapl:0", "package-0", 5)
    assert sources_of(str(tmp_path))["package-0"].covers == "processor package only"


def test_a_counter_that_only_root_may_read_is_named_as_locked(tmp_path: Path) -> None:
    powercap(tmp_path, "intel-rapl:0", "package-0", None)
    root = str(tmp_path)
    assert power.find_meters(root) == []
    assert counters.find_locked(root) == ["package-0"]
    assert power.describe(root) == ["locked:package-0"]


def test_a_battery_tells_only_while_it_feeds_the_board(tmp_path: Path) -> None:
    battery(tmp_path, power_now="7400000")
    assert readings_of(str(tmp_path)) == {"BAT0": 7.4}
    (meter,) = power.find_meters(str(tmp_path))
    battery(tmp_path, power_now="7400000", status="Charging")
    assert power.find_meters(str(tmp_path)) == []
    assert meter.read() == {}


def test_a_battery_with_a_current_is_multiplied_whatever_its_sign(tmp_path: Path) -> None:
    battery(tmp_path, current_now="-1500000", voltage_now="4000000")
    assert readings_of(str(tmp_path)) == {"BAT0": pytest.approx(6.0)}


def test_the_battery_of_a_mouse_is_not_the_boards(tmp_path: Path) -> None:
    battery(tmp_path, "hid-mouse-battery", power_now="100000", scope="Device")
    write(tmp_path, "/sys/class/power_supply/AC/type", "Mains")
    write(tmp_path, "/sys/class/power_supply/AC/status", "Discharging")
    assert power.find_meters(str(tmp_path)) == []


def test_a_pi_5_tells_every_rail_that_has_both_a_current_and_a_voltage() -> None:
    meter = pmic.find_meter(lambda: PI_5_SAYS)
    assert meter is not None
    expected = {"3V7_WL_SW": 0.148, "1V8_SYS": 0.36, "VDD_CORE": 1.2}
    assert meter.read() == {name: pytest.approx(watts) for name, watts in expected.items()}
    assert {source.adds for source in meter.sources} == {"PMIC rails"}
    assert all("without USB" in source.covers for source in meter.sources)


@pytest.mark.parametrize("text", [None, "", 'error=1 error_msg="Command not registered"', "VDD_CORE_A current(7)=nanA"])
def test_a_firmware_without_rails_is_no_meter(text: str | None) -> None:
    assert pmic.find_meter(lambda: text) is None


def test_a_firmware_that_falls_silent_leaves_nothing_and_no_zero() -> None:
    answers = iter([PI_5_SAYS, None, PI_5_SAYS])
    meter = pmic.find_meter(lambda: next(answers))
    assert isinstance(meter, Meter)
    assert meter.read() == {}
    assert len(meter.read()) == 3


def test_on_a_recorded_tree_nobody_asks_a_firmware(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError("asked")

    assert power.find_meters(str(tmp_path)) == []
    with pytest.raises(AssertionError, match="asked"):
        power.find_meters(str(tmp_path), never)
