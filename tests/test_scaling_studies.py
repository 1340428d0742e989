"""The studies vector-clock-growth and scaling: what they measure, and what they refuse."""

import pytest

from simclock import UsageError
from simclock.actors import run
from simclock.experiments.catalog import studies
from simclock.experiments.catalog.metadata.growth_study import BROADCAST, UNICAST
from simclock.experiments.catalog.synthetic.study import NODES, _scenario, fit
from simclock.experiments.entries.studies import StudySettings


def measured(name, **parameters):
    study = studies()[name]
    return list(study.rows(StudySettings(parameters={**study.parameters, **parameters})))


def test_a_broadcast_fills_clocks_at_once_and_unicast_in_about_the_logarithm():
    rows = {(mode, number): row for mode, number, *row in measured("vector-clock-growth", nodes=16, rounds=8)}
    assert rows[UNICAST, 1][0] == 16 and rows[BROADCAST, 1][0] == 16 * 15
    assert rows[BROADCAST, 2][1] == 16, "everybody has heard of everybody"
    means = [rows[UNICAST, number][1] for number in range(1, 9)]
    assert means[0] < 4 and means[1] < 9 and means[2] < 13 and min(means[5:]) > 14
    assert rows[UNICAST, 8][3] > rows[UNICAST, 1][3], "and so does the message"


def test_its_notes_say_when_clocks_are_full():
    study = studies()["vector-clock-growth"]
    lines = study.notes(measured("vector-clock-growth", nodes=8, rounds=2))
    assert lines[0].startswith("unicast: 95% full not within") and "broadcast: 95% full in round" in lines[1]


def test_a_fit_of_points_on_a_line():
    line = fit([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
    assert (line.at_zero, line.slope, line.r_squared) == pytest.approx((1.0, 2.0, 1.0))
    assert fit([(0.0, 0.0), (1.0, 2.0), (2.0, 0.0)]).r_squared == pytest.approx(0.0)
    with pytest.raises(ValueError, match="two different x"):
        fit([(1.0, 1.0), (1.0, 2.0)])


def test_scaling_counts_every_event(monkeypatch):
    assert run(_scenario(10, 30, 0)).events == 10 * (1 + 2 * 30), "a start, and a timer and a message each round"
    monkeypatch.setattr("simclock.experiments.catalog.synthetic.study.ROUNDS", (3, 6))
    rows = measured("scaling", repeats=1)
    assert [row[2] for row in rows] == [nodes * (1 + 2 * rounds) for nodes in NODES for rounds in (3, 6)]
    assert all(row[3] > 0 for row in rows)
    lines = studies()["scaling"].notes(rows)
    assert len(lines) == 2 and all("per million events; R squared" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("vector-clock-growth", {"nodes": 1}),
        ("vector-clock-growth", {"rounds": 0}),
        ("scaling", {"repeats": 0}),
    ],
)
def test_bad_settings(name, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}: "):
        measured(name, **wrong)
