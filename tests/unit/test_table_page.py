"""The page on tables says what the code does: every column, every figure, every example."""

import re
from pathlib import Path

from orchestrator.report.study.columns import COLUMNS
from orchestrator.study.chains import parse_step
from orchestrator.study.plain_forms import parse_plain
from orchestrator.sweep_files import load_sweep
from orchestrator.sweep_files.claims import FIGURES, IN_RATIO, parse_claims

PAGE = (Path(__file__).parents[2] / "docs" / "how-to-print-a-table.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_every_column_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", section("The table")))
    assert {column.shown.key for column in COLUMNS} <= explained


def test_every_figure_of_a_claim_is_explained() -> None:
    claims = section("Claims")
    assert set(FIGURES) <= set(re.findall(r"`(\w+)`", claims))
    (ratio,) = [line for line in claims.splitlines() if "FIGURE ratio" in line]
    assert set(IN_RATIO) <= set(re.findall(r"`(\w+)`", ratio))


def test_the_sweep_file_of_the_page_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "tweets.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    sweep = load_sweep(path)
    assert sweep.teacher == "bert-base-fp32"
    assert [claim.figure for claim in parse_claims(sweep.claims)] == ["items_per_s", "file_bytes", "p90_ms", "accuracy"]


def test_the_steps_and_the_plain_form_of_the_page_can_be_read() -> None:
    steps = [parse_step(text) for text in re.findall(r"--step '([^']+)'", PAGE)]
    assert [step.name for step in steps] == ["plain", "XNNPACK", "newest runtime", "int8", "MiniLM"]
    assert parse_plain(re.findall(r"`--plain ([^`]+)`", PAGE)[0]) == {"runtime": "litert", "delegate": "none"}
