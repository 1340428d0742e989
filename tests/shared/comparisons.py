"""What the tests of comparisons share: scenarios of one's own, the command, and runs that something happens to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simclock import Constant, Network, RunResult, Scenario, ms
from simclock.actors import Message, Node, run
from simclock.actors.run import Placement
from simclock.experiments.command_line import main
from simclock.experiments.comparing import rounds

PLACES = ("inline", "windows")
MINE = """
import os
from dataclasses import dataclass
from simclock import Constant, Message, Network, Node, Observer, Scenario, ms


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        if self.id == 0:
            self.send(1, Ball(0))

    def on_message(self, source, message):
        self.observe("ball", message.n)
        self.send(source, Ball(message.n + 1))


class Waits(Player):
    def on_start(self):
        while not os.path.exists("go"):
            pass
        super().on_start()


class Faulty(Player):
    def on_message(self, source, message):
        raise KeyError("dropped")


@dataclass
class Played:
    bounces: int
    per_node: dict


class Game(Observer):
    judges = False

    def __init__(self):
        self.bounces = 0

    def on_observation(self, observation, control):
        self.bounces += 1

    def report(self):
        return Played(self.bounces, {"mean": self.bounces / 2, "none": float("nan"), "all": True})


def made(player, seed=0):
    return Scenario(
        name="game", nodes=2, seed=seed, build=lambda node: player(), duration_ns=ms(20), observers=(Game,),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )


def game(seed):
    return made(Player, seed)


def waits(seed):
    return made(Waits, seed)


faulty = made(Faulty)
"""
TIMES = ("wall time", "events/s", "speed-up", "wall min", "wall max", "speed-up min", "speed-up max", "started")


def simclock_says(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def compare(*arguments: object) -> Result:
    return simclock_says("compare", *arguments)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "stormy.toml").write_text(
        'scenario = "phold"\nduration = "20ms"\n[parameters]\ntokens = 5\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)


def instead(monkeypatch: pytest.MonkeyPatch, before: Callable[[int, Scenario, Placement], None]) -> list[Any]:
    """Have `before` be called with a run's number, scenario and placement, and may raise; gives what was run."""
    ran: list[Any] = []

    def fake(scenario: Scenario, placement: Placement, **named: Any) -> RunResult:
        ran.append((scenario.name, scenario.nodes, str(placement).partition(",")[0]))
        before(len(ran), scenario, placement)
        return run(scenario, placement, **named)

    monkeypatch.setattr(rounds, "run", fake)
    return ran


SMALL = ("phold", "everything", "--nodes", "2,3", "--placements", "inline,windows", "--duration", "20ms")


class Bounces(Node):
    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Ball())

    def on_message(self, source: int, message: Message) -> None:
        self.send(source, message)


class Ball(Message):
    pass


def bouncing(**named: Any) -> Scenario:
    network = Network(latency=Constant(delay_ns=ms(1)))
    return Scenario(name="bouncing", nodes=2, build=lambda node: Bounces(), network=network, **named)
