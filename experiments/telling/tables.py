"""Tables for reading and for programs: one list of rows, many forms."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

FORMS = ("github", "simple", "plain", "grid", "html", "latex", "csv", "json")


def table_text(headers: Sequence[str], rows: Sequence[Sequence[Any]], form: str, raw: Sequence[Sequence[Any]]) -> str:
    """The table in one of FORMS. `rows` holds readable text; `raw` the plain values, which csv and json take."""
    if form == "csv":
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(headers)
        writer.writerows(raw)
        return lines.getvalue().rstrip("\n")
    if form == "json":
        return json.dumps([dict(zip(headers, row, strict=True)) for row in raw], indent=2, ensure_ascii=False)
    numbers = [
        all(isinstance(row[i], int | float | None) and not isinstance(row[i], bool) for row in raw)
        for i in range(len(headers))
    ]
    align = ["right" if number else "left" for number in numbers]
    return tabulate(rows, headers=headers, tablefmt=form, disable_numparse=True, colalign=align if rows else None)
