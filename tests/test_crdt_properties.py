"""The specification and the observers, on histories known to be good and known to be bad."""

import pytest

from simclock import Control, Observation
from simclock.experiments.catalog.crdts.properties import (
    CONSISTENCY,
    CONVERGENCE,
    MEMORY,
    RESURRECTION,
    TOTAL,
    VALUE,
    Converges,
    CrdtProperties,
)
from simclock.experiments.catalog.crdts.specification import Asked, resurrected, specified


def test_the_specification_is_about_who_had_seen_what():
    add, again = Asked(0, 0, ("add", "x"), 0), Asked(1, 1, ("add", "x"), 0)
    removed = Asked(2, 0, ("remove", "x"), 0b001)
    assert specified("set", [add, removed]) == ()
    assert specified("set", [add, again, removed]) == ("x",)
    assert resurrected("set", [add, removed], ("x",)) == [("x",)]
    assert resurrected("set", [add, removed], ("y",)) == [], "that is wrong, and no resurrection"
    assert specified("flag", [Asked(0, 0, ("enable",), 0), Asked(1, 1, ("disable",), 0)]) is True
    assert specified("disable-flag", [Asked(0, 0, ("enable",), 0), Asked(1, 1, ("disable",), 0)]) is False
    assert specified("mv-register", [Asked(0, 0, ("assign", 1), 0), Asked(1, 1, ("assign", 2), 0)]) == (1, 2)
    assert specified("lww-register", [Asked(0, 0, ("assign", 1, 7), 0), Asked(1, 1, ("assign", 2, 3), 1)]) == 1


GOOD = [
    (0, "started", 0),
    (1, "started", 0),
    (0, "updated", (1, 1, ("add", "x"), ("x",))),
    (1, "merged", (1, 0, 1, ("x",))),
    (1, "updated", (2, 1, ("remove", "x"), ())),
    (0, "merged", (2, 1, 2, ())),
]
BAD = {
    "is back": ([*GOOD[:5], (0, "merged", (2, 1, 2, ("x",)))], {VALUE, CONSISTENCY, RESURRECTION}),
    "never was": ([*GOOD[:3], (1, "merged", (1, 0, 1, ("y",)))], {VALUE, CONSISTENCY}),
    "wrong at once": ([*GOOD[:2], (0, "updated", (1, 1, ("add", "x"), ()))], {VALUE}),
    "forgets": ([*GOOD, (0, "started", 1)], {MEMORY}),
    "cannot merge": ([*GOOD, (0, "cannot_merge", "a set and a counter")], {TOTAL}),
}


def judged(observer, history):
    control = Control(1)
    for number, (node, name, value) in enumerate(history):
        control.now_ns = number
        observer.on_observation(Observation(number, node, number, name, value), control)
    control.now_ns = len(history)
    observer.on_finish(control)
    return {violation.property for violation in control.violations}


def test_a_good_history_passes():
    observer = CrdtProperties("set")
    assert judged(observer, GOOD) == set() and observer.report()["values judged"] == 4


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_named(name):
    history, properties = BAD[name]
    assert judged(CrdtProperties("set"), history) == properties


def test_convergence_is_due_in_time():
    assert judged(Converges("set", (0, 1), 4, 1), GOOD) == {CONVERGENCE}, "node 0 hears it too late"
    assert judged(Converges("set", (0, 1), 5, 1), GOOD) == set()
    assert judged(Converges("set", (0, 1, 2), 5, 1), [*GOOD[:3]]) == set(), "not due yet"
