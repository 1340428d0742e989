"""The forms in which an execution leaves: one list, for every command that exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simclock.errors import UsageError
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.execution import Execution
from simclock.experiments.exports.axes import draw
from simclock.experiments.exports.dot import dot
from simclock.experiments.exports.json_lines import json_lines
from simclock.experiments.exports.mermaid import flowchart, sequence
from simclock.experiments.exports.otlp import otlp
from simclock.experiments.exports.perfetto import chrome
from simclock.experiments.exports.shiviz import shiviz
from simclock.experiments.exports.space_time import EVENTS_MAX, WIDTH, space_time
from simclock.experiments.exports.svg import svg
from simclock.experiments.telling.output import write_lines
from simclock.experiments.telling.pictures import write_png

TEXT = "text"
PNG = "png"
MERMAID_EVENTS_MAX = 5_000
"""More lines than Mermaid draws characters of are not even made."""
DOT_EVENTS_MAX = 20_000
INCHES = 12.0


@dataclass(frozen=True, kw_only=True)
class Form:
    """How excerpts are written."""

    lines: Callable[[Excerpt], Iterator[str]]
    most: int | None = None
    """Events that it takes; later ones are left out, and it says so."""


def text(excerpt: Excerpt) -> Iterator[str]:
    """A line per event, for people."""
    execution = excerpt.execution
    names = [execution.where(event) for event in excerpt.events]
    width = min(40, max(map(len, names), default=0))
    for name, event in zip(names, excerpt.events, strict=True):
        yield f"{name:<{width}}  {execution.text(event)}"


FORMS: dict[str, Form] = {
    TEXT: Form(lines=text),
    "svg": Form(lines=lambda excerpt: svg(space_time(excerpt)), most=EVENTS_MAX),
    "mermaid": Form(lines=sequence, most=MERMAID_EVENTS_MAX),
    "mermaid-flowchart": Form(lines=flowchart, most=MERMAID_EVENTS_MAX),
    "dot": Form(lines=dot, most=DOT_EVENTS_MAX),
    "shiviz": Form(lines=lambda excerpt: shiviz([excerpt])),
    "chrome": Form(lines=chrome),
    "otlp": Form(lines=otlp),
    "jsonl": Form(lines=json_lines),
}
NAMES = (*FORMS, PNG)


def excerpt_for(form: str, execution: Execution, wanted: Wanted) -> Excerpt:
    """What of an execution is written in that form. Raises UsageError where nothing is."""
    excerpt = Excerpt(execution, wanted.of(execution), EVENTS_MAX if form == PNG else FORMS[form].most)
    if not len(excerpt):
        raise UsageError(f"{execution.origin}: no event is left to be shown: ask for more nodes, types or time")
    return excerpt


def exported(form: str, excerpts: Sequence[Excerpt]) -> Iterator[str]:
    """The lines. Raises UsageError for several executions in a form of one."""
    if len(excerpts) > 1 and form != "shiviz":
        raise UsageError(f"--format: {form} has one execution; shiviz has several")
    if form == "shiviz":
        return shiviz(excerpts)
    return FORMS[form].lines(excerpts[0])


def write_export(path: Path, form: str, excerpts: Sequence[Excerpt]) -> None:
    """Write a file. Raises UsageError where that cannot be."""
    if form == PNG:
        if len(excerpts) > 1:
            raise UsageError("--format: png has one execution; shiviz has several")
        picture = space_time(excerpts[0])
        write_png(path, lambda axes: draw(picture, axes), (INCHES, INCHES * picture.height / WIDTH))
        return
    write_lines(path, "--out", exported(form, excerpts))
