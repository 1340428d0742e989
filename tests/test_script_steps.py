"""Steps as lines of a script: what is written is read back, and what exploration has found replays."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from simclock.actors.steering.steps import (
    Ask,
    Crash,
    Cut,
    CutLink,
    Deliver,
    Drop,
    Duplicate,
    Fire,
    Mend,
    Pass,
    Restart,
    Step,
    TornCrash,
)
from simclock.actors.steering.world import World
from simclock.errors import UsageError
from simclock.experiments.command_line import main
from simclock.experiments.scripts.commands import (
    Begin,
    ExpectViolation,
    PutIn,
)
from simclock.experiments.scripts.grammar import read_command
from simclock.experiments.scripts.play import Play
from simclock.experiments.scripts.setting import setting_of
from simclock.experiments.scripts.steps import format_steps, parse_steps
from simclock.experiments.scripts.text import script_of


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def play(text: str, folder: Path = Path()) -> Play:
    played = Play(script_of(text), partial(setting_of, folder=folder))
    for _ in played.blocks():
        pass
    return played


NODES = st.integers(0, 9)
NAMES = st.sampled_from(["election", "retry-2", "7", "true", "None", "x" * 70, ("link", 1), ("give up", (0, 3)), 7])
WORDS = st.text("abz", min_size=1, max_size=3)
STEPS = st.one_of(
    *(
        st.builds(kind, st.integers(0, 99)) | st.builds(kind, st.integers(0, 99), NODES, NODES, WORDS)
        for kind in (Deliver, Drop, Duplicate)
    ),
    st.builds(Fire, NODES, NAMES),
    st.builds(Crash, NODES),
    st.builds(Restart, NODES),
    st.builds(TornCrash, NODES, st.integers(0, 5), st.booleans()),
    st.builds(Ask, NODES, WORDS, st.tuples() | st.tuples(st.binary() | st.text() | st.integers() | st.none())),
    st.builds(Pass, st.integers(0, 10**13)),
    st.builds(CutLink, NODES, NODES),
    st.just(Cut(((0, 1), (2,)))),
    st.just(Mend()),
    st.just(Mend(((0,), (1, 2)))),
)


@given(st.lists(STEPS, max_size=8))
def test_steps_are_what_is_read_of_their_text(steps: list[Step]) -> None:
    assert list(parse_steps(format_steps(steps))) == steps if steps else True


def test_steps_of_a_world_are_a_script(tmp_path: Path) -> None:
    """What a search has found is played by `simclock script`, and breaks the property it was found for."""
    text = format_steps(
        [
            Fire(0, "election"),
            Fire(1, "election"),
            Deliver(1, 0, 2, "RequestVote"),
            Deliver(3, 1, 2, "RequestVote"),
            Deliver(4, 2, 0, "RequestVoteReply"),
            Deliver(5, 2, 1, "RequestVoteReply"),
        ],
        scenario="raft-script",
        setup=["bug PAPER-5.2"],
        violation="Election Safety",
        remarks=["found by search"],
    )
    file = tmp_path / "found.txt"
    file.write_text(text, encoding="utf-8")
    done = simclock("script", file)
    assert done.exit_code == 0 and "VIOLATED Election Safety: node 1" in done.output
    world = World(setting_of(Begin("raft-script"), [PutIn("PAPER-5.2")]).world.scenario)
    for step in parse_steps(text):
        world.take(step)
    assert [each.property for each in world.violations] == ["Election Safety"]


@given(st.text(min_size=1))
def test_any_name_of_a_property_is_what_is_read_of_its_line(name: str) -> None:
    line = format_steps([], violation=name).strip()
    assert "\n" not in line and read_command(line) == ExpectViolation(name)


def test_a_timer_of_any_name_fires_by_the_line_of_its_step(tmp_path: Path) -> None:
    code = """
from dataclasses import dataclass
from simclock import Node, Scenario
@dataclass(frozen=True)
class Retry:
    n: int
class Sets(Node):
    def on_start(self):
        for name in ("12", "none", ("a b", 1), Retry(3)):
            self.set_timer(name, 5)
    def on_timer(self, timer):
        self.observe(repr(timer))
def sets() -> Scenario:
    return Scenario(name="sets", nodes=1, build=lambda node: Sets())
"""
    (tmp_path / "sets.py").write_text(code, encoding="utf-8")
    setting = setting_of(Begin("sets.py:sets"), (), tmp_path)
    steps = setting.world.enabled((Fire,))
    assert len(steps) == 4
    played = play(format_steps(steps, scenario="sets.py:sets"), tmp_path)
    assert played.acts[0].stage.world.taken == list(steps)


WRONG_MANAGER = """
from simclock.experiments.catalog.specifications.two_phase_commit import ResourceManager, Aborted, Prepared
class Hasty(ResourceManager):
    def on_timer(self, timer):
        if timer == "prepare":
            self.state = "prepared"
            self.send(self.coordinator, Prepared())
        else:
            self.state = "aborted"
            self.observe(Aborted())
"""


@pytest.mark.parametrize("words", [(), ("--model", "bag", "--crashes", "1", "--torn", "1", "--drops", "1")])
def test_what_explore_writes_of_a_specification_replays(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "hasty.py").write_text(WRONG_MANAGER, encoding="utf-8")
    out = tmp_path / "found.txt"
    hasty = f"ResourceManager={tmp_path / 'hasty.py'}:Hasty"
    found = simclock("explore", "two-phase-commit", "--managers", 2, "--replace", hasty, "--out", out, *words)
    assert found.exit_code == 1, found.output
    assert parse_steps(out.read_text(encoding="utf-8"))
    done = simclock("script", out)
    assert done.exit_code == 0 and "TCConsistent is violated, as expected" in done.output


def test_messages_of_a_specification_stay_and_each_is_delivered_once_by_stabilize() -> None:
    lines = "scenario two-phase-commit managers=1\nfire 0 prepare\n"
    played = play(
        f"{lines}deliver 0->1\ndeliver 0->1\nstabilize\nfire 1 commit\nstabilize\nexpect 0 state == committed"
    )
    assert not played.failing
    with pytest.raises(UsageError, match="model: 'sett' is none: bag, fifo"):
        play("scenario two-phase-commit model=sett")


def test_a_script_of_paxos_sees_what_comes_at_once() -> None:
    """What acceptors send is with the leader in the step that sends it, so its next timer is set."""
    text = "scenario paxos-specification acceptors=1 values=1\nfire 1 ('1a', 0)\ndeliver 1->0\nfire 1 ('2a', 0, 0)"
    assert not play(f"{text}\ndeliver 1->0 Accept\nexpect 0 voted == (0, 0)").failing


def test_what_only_a_world_can_tell_is_no_step() -> None:
    with pytest.raises(UsageError, match="script:2: 'deliver all' is no single step"):
        parse_steps("crash 1\ndeliver all\n")
