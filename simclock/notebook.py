"""What a notebook shows of a value: small tables of HTML.

Law: all text is escaped, as it may come from a user's names and values; nothing is styled but by what every notebook
has, so that it can be read in the dark too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from simclock.readable import escaped

ROWS_MAX = 20
"""Rows of a kind that are shown."""
MARKS = {
    "valid": "\N{HEAVY CHECK MARK}",
    "violated": "\N{HEAVY BALLOT X}",
    "failed": "\N{HEAVY BALLOT X}",
    "unknown": "?",
}


def marked(status: str) -> str:
    """A verdict with a mark before it."""
    return f"{MARKS.get(status, '')} {status}".strip()


def facts(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title, and a row of a label and a text for each fact."""
    cells = "".join(
        f'<tr><th style="text-align:left">{_text(label)}</th><td style="text-align:left">{_text(text)}</td></tr>'
        for label, text in rows
    )
    return f"<div><b>{_text(title)}</b><table>{cells}</table></div>"


def grid(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with headers."""
    head = "".join(f'<th style="text-align:left">{_text(each)}</th>' for each in headers)
    lines = ("".join(f'<td style="text-align:left">{_text(each)}</td>' for each in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(text: str) -> str:
    """Escaped for HTML, and what a line breaks at kept."""
    return escape(escaped(text)).replace("\n", "<br>")
