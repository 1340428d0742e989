"""Multi-Paxos explored: small configurations looked at in full, and rules left out that are found there."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from simclock.experiments.command_line import main


def explored(words: str) -> tuple[int, str]:
    """The exit status, and what is told."""
    result = CliRunner().invoke(main, f"explore multi-paxos-script --model fifo --timers heartbeat=0 {words}".split())
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("bounds", "states"),
    [
        ("--timers election=1 --commands 1", "764"),
        ("--timers election=1 --commands 1 --crashes 1", "6,788"),
        ("--timers election=2 --commands 0", "19,498"),
    ],
)
def test_a_small_cluster_is_explored_in_full(bounds: str, states: str) -> None:
    """Every order in which messages of a link arrive; states as counted once."""
    status, told = explored(bounds)
    assert status == 0 and f"{states} distinct" in told and "valid within the bounds" in told


@pytest.mark.parametrize(
    ("row", "bounds", "violated", "steps"),
    [
        ("PMS-2.2a", "--timers election=2 --commands 0", "Elected By Quorum", 5),
        ("PMS-2.2d", "--timers election=2 --commands 0", "Ballots Unique", 2),
        ("PMS-2.2e", "--timers election=2 --commands 0", "Elected By Quorum", 4),
        ("PMS-2.3c", "--timers election=1 --commands 1", "Chosen By Quorum", 4),
    ],
)
def test_a_rule_left_out_is_found_by_the_shortest_schedule(row: str, bounds: str, violated: str, steps: int) -> None:
    status, told = explored(f"--bug {row} {bounds}")
    assert status == 1 and f"{violated} violated" in told and f"after {steps} steps" in told
