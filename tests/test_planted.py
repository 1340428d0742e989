"""Six bugs planted in protocols of a page each fall to a plain swarm, and the right protocols do not.

Each file of `planted/` has a right protocol by its paper and a wrong one that differs in the wrong line. The seeds at
which they fall are the first of `simclock sweep FILE:WRONG --nemesis swarm --seeds 0:200`.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from simclock.actors import run
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.scenario_files.python_scenarios import python_entry

PLANTED = Path(__file__).parent / "planted"
BUGS = {
    "paxos.py:forgetful": ("paxos.py:paxos", 5, "Agreement"),
    "commit.py:forgetful": ("commit.py:commit", 1, "Atomicity"),
    "lock.py:unfenced": ("lock.py:lock", 3, "Mutual Exclusion"),
    "counter.py:summing": ("counter.py:counter", 0, "Value"),
    "gossip.py:forgetting": ("gossip.py:gossip", 3, "Deleted Stays Deleted"),
    "lease.py:TRUSTING": ("lease.py:LEASE", 3, "Fresh Reads"),
}
"""Wrong -> the right one, the first seed at which the wrong one falls, and what is named."""


def struck(name, seed):
    entry, _ = python_entry(name, PLANTED)
    return {each.property for each in run(make_scenario(entry, Settings(seed=seed, nemesis="swarm"))).violations}


@pytest.mark.parametrize("wrong", BUGS)
def test_a_planted_bug_falls_to_a_plain_swarm(wrong):
    right, seed, property = BUGS[wrong]
    assert struck(wrong, seed) == {property}
    assert not any(struck(right, each) for each in {0, 1, seed})


@pytest.mark.slow
@pytest.mark.parametrize("right", [right for right, _, _ in BUGS.values()])
def test_the_right_protocols_pass(right):
    assert not any(struck(right, seed) for seed in range(60))


def test_each_protocol_is_a_page():
    for wrong in BUGS:
        source = (PLANTED / wrong.partition(":")[0]).read_text()
        protocol = source[source.index("class ") : source.index("(Observer)")]
        assert sum(bool(line.strip()) for line in protocol.splitlines()) <= 80, wrong


def test_a_sweep_says_how_the_run_is_had_again_without_a_pilot(tmp_path, monkeypatch):
    file = PLANTED / "lock.py"
    words = [f"{file}:unfenced", "--nemesis", "swarm", "--jobs", "1", "--database", str(tmp_path / "results.db")]
    swept = CliRunner().invoke(main, ["sweep", *words, "--seeds", "2:4"])
    assert swept.exit_code == 1
    replay = next(line for line in swept.stderr.splitlines() if "replay: simclock run" in line)
    assert " --seed 3 --nemesis swarm --rhythm " in replay

    def no_pilot(scenario):
        raise AssertionError("a rhythm that is written down is not measured")

    monkeypatch.setattr("simclock.experiments.nemesis.plan.measure", no_pilot)
    rhythm = replay.partition("--rhythm ")[2].strip("'")
    again = CliRunner().invoke(
        main, ["run", f"{file}:unfenced", "--seed", "3", "--nemesis", "swarm", "--rhythm", rhythm]
    )
    assert again.exit_code == 1 and "Mutual Exclusion violated" in again.stdout
    code = next(line for line in swept.stderr.splitlines() if "or paste: " in line).split()[-1]
    pasted = CliRunner().invoke(main, ["run", "--replay", code])
    assert pasted.exit_code == 1 and "the same run to the last bit" in pasted.stdout
    recorded = CliRunner().invoke(main, ["replay", "1:3", "--database", str(tmp_path / "results.db")])
    assert "1:3, the same to the last bit" in recorded.stdout


def test_the_wrong_classes_differ_in_the_wrong_line_alone():
    """Each overrides one method by one of a line."""
    for file in {wrong.partition(":")[0] for wrong in BUGS}:
        classes = [part for part in (PLANTED / file).read_text().split("\n\n\n") if part.startswith("class ")]
        derived = [part for part in classes if not any(f"({base})" in part for base in ("Node", "Message", "Observer"))]
        assert len(derived) == 1 and len(derived[0].splitlines()) == 3, file
