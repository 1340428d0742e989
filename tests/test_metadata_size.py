"""The study metadata-size measures what real clocks would carry, and says what it leaves out."""

import pytest
from click.testing import CliRunner

from simclock import stream
from simclock.clocks import LamportClock, Stamp, VectorClock
from simclock.experiments.catalog import studies
from simclock.experiments.catalog.metadata.size_study import (
    Membership,
    Sent,
    first_stamps,
    history,
    leavers,
    past_of,
    stamp_bytes,
    vector_of,
)
from simclock.experiments.command_line import main
from simclock.experiments.entries.studies import StudySettings


@pytest.mark.parametrize("churn_percent", [0, 20])
def test_vectors_are_those_that_clocks_would_carry(churn_percent):
    steps, ever = history(7, 5, churn_percent, stream(3, "test"))
    vectors = [VectorClock()] * ever
    lamport = [LamportClock(0, node) for node in range(ever)]
    for position, step in enumerate(steps):
        if isinstance(step, Membership):
            continue
        vectors[step.sender] = vectors[step.sender].tick(step.sender)
        lamport[step.sender] = lamport[step.sender].tick()
        assert vector_of(steps, position) == vectors[step.sender]
        assert step.lamport == lamport[step.sender].count
        vectors[step.receiver] = vectors[step.receiver].receive(vectors[step.sender], step.receiver)
        lamport[step.receiver] = lamport[step.receiver].receive(lamport[step.sender])
    assert (ever == 7) == (churn_percent == 0)


def test_a_leavers_place_goes_to_a_newcomer_and_its_id_to_an_heir():
    steps, ever = history(6, 8, 25, stream(1, "test"))
    changes = [step for step in steps if isinstance(step, Membership)]
    assert len(changes) == ever - 6 == sum(leavers(6, 25, number) for number in range(8)) == 12
    live = set(range(6))
    for step in steps:
        if isinstance(step, Sent):
            assert {step.sender, step.receiver} <= live and step.sender != step.receiver
        else:
            live.remove(step.leaver)
            assert step.heir in live and step.newcomer not in live
            live.add(step.newcomer)
    assert len(stamp_bytes(steps, 6, frozenset(range(len(steps))))) == len(steps) - len(changes)


@pytest.mark.parametrize(("nodes", "churn_percent"), [(2, 0), (9, 40), (40, 10)])
def test_the_past_of_a_message_is_enough_for_its_stamp(nodes, churn_percent):
    """Every stamp is kept, as in a real system; the sizes are those of the study, which keeps only what matters."""
    steps, _ = history(nodes, 6, churn_percent, stream(5, "test", nodes))
    stamps, sizes = first_stamps(nodes), {}
    for position, step in enumerate(steps):
        if isinstance(step, Membership):
            stamps[step.heir] = stamps[step.heir].join(stamps.pop(step.leaver))
            stamps[step.parent], stamps[step.newcomer] = stamps[step.parent].fork()
        else:
            stamps[step.sender] = stamps[step.sender].tick()
            sizes[position] = len(stamps[step.sender].peek().encode())
            stamps[step.receiver] = stamps[step.receiver].join(stamps[step.sender].peek()).tick()
    for asked in ([max(sizes)], sorted(sizes)[:3], sorted(sizes)[::5], sorted(sizes)):
        assert stamp_bytes(steps, nodes, frozenset(asked)) == [sizes[position] for position in asked]
    past = past_of(steps, frozenset([min(sizes)]))
    assert [each.position for each in past] == [min(sizes)] and past_of(steps, frozenset()) == []


def test_stamps_start_as_shares_of_one():
    [first] = stamp_bytes([Sent(0, 1, 1, 1, 1)], 2, frozenset((0,)))
    assert first == len(Stamp.seed().fork()[0].tick().peek().encode())


def test_the_table():
    study = studies()["metadata-size"]
    parameters = {**study.parameters, "nodes": (10, 60), "churn": (0, 50), "rounds": 8, "samples": 4, "stamps": 10}
    rows = list(study.rows(StudySettings(seed=2, parameters=parameters)))
    still, moving, many, many_moving = rows
    assert still[2] == 10 and moving[2] == 50 and many_moving[2] == 300
    assert many[4] >= 60 and many_moving[4] >= 300, "a dense vector has a place for everyone who ever was"
    assert many[5] > 3 * still[5] and many[8] < 3 * still[8] and many[3] < 6
    assert many[6] > 3 * still[6] and still[7] > 1 == many[7], "above `stamps` nodes one message is measured"
    assert rows == list(study.rows(StudySettings(seed=2, parameters=parameters)))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("nodes=1", "2 or more"),
        ("nodes=", "none is given"),
        ("churn=", "none is given"),
        ("churn=101", "0 to 100"),
        ("rounds=0", "1 or more"),
        ("stamps=-1", "0 or more"),
        ("nodes=many", "nodes"),
    ],
)
def test_bad_input_is_one_line(setting, says):
    result = CliRunner().invoke(main, ["study", "metadata-size", "--set", setting])
    assert result.exit_code == 2 and says in result.output and len(result.output.strip().splitlines()) == 1
