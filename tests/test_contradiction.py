"""The smallest contradiction of a history, and the changes of a value: what a reader is shown of a failure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock.experiments.checkers.histories import Operation, write_history
from simclock.experiments.checkers.linearizability import Verdict, check_linearizability, register
from simclock.experiments.checkers.linearizability.contradiction import smallest_contradiction
from simclock.experiments.checkers.linearizability.intervals import intervals_text
from simclock.experiments.command_line import main


def stale_read(between: int) -> list[Operation]:
    """So many writes and reads, then a read of what was written second."""
    history = []
    for place in range(between):
        write = place % 3 != 0
        history.append(
            Operation(
                process=place % 5,
                function="write" if write else "read",
                argument=place if write else None,
                result=None if write or place == 0 else place - 1,
                call=10 * place,
                finish=10 * place + 9,
            )
        )
    end = 10 * between
    return [*history, Operation(process=9, function="read", result=2, call=end, finish=end + 5)]


def test_a_stale_read_among_many_operations_needs_three() -> None:
    judged = check_linearizability(stale_read(60), register(None))
    assert judged.verdict is Verdict.ILLEGAL and len(judged.partition) == 61
    contradiction = smallest_contradiction(judged)
    assert (contradiction[0].function, contradiction[0].argument) == ("write", 2)
    assert len(contradiction) == 3 and contradiction[-1].result == 2


values = st.integers(0, 2)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), values, st.integers(0, 6)), min_size=2, max_size=9))
def test_what_is_left_contradicts_alone_and_nothing_of_it_can_go(drawn: list[tuple[int, bool, int, int]]) -> None:
    history, free = [], dict.fromkeys(range(3), 0)
    for place, (process, write, value, length) in enumerate(drawn):
        call = max(2 * place, free[process])
        finish = call + 1 + 2 * length
        free[process] = finish + 1
        function, argument, result = ("write", value, None) if write else ("read", None, value)
        history.append(
            Operation(process=process, function=function, argument=argument, result=result, call=call, finish=finish)
        )
    judged = check_linearizability(history, register(None))
    contradiction = smallest_contradiction(judged)
    if judged.verdict is Verdict.OK:
        assert contradiction == ()
        return
    assert is_contradiction(history, contradiction)
    for left_out in contradiction:
        fewer = [each for each in contradiction if each is not left_out]
        assert not fewer or not is_contradiction(history, fewer)


def is_contradiction(history: list[Operation], kept: object) -> bool:
    """By the definition: the others may take effect at any time after their call, or never."""
    assert isinstance(kept, list | tuple)
    others = [
        Operation(process=each.process, function="write", argument=each.argument, call=each.call, outcome="unknown")
        for each in history
        if each not in kept and each.function == "write"
    ]
    return check_linearizability([*kept, *others], register(None)).verdict is Verdict.ILLEGAL


def test_intervals_stand_in_their_order() -> None:
    one = Operation(process=0, function="write", argument=1, call=0, finish=30)
    other = Operation(process=1, function="read", result=1, call=10, finish=20)
    unknown = Operation(process=2, function="write", argument=2, call=15, outcome="unknown")
    bars = [line.partition("  process")[0].rstrip() for line in intervals_text([one, other, unknown])]
    assert bars == ["|---------------|", "    |-------|", "        |-------->"]


def test_check_draws_the_contradiction(tmp_path: Path) -> None:
    history, picture = tmp_path / "h.jsonl", tmp_path / "h.svg"
    write_history(history, stale_read(30))
    words = ["check", str(history), "--model", "register", "--plot"]
    result = CliRunner().invoke(main, [*words, str(picture)])
    assert result.exit_code == 1 and "3 of its 31 operations cannot be put in order" in result.stdout
    assert picture.read_text(encoding="utf-8").count("<line") == 3
    assert CliRunner().invoke(main, [*words, "x.png"]).exit_code == 2


def test_every_change_of_a_value_is_told_with_its_line() -> None:
    words = ["replay", "raft-kv", "--seed", "7", "--duration", "1s"]
    watched = [word for node in range(3) for word in ("--watch-value", f"{node}.current_term")]
    result = CliRunner().invoke(main, [*words, *watched])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.partition(",")[0] for line in lines[:3]] == [f"{node}.current_term = 0" for node in range(3)]
    election = next(line for line in lines if "election" in line)
    form = r"\d\.current_term = 1, was 0  at \S+ms  \d#\d+ timer 'election'  \(simclock/protocols/raft/\w+\.py:\d+\)"
    assert re.fullmatch(form, election)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0", "'0' names no value: write NODE.ATTRIBUTE, such as 0.holder"),
        ("0.rol", "unknown attribute 'rol': did you mean 'role'? (0.rol)"),
        ("9.role", "node 9 is out of range: nodes are 0 to 5"),
    ],
)
def test_a_value_that_is_not_there_gets_one_line(value: str, told: str) -> None:
    result = CliRunner().invoke(main, ["replay", "raft-kv", "--duration", "20ms", "--watch-value", value])
    assert result.exit_code == 2 and result.stderr == f"simclock: --watch-value: {told}\n"


DRAWN = re.compile(r"  drawn +the contradiction(?: of key .*)?: (\d+) of its (\d+) operations cannot be put in order")


@pytest.mark.parametrize(("name", "bug"), [("raft-hunt", "PAPER-8b"), ("multi-paxos-hunt", "PAXOS-07")])
def test_the_contradiction_of_a_replicated_store_is_drawn(name: str, bug: str) -> None:
    goldens = Path(__file__).with_name("goldens") / "zoo.txt"
    rows = map(str.split, goldens.read_text(encoding="utf-8").splitlines())
    (seed,) = [row[1] for row in rows if row[:1] == [bug]]
    told = CliRunner().invoke(main, ["run", name, "--set", f"bug={bug}", "--seed", seed])
    assert told.exit_code == 1
    found = DRAWN.search(told.output)
    assert found is not None and 2 <= int(found[1]) <= 6 < int(found[2])


OWN = """
from functools import partial

from simclock import Node, Scenario, ms
from simclock.experiments.checkers.linearizability import register
from simclock.experiments.checkers.linearizable import Linearizable


class Teller(Node):
    def on_start(self):
        self.told = [(0, "write", 1), *((1, "read", 1) for _ in range(20)), (1, "read", 0)]
        self.set_timer("next", ms(1))

    def on_timer(self, timer):
        process, function, value = self.told.pop(0)
        self.observe("invoke", (process, function, None, value if function == "write" else None))
        self.observe("ok", (process, function, None, value))
        if self.told:
            self.set_timer("next", ms(1))


def told(seed: int) -> Scenario:
    observers = (partial(Linearizable, register(0)),)
    return Scenario(name="told", seed=seed, nodes=1, build=lambda node: Teller(), observers=observers)
"""


def test_the_contradiction_of_ones_own_history_is_drawn(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN, encoding="utf-8")
    told = CliRunner().invoke(main, ["run", str(own)])
    found = DRAWN.search(told.output)
    assert told.exit_code == 1 and found is not None and found.groups() == ("2", "22")
    assert "Linearizable.found" not in told.output
    reports = json.loads(CliRunner().invoke(main, ["run", str(own), "--format", "json"]).stdout)["reports"]
    assert set(reports["Linearizable"]) == {"type", "operations", "steps", "verdict", "explanation"}
