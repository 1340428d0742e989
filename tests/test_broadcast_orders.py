"""The study of orders: it measures what the papers say, and refuses sizes it cannot run."""

import pytest

from experiments.broadcast_orders import HEADERS, PARAMETERS, metadata_bytes, notes, rows
from experiments.studies import StudySettings, studies
from simclock import UsageError, ms


def test_each_order_costs_more_than_the_one_before():
    settings = StudySettings(parameters={**PARAMETERS, "sizes": (6,), "pause_ns": ms(300)})
    fifo, causal, total = rows(settings)
    assert [row[1] for row in (fifo, causal, total)] == ["fifo", "causal", "total"]
    assert all(len(row) == len(HEADERS) and row[2] > 50 for row in (fifo, causal, total))
    assert fifo[3] < causal[3] < total[3]
    assert fifo[5] < 15 and causal[5] < 15 and total[5] > 5 * 5 + 5, "n - 1 copies, and n^2 with acknowledgements"
    assert "n^2" in " ".join(notes([fifo, causal, total]))


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
    ],
)
def test_bad_input(name, value, says):
    with pytest.raises(UsageError, match=says):
        list(rows(StudySettings(parameters={**PARAMETERS, name: value})))
