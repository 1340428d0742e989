"""Trouble drawn from the seed: which faults, when, how hard; and the phase afterwards in which progress is due.

prey.py       what a nemesis must know of a scenario
rhythm.py     how far strikes lie apart, and for how long there are any
pilot.py      the rhythm of a scenario that states none, measured
episodes.py   the kinds of trouble, each as episodes that end
hunters.py    observers that strike leaders
plan.py       `swarm`, `mix` and single kinds: the plan for a seed
liveness.py   everything heals; phases
calm.py       which faults still act, and since when none does
coverage.py   what really happened
"""

from simclock.experiments.nemesis.calm import DOWN, SORTS, Calm, calm_of
from simclock.experiments.nemesis.coverage import coverage, coverage_of, coverage_text, sometimes_text
from simclock.experiments.nemesis.liveness import healed_ns, phase, recovery
from simclock.experiments.nemesis.plan import Plan, draw_plan, parse_nemesis, struck, under_nemesis
from simclock.experiments.nemesis.prey import Prey, prey_of
from simclock.experiments.nemesis.rhythm import Rhythm, parse_rhythm

__all__ = [
    "DOWN",
    "SORTS",
    "Calm",
    "Plan",
    "Prey",
    "Rhythm",
    "calm_of",
    "coverage",
    "coverage_of",
    "coverage_text",
    "draw_plan",
    "healed_ns",
    "parse_nemesis",
    "parse_rhythm",
    "phase",
    "prey_of",
    "recovery",
    "sometimes_text",
    "struck",
    "under_nemesis",
]
