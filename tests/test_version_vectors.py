"""The study version-vectors: what the papers say about the three versionings is what is measured."""

import pytest

from simclock import UsageError
from simclock.experiments.catalog import studies
from simclock.experiments.catalog.dynamo.study import HEADERS, PARAMETERS, measure, notes
from simclock.experiments.entries.studies import StudySettings
from simclock.protocols.dynamo import ClientVectors, DottedSets, ServerVectors


def rows(**parameters):
    study = studies()["version-vectors"]
    measured = list(study.rows(StudySettings(seed=5, parameters={**PARAMETERS, **parameters})))
    assert all(len(row) == len(HEADERS) for row in measured)
    return measured


def of(measured, name, column):
    return [row[HEADERS.index(column)] for row in measured if row[2] == name]


def test_clocks_that_count_clients_grow_with_them_and_dotted_ones_do_not():
    measured = rows()
    clients, dotted = (of(measured, name, "metadata [bytes]") for name in ("vector, ids=client", "dotted"))
    assert clients[-1] > 8 * clients[0] and dotted[-1] < 2 * dotted[0]
    assert max(of(measured, "dotted", "clock entries")) <= 3, "an entry per server"
    for name in ("vector, ids=client", "dotted", "vector, ids=server"):
        assert set(of(measured, name, "writes lost")) == {0}
    assert set(of(measured, "dotted", "false siblings, mean")) == {0}
    assert of(measured, "dotted", "siblings, mean") == of(measured, "vector, ids=client", "siblings, mean")
    assert len(notes(measured)) == 4


def test_siblings_explode_where_one_clock_stands_for_all():
    """Preguica et al. 2010: clients that take turns; with dots no more siblings than clients."""
    measured = rows(grow="turns")
    writes = of(measured, "vector, ids=server", "writes")
    assert of(measured, "vector, ids=server", "siblings, most") == writes
    assert set(of(measured, "dotted", "siblings, most")) == {4}


def test_the_columns_by_hand():
    """Four clients in turn, eight writes, each knows what its own last answer showed.

    One clock: all n writes stay. The fifth write had seen the first, the sixth the first two, and so on. With dots the
    fifth replaces the first alone, so from the fourth write on there are four.
    """
    turns = {"clients": 4, "writes": 8, "servers": 1, "reads_percent": 0, "turns": True}
    one_clock, dots = measure(ServerVectors(), 1, **turns), measure(DottedSets(), 1, **turns)
    assert (one_clock.siblings, one_clock.siblings_max) == (sum(range(1, 9)) / 8, 8)
    assert one_clock.false_siblings == (1 + 2 + 3 + 4) / 8
    assert (dots.siblings, dots.siblings_max, dots.false_siblings) == ((1 + 2 + 3 + 4 * 5) / 8, 4, 0)


def test_pruned_clocks_make_false_conflicts():
    whole, pruned = (
        measure(ClientVectors(limit), 5, clients=16, writes=100, servers=3, reads_percent=20, turns=False)
        for limit in (0, 4)
    )
    assert whole.false_siblings == 0 < pruned.false_siblings


def test_one_interleaving_for_all():
    costs = [
        measure(each, 3, clients=2, writes=1, servers=1, reads_percent=0, turns=False)
        for each in (ClientVectors(), ServerVectors(), DottedSets())
    ]
    assert [cost.siblings for cost in costs] == [1, 1, 1] and [cost.lost for cost in costs] == [0, 0, 0]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"grow": "beans"}, "grow: 'beans'"),
        ({"clients": 0}, "clients: 0"),
        ({"servers": 0}, "servers"),
        ({"reads_percent": 101}, "0 to 100"),
    ],
)
def test_bad_parameters(wrong, place):
    with pytest.raises(UsageError, match=place):
        rows(**wrong)
