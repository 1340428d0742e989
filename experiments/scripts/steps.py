"""Steps of a world <-> lines of a script: what an explorer has found becomes a script, and is read back.

    text = format_steps(steps, scenario="raft-script servers=3", violation="Election Safety")
    assert parse_steps(text) == steps

Law: `parse_steps(format_steps(steps)) == steps`, remarks and all that is no step left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simclock.actors.steering.steps import Ask, Deliver, Drop, Duplicate, Fire, OfMessage, Step, TornCrash
from simclock.errors import UsageError
from simclock.experiments.scripts.commands import AskNode, FireTimer, Messages, OnMessages, TearCrash
from simclock.experiments.scripts.text import script_of
from simclock.experiments.scripts.values import read_value
from simclock.experiments.scripts.words import words_of
from simclock.readable import in_one_line

OF_MESSAGES: dict[str, type[OfMessage]] = {each.verb: each for each in (Deliver, Drop, Duplicate)}


def format_steps(
    steps: Iterable[Step],
    *,
    scenario: str = "",
    setup: Sequence[str] = (),
    violation: str | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """A script of these steps. `setup` are lines such as `bug RAFT-01`; `violation` is what they should lead to."""
    lines = [f"# {in_one_line(remark)}".rstrip() for remark in remarks]
    if scenario:
        lines += [f"scenario {scenario}", *setup]
    if lines:
        lines.append("")
    lines += map(str, steps)
    if violation is not None:
        lines += ["", f"expect violation {_property_text(violation)}"]
    return "\n".join(lines) + "\n"


def _property_text(name: str) -> str:
    """A property's name as a script says it: in quotes where a line would be read otherwise."""
    try:
        plain = name[:1] not in ("", "'", '"') and " ".join(words_of(name)) == name
    except UsageError:
        plain = False
    return name if plain and name.isprintable() else repr(name)


def parse_steps(text: str, name: str = "script") -> tuple[Step, ...]:
    """The steps of a script that names messages by number. What sets up and what is expected is left out.

    Raises UsageError for a step that only a world can tell, such as `deliver all`.
    """
    needs_scenario = not any(line.split()[:1] == ["scenario"] for line in text.splitlines())
    script = script_of(f"scenario x\n{text}" if needs_scenario else text, name)
    found = []
    for said in (each for block in script.blocks for each in block.said):
        match said.command:
            case Step() as step:
                found.append(step)
            case OnMessages(verb, Messages(int(number), source, target, kind, (), "one")):
                link = (-1, -1) if source is None or target is None else (source, target)
                found.append(OF_MESSAGES[verb](number, *link, kind or ""))
            case FireTimer(node, timer):
                found.append(Fire(node, read_value(timer)))
            case TearCrash(node, int(kept), torn):
                found.append(TornCrash(node, kept, torn))
            case AskNode(node, method, values, ()):
                found.append(Ask(node, method, values))
            case OnMessages() | TearCrash() | AskNode():
                line = said.line - needs_scenario
                raise UsageError(f"{name}:{line}: {said.text!r} is no single step: `simclock script` plays it")
    return tuple(found)
