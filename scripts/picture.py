"""The table of a farm's last sweep as an SVG that loads nothing from elsewhere."""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from orchestrator.records import RunFilter
from orchestrator.report.results import results_table
from orchestrator.store import Store

TARGET = Path(__file__).resolve().parent.parent / "docs" / "results.svg"
WIDTH = 132


def main() -> None:
    with Store.open(Path(sys.argv[1]) / "results.db") as store:
        runs = store.runs(RunFilter(sweep="last"))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    results_table(runs, console=console)
    svg = console.export_svg(title="dynofarm results --sweep last")
    # rich names web fonts; a picture in a README must not ask another server for them
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    TARGET.write_text(svg)
    print(f"drawn: {TARGET.name}, {len(runs)} runs")


if __name__ == "__main__":
    main()
