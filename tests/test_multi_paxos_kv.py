"""The scenarios multi-paxos-kv, multi-paxos-hunt and paxos: valid, the same everywhere, not vacuous."""

import secrets

import pytest
from click.testing import CliRunner

from simclock import seconds
from simclock.actors import run
from simclock.actors.standalone import Standalone
from simclock.experiments.catalog import entries
from simclock.experiments.checkers.client_history import history_of
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import VALID, VIOLATED
from simclock.protocols.paxos import Accept, Accepted, Acceptor, PaxosSettings, Prepare, Promise, Proposer


def made(name, seed, **settings):
    entry = entries()[name]
    return entry, make_scenario(entry, Settings(seed=seed, **settings))


def play(name, seed, **settings):
    entry, scenario = made(name, seed, **settings)
    return entry, run(scenario)


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 9])
def test_it_is_valid_whatever_the_size(nodes):
    seed = secrets.randbits(32)
    entry, result = play("multi-paxos-kv", seed, nodes=nodes, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID, f"seed {seed}"
    _, result = play("multi-paxos-kv", 1, nodes=nodes, duration_ns=seconds(2))
    paxos = result.reports["MultiPaxosProperties"]
    assert paxos["chosen"] > 50 and paxos["restarts"] == 1 and result.skipped == ()
    assert dict(entry.describe(result))["slots"].startswith(f"{paxos['chosen']} chosen")


@pytest.mark.slow
def test_a_hundred_and_one_servers():
    entry, result = play("multi-paxos-kv", 3, nodes=101, duration_ns=seconds(2))
    assert entry.judge(result).status == VALID


def test_it_is_the_same_everywhere(same_everywhere):
    parameters = {"snapshot_every": 20, "reads": "quorum"}
    entry, scenario = made("multi-paxos-kv", 5, duration_ns=seconds(3), parameters=parameters)
    result = same_everywhere(scenario)
    assert entry.judge(result).status == VALID
    paxos = result.reports["MultiPaxosProperties"]
    assert paxos["leaders"] >= 2 and paxos["snapshots"] > 5 and paxos["learned"] + paxos["installs"] > 0


def test_the_others_go_on_when_the_leader_is_gone():
    _, result = play("multi-paxos-kv", 1)
    gone_ns, back_ns = seconds(2) + seconds(1) // 2, seconds(3) + seconds(1) // 8
    assert (
        sum(each.outcome == "ok" and gone_ns + seconds(1) // 2 < each.call < back_ns for each in history_of(result)) > 5
    )


GRID = {"phase_one": "0+1,2+3", "phase_two": "0+2,0+3,1+2,1+3"}


@pytest.mark.parametrize(
    ("nodes", "parameters"), [(5, {"phase_one": "4", "phase_two": "2"}), (4, GRID)], ids=["sizes", "a grid"]
)
def test_flexible_quorums_that_meet_are_safe(nodes, parameters):
    entry, result = play("multi-paxos-kv", 2, nodes=nodes, duration_ns=seconds(2), parameters=parameters)
    assert entry.judge(result).status == VALID and result.reports["MultiPaxosProperties"]["chosen"] > 100


def test_quorums_that_need_not_meet_are_refused_and_broken_when_forced():
    command = "run multi-paxos-kv --seed 1 --phase-one 2 --phase-two 1"
    refused = CliRunner().invoke(main, command.split())
    assert refused.exit_code == 2 and "any 2 and any 1 of 3 need not meet" in refused.output
    parameters = {"phase_one": "2", "phase_two": "1", "force_quorums": True}
    entry, result = play("multi-paxos-kv", 1, parameters=parameters)
    assert entry.judge(result).status == VIOLATED
    assert "Agreement" in {violation.property for violation in result.violations}


# One decree.


def test_one_value_is_chosen_and_learned(same_everywhere):
    entry, scenario = made("paxos", secrets.randbits(32), parameters={"proposers": 3})
    assert entry.judge(same_everywhere(scenario)).status == VALID, f"seed {scenario.seed}"
    entry, scenario = made("paxos", 1, parameters={"proposers": 3})
    told = same_everywhere(scenario).reports["PaxosProperties"]
    assert told["chosen"] == 1 and told["learned"] >= 1


AGENTS = PaxosSettings(proposers=(0, 1), acceptors=(2, 3, 4), learners=(5,))


def test_an_acceptor_answers_by_what_it_has_promised_and_accepted():
    """PMS 2.2."""
    acceptor = Standalone(lambda: Acceptor(AGENTS), id=2, nodes=6)
    acceptor.on_message(0, Prepare(4))
    acceptor.on_message(1, Prepare(3))
    acceptor.on_message(1, Accept(3, "b"))
    acceptor.on_message(0, Accept(4, "a"))
    assert acceptor.out.take_sent() == [(0, Promise(4, 0, "")), (5, Accepted(4, "a"))]
    acceptor.restart()
    acceptor.on_message(1, Prepare(5))
    assert acceptor.out.take_sent() == [(1, Promise(5, 4, "a"))]


def test_a_proposer_proposes_the_value_of_the_highest_number_among_the_answers():
    """PMS 2.2, P2c."""
    proposer = Standalone(lambda: Proposer(AGENTS, "mine"), id=1, nodes=6)
    proposer.on_timer("retry")
    assert proposer.out.take_sent() == [(acceptor, Prepare(3)) for acceptor in (2, 3, 4)]
    proposer.on_message(2, Promise(3, 1, "old"))
    proposer.on_message(2, Promise(3, 1, "old"))
    assert proposer.out.take_sent() == []
    proposer.on_message(3, Promise(3, 2, "newer"))
    proposer.on_message(4, Promise(3, 0, ""))
    assert proposer.out.take_sent() == [(acceptor, Accept(3, "newer")) for acceptor in (2, 3, 4)]
