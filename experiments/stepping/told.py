"""Where one stands, as plain data: what a page shows and what the terminal prints."""

from __future__ import annotations

from typing import Any

from simclock.actors.steering.steps import Crash, Deliver, Drop, Duplicate, Fire, Restart
from simclock.actors.steering.world import World
from simclock.durations import format_duration
from simclock.experiments.scripts.stage import Stage
from simclock.experiments.scripts.telling import pending_text
from simclock.experiments.stepping.branches import Branches

TREE_MAX = 400
"""Branches that are listed, the latest."""


def told(branches: Branches) -> dict[str, Any]:
    """All that a reader sees."""
    here = branches.here
    world = here.world
    path = {each.number for each in branches.path()}
    return {
        "scenario": branches.label,
        "seed": world.scenario.seed,
        "now": format_duration(world.now_ns),
        "current": here.number,
        "step": str(here),
        "changed": list(here.changed),
        "violations": [str(each) for each in world.violations],
        "nodes": [_node(here.stage, node) for node in range(here.stage.nodes)],
        "pending": _pending(world),
        "cuts": [f"{source}->{target}" for source, target in sorted(world.cuts)],
        "tree": [
            {"number": each.number, "parent": each.parent, "text": str(each), "on_path": each.number in path}
            for each in branches.all[-TREE_MAX:]
        ],
        "left_out": max(0, len(branches.all) - TREE_MAX),
    }


def _node(stage: Stage, node: int) -> dict[str, Any]:
    world = stage.world
    up = stage.is_up(node)
    own = [(name, due_ns) for (whose, name), due_ns in world.due_ns.items() if whose == node]
    timers = [
        {"step": str(Fire(node, name)), "due": format_duration(due_ns)}
        for name, due_ns in sorted(own, key=lambda each: (each[1], repr(each[0])))
    ]
    return {
        "node": node,
        "up": up,
        "lines": [line.removeprefix(f"{node}").removeprefix(":").strip() for line in stage.whole(node)],
        "timers": timers,
        "strike": str(Crash(node) if up else Restart(node)),
    }


def _pending(world: World) -> list[dict[str, Any]]:
    open_ones = {step.number for step in world.enabled((Deliver,)) if isinstance(step, Deliver)}
    return [
        {
            "number": each.number,
            "text": pending_text(each.number, each.source, each.target, each.message),
            "open": each.number in open_ones,
            "steps": [
                str(kind(each.number, each.source, each.target, each.kind)) for kind in (Deliver, Drop, Duplicate)
            ],
        }
        for each in world.pending.values()
    ]
