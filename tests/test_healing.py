"""Progress after healing: what is demanded has to happen within its time, by whom it is demanded of."""

from __future__ import annotations

import pytest

from simclock import Control, Observation, ms
from simclock.experiments.checkers.progress import PROGRESS, RaftProgress

HEALED_NS, WITHIN_NS = ms(100), ms(50)
Said = tuple[int, int, str]


def observed(*said: Said, ends_ns: int = ms(300)) -> tuple[int | None, list[int]]:
    """How long the first commit of a leader took, and when violations were told; nodes 0 to 2 are servers."""
    progress = RaftProgress((0, 1, 2), WITHIN_NS, HEALED_NS)
    control = Control(lookahead_ns=1)
    for number, (time_ns, node, name) in enumerate(said):
        control.now_ns = time_ns
        progress.on_observation(Observation(time_ns, node, number, name, VALUES.get(name)), control)
    control.now_ns = ends_ns
    progress.on_finish(control)
    assert {each.property for each in control.violations} <= {PROGRESS}
    return progress.report()["commit_after_ns"], [each.time_ns for each in control.violations]


LEADS = (ms(10), 1, "leader")
VALUES = {"started": (1, None, 0, 0, None)}
"""Of what has several fields; nobody asks for them here."""


@pytest.mark.parametrize(
    ("said", "took_ns", "told_ns"),
    [
        ((LEADS, (HEALED_NS, 1, "commit")), 0, []),
        ((LEADS, (HEALED_NS + ms(7), 1, "commit"), (HEALED_NS + ms(8), 1, "commit")), ms(7), []),
        ((LEADS, (HEALED_NS + WITHIN_NS, 1, "commit")), WITHIN_NS, []),
        ((LEADS, (HEALED_NS + WITHIN_NS + 1, 1, "commit")), WITHIN_NS + 1, [HEALED_NS + WITHIN_NS + 1]),
        ((LEADS, (HEALED_NS - 1, 1, "commit")), None, [ms(300)]),
        ((), None, [ms(300)]),
        ((LEADS, (ms(150), 1, "else"), (ms(160), 1, "else")), None, [ms(150)]),
        ((LEADS, (ms(150) - 1, 1, "else"), (ms(160), 1, "else")), None, [ms(160)]),
    ],
    ids=[
        "at once",
        "the first counts",
        "in the last instant",
        "too late",
        "before",
        "never",
        "told as soon as the time is up, once",
        "told at what comes after",
    ],
)
def test_a_commit_is_demanded_within_its_time(said: tuple[Said, ...], took_ns: int | None, told_ns: list[int]) -> None:
    assert observed(*said) == (took_ns, told_ns)


@pytest.mark.parametrize("ends", ["follower", "started", "halted"])
def test_a_commit_counts_while_its_server_leads(ends: str) -> None:
    """A follower commits too, when it hears that the leader did."""
    commit = (ms(110), 1, "commit")
    assert observed((ms(10), 0, "leader"), commit) == (None, [ms(300)]), "another one leads"
    assert observed(LEADS, (ms(20), 1, ends), commit) == (None, [ms(300)])
    assert observed((ms(5), 1, ends), LEADS, (ms(20), 0, ends), commit) == (ms(10), [])


def test_who_is_no_server_is_not_listened_to() -> None:
    assert observed((ms(10), 3, "leader"), (ms(110), 3, "commit")) == (None, [ms(300)])
    assert observed(LEADS, (ms(170), 3, "commit")) == (None, [ms(300)])


def test_nothing_is_demanded_of_a_run_that_ends_before_the_time_is_up() -> None:
    assert observed(ends_ns=HEALED_NS + WITHIN_NS - 1) == (None, [])
    assert observed(ends_ns=HEALED_NS + WITHIN_NS) == (None, [HEALED_NS + WITHIN_NS])
