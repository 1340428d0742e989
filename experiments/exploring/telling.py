"""What a search has found, as text and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simclock.actors.steering import Step
from simclock.experiments.exploring.search import Asked, Findings, Found
from simclock.experiments.exploring.watching import NO_ERROR
from simclock.experiments.scripts.steps import format_steps
from simclock.experiments.telling.exit_status import CODE_FAILED, INTERRUPTED, UNKNOWN, VALID, VIOLATED
from simclock.readable import in_one_line

BY_HAND = "interrupted"
"""How a search ends that the user has ended."""


def status_of(findings: Findings, unreached: Sequence[str]) -> int:
    """The exit status: 1 violated, 4 an error in a node's code, 3 not all was looked at or reached, else 0."""
    properties = {each.violation.property for each in findings.found}
    if properties - {NO_ERROR}:
        return VIOLATED
    if properties:
        return CODE_FAILED
    if findings.ended.startswith(BY_HAND):
        return INTERRUPTED
    return VALID if findings.complete and not unreached else UNKNOWN


def told(asked: Asked, strategy: str, findings: Findings, unreached: Sequence[str]) -> list[str]:
    """The report, line by line."""
    rows: list[tuple[str, str]] = [
        ("scenario", in_one_line(f"{asked.scenario.name}: {asked.scenario.nodes} nodes")),
        ("strategy", f"{strategy}, messages: {asked.model}; {asked.bounds}"),
    ]
    if asked.symmetric:
        groups = "; ".join(" ".join(map(str, group)) for group in asked.symmetric)
        rows.append(("symmetric", f"nodes {groups}"))
    if findings.states:
        rows.append(("states", f"{findings.states:,} distinct"))
    if findings.transitions:
        rows.append(("transitions", f"{findings.transitions:,}"))
    if findings.executions:
        rows.append(("executions", f"{findings.executions:,}"))
    rows.append(("depth", f"{findings.depth:,} steps"))
    rows.append(("ends", f"{findings.ends:,} in which nothing more can change"))
    pruned = ", ".join(f"{name} {count:,}" for name, count in findings.pruned.items())
    rows.append(("pruned", pruned or "nothing"))
    rows += findings.more
    rows.append(("ended", findings.ended))
    rows += [("heed", line) for line in findings.heed]
    rows += [("reached", f"{name}, after {len(steps)} steps") for name, steps in findings.reached.items()]
    rows += [("unreached", name) for name in unreached]
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:<{width}}  {text}" for label, text in rows]
    for each in findings.found:
        lines += ["", *_violation(each)]
    lines += ["", _verdict(findings, unreached)]
    return lines


def _violation(found: Found) -> list[str]:
    violation = found.violation
    lines = [in_one_line(f"{violation.property} violated at node {violation.node}: {violation.detail}")]
    return [*lines, f"after {len(found.steps)} steps:", *(f"  {step}" for step in found.steps)]


def _verdict(findings: Findings, unreached: Sequence[str]) -> str:
    if findings.found:
        return "violated"
    if not findings.complete:
        return "unknown: not everything within the bounds was looked at"
    if unreached:
        return f"unknown: never reached: {', '.join(unreached)}"
    return f"valid{' within the bounds' if findings.bounded else ''}"


def as_data(asked: Asked, strategy: str, findings: Findings, unreached: Sequence[str]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "scenario": asked.scenario.name,
        "nodes": asked.scenario.nodes,
        "strategy": strategy,
        "model": asked.model,
        "bounds": asked.bounds.told(),
        "symmetric": [list(group) for group in asked.symmetric],
        "states": findings.states,
        "transitions": findings.transitions,
        "executions": findings.executions,
        "depth": findings.depth,
        "ends": findings.ends,
        "pruned": findings.pruned,
        "ended": findings.ended,
        "complete": findings.complete,
        "estimate": findings.estimate,
        "heed": list(findings.heed),
        "reached": {name: list(map(str, steps)) for name, steps in findings.reached.items()},
        "unreached": list(unreached),
        "violations": [
            {
                "property": each.violation.property,
                "node": each.violation.node,
                "detail": each.violation.detail,
                "steps": list(map(str, each.steps)),
            }
            for each in findings.found
        ],
    }


def script_text(
    name: str,
    settings: Mapping[str, str],
    steps: Sequence[Step],
    *,
    remarks: Sequence[str],
    breaks: str,
    setup: Sequence[str] = (),
) -> str:
    """The steps as a script that `simclock script` plays; `breaks` is the property that they break, if any.

    `setup` is what is put in, such as `replace PART=mine.py:Class`.
    """
    words = " ".join([name, *(f"{key}={value}" for key, value in settings.items())])
    return format_steps(steps, scenario=words, setup=setup, violation=breaks or None, remarks=remarks)
