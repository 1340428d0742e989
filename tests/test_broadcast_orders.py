"""The study of orders: it measures what the papers say, and refuses sizes it cannot run."""

from types import SimpleNamespace

import pytest

from simclock import Observation, UsageError, ms
from simclock.experiments.catalog import studies
from simclock.experiments.catalog.causal_broadcast.study import (
    HEADERS,
    LOW_NS,
    PARAMETERS,
    metadata_bytes,
    notes,
    rows,
    waits_ns,
)
from simclock.experiments.entries.studies import StudySettings


def test_each_order_costs_more_than_the_one_before():
    settings = StudySettings(parameters={**PARAMETERS, "sizes": (6,), "pause_ns": ms(300)})
    fifo, causal, total = rows(settings)
    assert [row[1] for row in (fifo, causal, total)] == ["fifo", "causal", "total"]
    assert all(len(row) == len(HEADERS) and row[2] > 50 for row in (fifo, causal, total))
    assert fifo[3] < causal[3] < total[3]
    assert fifo[6] < 15 and causal[6] < 15 and total[6] > 5 * 5 + 5, "n - 1 copies, and n^2 with acknowledgements"
    assert "n^2" in " ".join(notes([fifo, causal, total]))


def test_the_delay_is_each_delivery_s_own_and_never_below_zero():
    """Of two nodes, the other has it when it arrives; of more, total order waits for somebody's acknowledgement."""
    settings = StudySettings(seed=4, parameters={**PARAMETERS, "sizes": (2, 5), "pause_ns": ms(2000), "loss": "0.02"})
    measured = list(rows(settings))
    assert all(0 <= row[3] <= row[4] and 0 <= row[5] <= 100 for row in measured), measured
    by_order = {(row[0], row[1]): row for row in measured}
    assert by_order[2, "fifo"][5] < 20 and by_order[5, "fifo"][5] < 20 and by_order[5, "total"][5] > 90
    assert by_order[5, "total"][3] > LOW_NS / ms(1), "an acknowledgement is a journey"


def test_what_a_message_waits_is_counted_from_its_first_arrival_at_that_node():
    told = [
        (10, 1, "arrived", (0, 2)),
        (11, 2, "arrived", (0, 2)),
        (12, 1, "arrived", (0, 2)),  # twice
        (15, 1, "arrived", (0, 1)),
        (15, 1, "deliver", (0, 1)),
        (15, 1, "deliver", (0, 2)),
        (30, 2, "arrived", (0, 1)),
        (30, 2, "deliver", (0, 1)),
        (30, 2, "deliver", (0, 2)),
        (40, 2, "display", (0, 7, 2, "its own")),
    ]
    observations = [Observation(at, node, number, name, value) for number, (at, node, name, value) in enumerate(told)]

    result = SimpleNamespace(report=lambda observer: tuple(observations))
    assert list(waits_ns(result)) == [0, 5, 0, 19]


def test_metadata_grows_with_the_nodes_in_causal_order_alone():
    assert [metadata_bytes("causal", nodes) - metadata_bytes("causal", 2) for nodes in (3, 4)] == [3, 6]
    assert metadata_bytes("fifo", 2) == metadata_bytes("fifo", 64)
    assert metadata_bytes("total", 64) - metadata_bytes("total", 2) <= 3


def test_it_stands_in_the_list():
    assert studies()["broadcast-orders"].project == 5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("sizes", (1, 4), "sizes: 1,4 are not"),
        ("sizes", (), "sizes"),
        ("pause_ns", 5, "pause_ns"),
        ("loss", "x", "loss: 'x'"),
        ("loss", "1", "nothing was delivered"),
    ],
)
def test_bad_input(name, value, says):
    with pytest.raises(UsageError, match=says):
        list(rows(StudySettings(parameters={**PARAMETERS, name: value})))
