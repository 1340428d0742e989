"""The zoo's table: what was found, by which property, after how many seeds; and what was not, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.experiments.telling.tables import table_text
from simclock.experiments.zoo.bugs import NOT_APPLICABLE
from simclock.experiments.zoo.hunt import Found

HEADERS = (
    "row",
    "bug",
    "class",
    "property",
    "seeds until found",
    "of all hunts",
    "found at seed",
    "faults after shrinking",
    "wall time",
    "right protocol",
    "remark",
)


def zoo_text(rows: Sequence[Found], form: str, *, whole: bool = True) -> str:
    """The table in one of `tables.FORMS`; in a whole one, what cannot be had yet stands at its end."""
    shown: list[tuple[str, ...]] = []
    raw: list[tuple[Any, ...]] = []
    for row in rows:
        quarry = row.quarry
        caught = [hunt for hunt in row.hunts if hunt.found is not None]
        seeds, first = row.seeds, row.first
        right = right_text(row)
        head = (quarry.id, quarry.name, quarry.kind, quarry.property)
        hits = f"{len(caught)} of {len(row.hunts)}"
        shown.append(
            (
                *(text or "" for text in head),
                "not found" if seeds is None else f"{seeds:,}",
                hits,
                "" if first is None else str(first),
                "" if row.smaller is None else f"{row.smaller.after} of {row.smaller.before}",
                f"{row.wall_s:.1f} s",
                right,
                remark(row),
            )
        )
        after = None if row.smaller is None else row.smaller.after
        raw.append((*head, seeds, hits, first, after, row.wall_s, right, remark(row)))
    for ids, reason in NOT_APPLICABLE.items() if whole else ():
        line = (ids, "", "", "", "not applicable", "", "", "", "", "", reason)
        shown.append(line)
        raw.append((ids, "", "", "", None, "", None, None, None, "", reason))
    return table_text(HEADERS, shown, form, raw)


def row_line(row: Found) -> str:
    """One row in one line, as it is told when it is done."""
    hunts = ", ".join(f"{each.seeds:,}" if each.found is not None else "not found" for each in row.hunts)
    where = "" if row.first is None else f"; first at seed {row.first}"
    return f"{row.quarry.id} {row.quarry.name}: {hunts}{where}; right protocol {right_text(row)}"


def right_text(row: Found) -> str:
    """What became of the right protocol on the same seeds."""
    if row.right:
        return f"FAILS: {row.right[0]}"
    return "passes" if len(row.rights) == len(row.runs) else f"passes {len(row.rights):,} of {len(row.runs):,}"


def remark(row: Found) -> str:
    """Why a row was not found: what was named in its place."""
    missed = [hunt for hunt in row.hunts if hunt.found is None]
    if any(not hunt.ended for hunt in missed):
        return "interrupted"
    if not missed:
        return ""
    tried = sum(hunt.seeds for hunt in missed)
    others: dict[str, int] = {}
    for hunt in missed:
        for name, count in hunt.others:
            others[name] = others.get(name, 0) + count
    if not others:
        return f"nothing was named in {tried:,} runs that missed it"
    return "named instead: " + ", ".join(f"{name} ({count:,} of {tried:,} runs)" for name, count in others.items())
