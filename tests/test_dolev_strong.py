"""Byzantine broadcast: agreement with any number of liars, whatever they do, and what breaks it."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simclock import Clocks, Constant, Network, Partition, Pause, Uniform, UsageError, ms, us
from simclock.actors import Placement, run
from simclock.experiments.bench.signed import SIGNED, measure_signed
from simclock.experiments.catalog import bugs, entries
from simclock.experiments.catalog.dolev_strong.picture import draw
from simclock.experiments.catalog.dolev_strong.scenario import KINDS, judge
from simclock.experiments.catalog.dolev_strong.story import story
from simclock.experiments.command_line import main
from simclock.experiments.commands.zoo import _rows
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.experiments.zoo.hunt import ground_of, hunt, named, right_one
from simclock.protocols.dolev_strong import AGREEMENT, VALIDITY, ByzantineBroadcast, Participant, Synchrony
from simclock.protocols.dolev_strong.participant import FORGED, LATE, NOT_FIRST, TWICE

GOLDENS = Path(__file__).parent / "goldens"
NAME, HUNT = "dolev-strong", "dolev-strong-hunt"
ROWS = [bug for bug in bugs().values() if bug.scenario == HUNT]


def play(seed=1, nodes=None, name=NAME, **parameters):
    settings = {each: parameters.pop(each) for each in ("network", "clocks", "faults") if each in parameters}
    return run(make_scenario(entries()[name], Settings(seed=seed, nodes=nodes, parameters=parameters, **settings)))


def kept(result):
    return result.report(ByzantineBroadcast)


# The right protocol.


@pytest.mark.parametrize("liar", KINDS)
@pytest.mark.parametrize(("nodes", "faulty"), [(2, 1), (4, 1), (4, 2), (5, 3), (5, 4)])
def test_liars_of_every_kind_and_number_below_n_are_borne(liar, nodes, faulty):
    result = play(nodes=nodes, faulty=faulty, liar=liar, senders=nodes, broadcasts=2)
    assert judge(result).status == VALID
    assert kept(result).over == 2 and kept(result).decided + kept(result).lying == 2 * nodes
    assert kept(result).decided >= 2 * (nodes - faulty), "of every correct sender its value is decided"


@pytest.mark.parametrize(
    ("liar", "why"), [("forging", FORGED), ("padding", TWICE), ("padding", FORGED), ("impostor", NOT_FIRST)]
)
def test_what_a_liar_tries_is_refused_by_its_reason(liar, why):
    assert why in dict(kept(play(liar=liar, senders=5)).refused)


def test_what_comes_too_late_from_a_liar_is_refused_and_not_held_against_the_network():
    result = kept(play(liar="late", senders=5))
    assert LATE in dict(result.refused) and not result.unassumed


def test_a_replayed_chain_is_of_no_use():
    result = kept(play(liar="replaying", senders=5, broadcasts=4))
    assert FORGED in dict(result.refused) and result.lying == 0


def test_colluders_let_out_a_value_late_and_the_one_that_gets_it_sends_it_on():
    lines = list(story(play(seed=2)))
    assert "  liar 0 gives node 1 'retreat' of node 0, signed by 0" in lines
    assert "  liar 1 gives node 2 'retreat' of node 0, signed by 0 and 1" in lines
    assert "  node 2 signs and sends to all: 'retreat' of node 0" in lines
    assert "  nodes 2, 3 and 4 decide 'retreat', of node 0" in lines


def test_an_equivocating_sender_is_found_out():
    results = [kept(play(seed, liar="equivocating", faulty=1)) for seed in range(4)]
    assert any(each.lying for each in results)


def test_with_more_liars_than_it_is_built_for_it_breaks():
    results = [play(seed, faulty=2, tolerates=1) for seed in range(6)]
    assert {violation.property for each in results for violation in each.violations} == {AGREEMENT}


@pytest.mark.slow
def test_the_hunts_are_clean_and_reach_what_is_to_be_tried():
    assert right_one(ground_of(ROWS[0]), range(40)) == []
    results = [kept(play(seed, name=HUNT)) for seed in range(40)]
    assert not any(each.unassumed for each in results)
    with_all_liars = [each for each in results if len(each.liars) == each.settings.faults > 0]
    assert any(each.relayed for each in with_all_liars) and any(each.lying for each in with_all_liars)
    assert {why for each in results for why, _ in each.refused} >= {LATE, FORGED, TWICE, NOT_FIRST}


@pytest.mark.slow
def test_a_thousand_hunts_are_clean():
    assert right_one(ground_of(ROWS[0]), range(1000)) == []


@pytest.mark.parametrize("liar", ["mixed", "colluding"])
def test_one_digest_in_windows_and_in_one_process(liar):
    for name in (NAME, HUNT):
        scenario = make_scenario(entries()[name], Settings(seed=3, parameters={"liar": liar}))
        assert run(scenario, Placement(kind="windows", hosts=3)).digest == run(scenario).digest


@pytest.mark.ray
@pytest.mark.slow
def test_one_digest_on_ray_per_node_and_packed(ray):
    scenario = make_scenario(entries()[NAME], Settings(seed=3, parameters={"liar": "mixed"}))
    digest = run(scenario).digest
    assert run(scenario, Placement(kind="ray", nodes_per_actor=1)).digest == digest
    assert run(scenario, Placement(kind="ray", hosts=2)).digest == digest


# The assumption.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("drift", ["0ppm", "10000ppm"])
def test_a_round_is_long_enough_for_the_worst_that_is_assumed(seed, drift):
    """All messages take as long as they may."""
    network = Network(latency=Constant(delay_ns=ms(2)))
    result = play(seed, faulty=1, tolerates=2, senders=5, offset="3ms", drift=drift, network=network)
    assert judge(result).status == VALID and not kept(result).unassumed


class Extremes(Clocks):
    """Clocks as far apart as is assumed: those of even nodes are ahead and fast, the others behind and slow."""

    def clock(self, seed, node):
        made = super().clock(seed, node)
        sign = -1 if node % 2 else 1
        made.offset_ns, made.drift_ppb = sign * self.offset_ns_max, sign * self.drift_ppb_max
        return made


@pytest.mark.parametrize("drift_ppm", [0, 50, 5000])
def test_a_round_is_long_enough_for_clocks_at_their_extremes_and_not_much_longer(drift_ppm):
    clocks = Extremes(offset_ns_max=ms(1), drift_ppb_max=drift_ppm * 1000)
    asked = {"faulty": 0, "tolerates": 1, "senders": 5, "broadcasts": 4, "drift": f"{drift_ppm}ppm", "clocks": clocks}
    assert judge(play(network=Network(latency=Constant(delay_ns=ms(2))), **asked)).status == VALID
    longer = play(network=Network(latency=Constant(delay_ns=ms(2) + us(150))), **asked)
    assert drift_ppm == 5000 or (judge(longer).status == VIOLATED and "node" in kept(longer).unassumed)


def test_what_is_assumed_may_be_a_lie_and_agreement_then_breaks():
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(6)))
    results = [play(seed, network=network) for seed in range(10)]
    assert {violation.property for each in results for violation in each.violations} == {AGREEMENT, VALIDITY}
    for result in results:
        if result.violations:
            verdict = judge(result)
            assert verdict.status == VIOLATED and "what was assumed" in verdict.lines[-1]
            assert "from correct node" in kept(result).unassumed


def test_a_partition_breaks_the_assumption_too():
    result = play(faults=(Partition(at_ns=ms(1), groups=((0, 1, 2), (3, 4))),))
    assert judge(result).status == VIOLATED
    assert judge(result).lines[-1].endswith("the network met with a fault at 1ms (partition)")


def test_who_is_struck_is_one_of_the_f():
    pause = Pause(at_ns=ms(1), node=4)
    borne = play(faulty=1, tolerates=2, faults=(pause,))
    assert kept(borne).struck == (4,) and kept(borne).correct == (1, 2, 3) and judge(borne).status == VALID
    beyond = judge(play(faulty=2, faults=(pause,)))
    assert beyond.status == UNKNOWN
    assert beyond.lines[0].endswith("faults struck node 4 beside 2 that lie, and f is 2")


def test_a_run_that_ends_before_the_first_decision_has_judged_nothing():
    result = run(make_scenario(entries()[NAME], Settings(duration_ns=ms(5))))
    assert judge(result).status == UNKNOWN and "no broadcast was over" in judge(result).lines[0]


def test_a_round_without_drift_is_what_clocks_and_a_message_need():
    assert Synchrony(delay_ns_max=ms(2), offset_ns_max=ms(1), drift_ppb_max=0).round_ns(100) == ms(4) + 6


# The zoo.


@pytest.mark.parametrize("bug", ROWS, ids=[bug.id for bug in ROWS])
def test_a_row_differs_and_is_found_by_its_property(bug):
    goldens = (GOLDENS / "zoo.txt").read_text(encoding="utf-8").splitlines()
    (seed,) = [int(line.split()[1]) for line in goldens if line.split()[0] == bug.id]
    assert bug.property in named(ground_of(bug), seed, bug)
    assert named(ground_of(bug), seed, None) == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("bug", ROWS, ids=[bug.id for bug in ROWS])
def test_a_row_is_found_from_any_start(bug):
    assert all(hunt(bug.id, start, 300).found is not None for start in (0, 1_000_003))


def test_rows_take_the_place_of_one_part():
    assert entries()[HUNT].parts.node is Participant and len(ROWS) == 14
    assert len({bug.wrong for bug in ROWS}) == len(ROWS)


# The command line.


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"faulty": 5}, "faulty: 5 of 5 nodes leave no correct one: at most 4"),
        ({"tolerates": 5}, "tolerates: 5 faults of 5 nodes: 0 to 4"),
        ({"tolerates": "many"}, "tolerates: 'many' is not a number of nodes: 0 to 4"),
        ({"senders": 6}, "senders: 6 of 5 nodes: 1 to 5"),
        ({"delay": "soon"}, "delay"),
        ({"delay": "1ns"}, "delay: 1ns is too short"),
        ({"drift": "100000ppm"}, "drift: in 10 rounds clocks of 100,000 ppm part by more than a round"),
        ({"nodes": 1}, "nodes: 1 node has nobody to agree with"),
    ],
)
def test_what_contradicts_is_refused_in_a_line(asked, said):
    with pytest.raises(UsageError, match=said):
        play(**asked)


def test_without_cryptography_one_line_names_the_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    result = CliRunner().invoke(main, ["run", NAME])
    assert result.exit_code == 2
    mend = "needs cryptography, which is not here: pip install 'simclock[crypto]'\n"
    assert result.stderr == f"simclock: {NAME}: {mend}"
    assert CliRunner().invoke(main, ["list"]).exit_code == 0


def test_without_cryptography_the_rest_of_the_zoo_is_hunted(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert {bug.id for bug in bugs().values()} - {bug.id for bug in _rows(None, bugs())} == {bug.id for bug in ROWS}
    assert capsys.readouterr().err.startswith(f"the rows of {HUNT} are left out: it needs cryptography")
    result = CliRunner().invoke(main, ["zoo", "--rows", "DS-01"])
    assert result.exit_code == 2 and result.stderr.startswith(f"simclock: {HUNT}: needs cryptography")


def test_without_cryptography_the_bench_leaves_it_out(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert list(measure_signed(SIGNED, 1)) == []
    assert capsys.readouterr().err.startswith("dolev-strong is left out: it needs cryptography")


def test_a_picture_is_drawn():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.add_subplot()
    draw(play(liar="padding"), axes)
    assert axes.get_title() and len(axes.lines) > 10 and len(axes.texts) > 2
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "decides that the sender lies" in labels
