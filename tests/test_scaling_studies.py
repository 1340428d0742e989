"""The studies vector-clock-growth, metadata-size and scaling: what they measure, and what they refuse."""

import pytest

from actors import run
from experiments.growth_study import BROADCAST, UNICAST
from experiments.metadata_study import CLOCKS, Population, sizes
from experiments.scaling_study import NODES, _scenario, fit
from experiments.studies import StudySettings, studies
from simclock import UsageError, stream
from simclock.clocks import Stamp


def measured(name, **parameters):
    study = studies()[name]
    return list(study.rows(StudySettings(parameters={**study.parameters, **parameters})))


def population(nodes, turnover):
    made = Population(stream(0, "test"))
    made.grow(nodes)
    for _ in range(turnover):
        made.replace()
    return made


def test_a_population_shares_out_the_whole_tree():
    made = population(50, 120)
    assert len(made.live) == len(set(made.live)) == len(made.stamps) == 50 and len(made.counts) == 170
    whole = made.stamps[0]
    for stamp in made.stamps[1:]:
        whole = whole.join(stamp)  # raises where two own the same part
    assert whole.id == 1, "who left gave its part back"
    assert all(made.counts[node] >= 1 for node in made.live)
    told = made.everything()
    assert all(stamp <= told for stamp in made.stamps) and told.id == 0


def test_what_grows_with_the_nodes_and_what_does_not():
    few, many = (dict(zip(CLOCKS, sizes(population(nodes, 0)), strict=True)) for nodes in (30, 300))
    assert few["dense vector"] == 30 + 4 and many["dense vector"] == 300 + 4, "a byte a node, and the arrays' heads"
    for name in ("dense vector", "sparse vector", "tree"):
        assert 8 < many[name] / few[name] < 13
    assert many["tree"] < many["dense vector"] < many["sparse vector"]
    assert many["Lamport"] - few["Lamport"] <= 4 and many["dotted"] - few["dotted"] <= 8


def test_who_has_left_stays_in_a_vector():
    before, after = (dict(zip(CLOCKS, sizes(population(100, turnover)), strict=True)) for turnover in (0, 200))
    assert after["sparse vector"] > 2.5 * before["sparse vector"] and after["pruned"] < 1.6 * before["pruned"]


def test_the_tree_is_the_one_that_a_message_carries():
    made = population(20, 5)
    assert sizes(made)[CLOCKS.index("tree")] == len(made.everything().encode())
    assert Stamp.decode(made.everything().encode()) == made.everything()


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
    monkeypatch.setattr("experiments.scaling_study.ROUNDS", (3, 6))
    rows = measured("scaling", repeats=1)
    assert [row[2] for row in rows] == [nodes * (1 + 2 * rounds) for nodes in NODES for rounds in (3, 6)]
    assert all(row[3] > 0 for row in rows)
    lines = studies()["scaling"].notes(rows)
    assert len(lines) == 2 and all("per million events; R squared" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("metadata-size", {"nodes_max": 5}),
        ("vector-clock-growth", {"nodes": 1}),
        ("vector-clock-growth", {"rounds": 0}),
        ("scaling", {"repeats": 0}),
    ],
)
def test_bad_settings(name, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}: "):
        measured(name, **wrong)
