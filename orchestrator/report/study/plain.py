"""A sheet for programs: CSV and JSON, every value under a name of its own. Pure."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orchestrator.report.study.sheet import Sheet


def to_csv(sheet: Sheet) -> str:
    """A line a row; what is unknown is an empty cell, lists and mappings are JSON. Notes and claims are not in it."""
    names = list(dict.fromkeys(name for row in sheet.values for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in sheet.values:
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue()


def to_json(sheet: Sheet) -> str:
    """One object: title, rows, notes, claims."""
    whole = {
        "title": sheet.title,
        "rows": [dict(row) for row in sheet.values],
        "notes": list(sheet.notes),
        "claims": [asdict(one) for one in sheet.claims],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, default=str, allow_nan=False) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (Mapping, list)) else str(value)
