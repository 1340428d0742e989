"""One HTML file that shows runs: what it needs is in it, so that it works from a disk, offline, and can be sent.

Laws: the same runs give the same bytes. Nothing of a run is markup or code in the page: texts are data that the page
shows as text, and the columns are base64. The page may load nothing from anywhere: its Content-Security-Policy says so.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simclock.errors import UsageError
from simclock.experiments.telling.output import cannot_write
from simclock.experiments.viewing.columns import Packed, deflated
from simclock.experiments.viewing.rows import KINDS
from simclock.experiments.viewing.seen import Seen

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    "data.js",
    "causes.js",
    "choice.js",
    "scale.js",
    "ground.js",
    "picture.js",
    "clients.js",
    "panel.js",
    "looking.js",
    "main.js",
)
"""In the order in which they need each other; together they are one script."""
TEXTS_IN_BLOCK = 8_192
"""Texts are unpacked by blocks, when one of them is looked at."""
PAGE_BEGINS = "<!doctype html>\n<!-- simclock view -->\n"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Parting:
    """Where two runs part."""

    rows: tuple[int, int]
    """The first row of each that the other does not have; a trace that ends there has no such row."""
    text: str


def check_target(target: Path, place: str) -> None:
    """Refuse to write over what is no earlier page; `place` is the flag that names the target."""
    try:
        if target.is_file() and target.stat().st_size:
            with target.open("rb") as stream:
                if not stream.read(len(PAGE_BEGINS)).startswith(PAGE_BEGINS.encode()):
                    raise UsageError(f"{place}: {target} is there and is no such page: name another file")
        elif not target.parent.is_dir():
            raise UsageError(f"{place}: cannot write {target}: there is no folder {target.parent}")
    except (OSError, ValueError) as error:
        raise cannot_write(f"{place}: cannot write {target}", error) from None


def page(title: str, runs: Sequence[Seen], parting: Parting | None = None) -> str:
    """The whole file, of one run or of two beside each other."""
    forms, data = [], []
    for place, run in enumerate(runs):
        form, parts = _run(run, place)
        forms.append(form)
        data += parts
    about = {
        "version": VERSION,
        "title": title,
        "runs": forms,
        "parting": None if parting is None else {"rows": list(parting.rows), "text": parting.text},
    }
    script = "\n".join(static_text(name) for name in SCRIPTS)
    filled = {
        "TITLE": html.escape(title),
        "STYLE": static_text("viewer.css"),
        "ABOUT": _json(about),
        "DATA": "\n".join(f'<script type="text/plain" id="{name}">{text}</script>' for name, text in data),
        "SCRIPT": script,
    }
    return PAGE_BEGINS + _fill(static_text("viewer.html"), filled)


def _fill(form: str, texts: dict[str, str]) -> str:
    """The form with each `@@NAME@@` replaced, once: what is put in is not looked through again."""
    parts = form.split("@@")
    return "".join(texts[part] if place % 2 else part for place, part in enumerate(parts))


def _run(run: Seen, place: int) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What the page reads of a run first, and its data by the names of their elements."""
    columns = run.rows.packed()
    planes: list[bytes] = [each.planes for each in columns.values()]
    tracks = []
    for track in run.tracks:
        packed = track.packed
        planes += [each.planes for each in packed.values()]
        tracks.append(
            {"name": track.name, "number": track.number, "states": track.states, "columns": _forms(packed.items())}
        )
    texts = run.rows.texts.texts
    blocks = [texts[first : first + TEXTS_IN_BLOCK] for first in range(0, len(texts), TEXTS_IN_BLOCK)]
    data = [(f"columns-{place}", deflated(planes))]
    data += [
        (f"texts-{place}-{number}", deflated(["\n".join(block).encode("utf-8", "replace")]))
        for number, block in enumerate(blocks)
    ]
    form = {
        "name": run.name,
        "command": run.command,
        "count": len(run.rows),
        "nodes": run.rows.nodes,
        "names": list(run.names),
        "kinds": KINDS,
        "columns": _forms(columns.items()),
        "labels": run.rows.labels.texts,
        "reasons": run.rows.reasons.texts,
        "texts": {"count": len(texts), "in_block": TEXTS_IN_BLOCK, "blocks": len(blocks)},
        "bands": [band._asdict() for band in run.bands],
        "tracks": tracks,
        "bars": list(run.bars),
        "history": run.history,
        "log": run.log,
        "ticks": run.ticks,
        "violations": [violation._asdict() for violation in run.violations],
        "report": [list(row) for row in run.report],
    }
    return form, data


def _forms(columns: Iterable[tuple[str, Packed]]) -> list[dict[str, Any]]:
    return [{"name": name, **packed.form} for name, packed in columns]


def _json(value: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends one, or begins a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def static_text(name: str) -> str:
    """A file of the page."""
    return (STATIC / name).read_text(encoding="utf-8")


def data_of(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of everything that a page carries: what a program reads out of one again."""
    for piece in text.split('<script type="')[1:]:
        head, _, rest = piece.partition(">")
        body = rest.partition("</script>")[0]
        _, _, name = head.partition('" id="')
        if name:
            yield name.rstrip('"'), body
