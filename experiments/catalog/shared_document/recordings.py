"""Recordings of people who type into one document, as josephg/editing-traces has them (concurrent traces).

A file is JSON, gzipped or not: `txns`, each with `parents` (indexes of earlier ones), `agent` and `patches` ([position,
deleted characters, inserted text]); `endContent` is what everyone has in the end. Positions count Unicode code points
of the document as it was after `parents`, and after the patches before in the same transaction. One without a patch
changes nothing, and says what its author had seen by then.
"""

from __future__ import annotations

import gzip
import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from simclock.errors import UsageError
from simclock.protocols.shared_document import Patch, Stroke

AUTHORS_MAX = 1000
SIZE_MAX = 1 << 40


class Recording(NamedTuple):
    """A recording, author by author."""

    strokes: tuple[tuple[Stroke, ...], ...]
    """Of each author, in the order in which it typed."""
    end: str
    """What the document holds when everyone has everything."""
    concurrent: int
    """Keystrokes whose author had not yet seen all that stands before them in the file."""

    @property
    def totals(self) -> dict[int, int]:
        """Author -> keystrokes."""
        return {author: len(strokes) for author, strokes in enumerate(self.strokes)}


@lru_cache(maxsize=2)
def read_recording(path: str) -> Recording:
    """Read a recording; UsageError where there is none."""
    try:
        data = Path(path).read_bytes()
        table = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except OSError as error:
        raise UsageError(f"recording: cannot read {path}: {error.strerror or error}") from None
    except (ValueError, EOFError, zlib.error, RecursionError) as error:
        raise UsageError(f"recording: {path} is no JSON, gzipped or not: {error}") from None
    try:
        return _recording(path, table)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise UsageError(
            f"recording: {path} is no recording of concurrent editing ({type(error).__name__}: {error}): it needs "
            "numAgents, endContent and txns with parents, agent and patches"
        ) from None


def _recording(path: str, table: dict[str, Any]) -> Recording:
    authors = _whole("numAgents", table["numAgents"], 1, AUTHORS_MAX)
    strokes: list[list[Stroke]] = [[] for _ in range(authors)]
    versions: list[tuple[int, ...]] = []
    concurrent = 0
    for number, transaction in enumerate(table["txns"]):
        place = f"txns[{number}]"
        parents = [versions[_whole(f"{place}: parent", each, 0, number - 1)] for each in transaction["parents"]]
        seen = [max(counts) for counts in zip(*parents, strict=True)] if parents else [0] * authors
        author = _whole(f"{place}: agent", transaction["agent"], 0, authors - 1)
        if seen[author] != len(strokes[author]):
            raise ValueError(f"{place}: an author's own keystrokes must follow one another")
        if type(transaction["patches"]) is not list:
            raise TypeError(f"{place}: patches: {transaction['patches']!r} is not a list")
        patches = tuple([_patch(place, each) for each in transaction["patches"]])
        needs = {other: count for other, count in enumerate(seen) if other != author}
        concurrent += any(count < len(strokes[other]) for other, count in needs.items())
        strokes[author].append(Stroke(needs, patches, f"recording: {path}, {place}"))
        seen[author] += 1
        versions.append(tuple(seen))
    if type(table["endContent"]) is not str:
        raise TypeError("endContent is no text")
    return Recording(tuple([tuple(each) for each in strokes]), table["endContent"], concurrent)


def _patch(place: str, patch: Any) -> Patch:
    if type(patch) is not list or len(patch) != 3:
        raise ValueError(f"{place}: {patch!r} is not a patch: [position, deleted characters, inserted text]")
    position, deleted, text = patch
    if type(position) is not int or type(text) is not str:
        raise TypeError(f"{place}: {position!r} and {text!r} are not a position and a text")
    return position, _whole(f"{place}: deleted", deleted, 0, SIZE_MAX), text


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name}: {value!r} is not a whole number from {least} to {most}")
    return value
