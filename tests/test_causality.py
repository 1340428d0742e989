"""Executions as happens-before graphs: order, clocks, chains and cuts, against the definition; and those of runs."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from executions import Made, executions
from simclock import Constant, Crash, Message, Network, Node, Restart, Scenario, UsageError, ms
from simclock.actors import run
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.execution import DELIVER, DROP, FAULT, NONE, OBSERVE, SEND, START, TIMER, Execution
from simclock.experiments.causality.of_traces import TracedExecution, read_execution
from simclock.experiments.causality.relations import Relations, lamport_clocks, vector_clocks
from simclock.experiments.causality.why import because_of, chain, chain_text
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.source import find_source
from simclock.experiments.traces.plain_values import trace_line

FEW = settings(max_examples=60, deadline=None)


@FEW
@given(executions())
def test_before_is_the_transitive_closure(made: Made) -> None:
    relations = Relations(made.execution())
    pasts = made.before()
    for one in range(len(made.steps)):
        assert set(relations.all_before(one)) == pasts[one]
        assert set(relations.all_after(one)) == {other for other, past in enumerate(pasts) if one in past}
        expected = {other for other in range(len(pasts)) if other != one and one not in pasts[other]} - pasts[one]
        assert set(relations.all_concurrent(one)) == expected
        assert not relations.before(one, one) and not relations.concurrent(one, one)
        for other in range(len(made.steps)):
            assert relations.before(one, other) == (one in pasts[other])


@FEW
@given(executions())
def test_clocks_are_those_that_nodes_would_have_kept(made: Made) -> None:
    execution = made.execution()
    relations = Relations(execution)
    clocks = dict(vector_clocks(relations))
    lamport = lamport_clocks(relations)
    for event, kept in enumerate(made.clocks()):
        told = {execution.nodes[node]: count for node, count in enumerate(clocks[event]) if count}
        assert told == kept and relations.past(event) == clocks[event]
        for earlier in made.before()[event]:
            assert lamport[earlier] < lamport[event]


@FEW
@given(executions())
def test_the_path_is_a_chain_with_the_fewest_messages(made: Made) -> None:
    execution = made.execution()
    relations = Relations(execution)
    last = len(made.steps) - 1
    for one in range(last):
        path = relations.path(one, last)
        assert bool(path) == relations.before(one, last)
        if not path:
            continue
        assert (path[0], path[-1]) == (one, last)
        messages = 0
        for each, following in pairwise(path):
            if execution.node[each] == execution.node[following]:
                assert execution.position[each] < execution.position[following]
            else:
                assert each in execution.causes(following)
                messages += 1
        assert messages == fewest_messages(execution, one, last)


def fewest_messages(execution: Execution, one: int, other: int) -> int:
    """Breadth first from the one, lanes for nothing and messages for one."""
    distance = {one: 0}
    waiting = deque([one])
    effects: dict[int, list[int]] = {}
    for event in range(len(execution)):
        for cause in execution.causes(event):
            effects.setdefault(cause, []).append(event)
    while waiting:
        event = waiting.popleft()
        following = execution.following(event)
        for each, cost in [(following, 0)] * (following != NONE) + [(each, 1) for each in effects.get(event, [])]:
            if distance[event] + cost < distance.get(each, 1 << 30):
                distance[each] = distance[event] + cost
                (waiting.append if cost else waiting.appendleft)(each)
    return distance[other]


@FEW
@given(executions(), st.data())
def test_a_cut_is_consistent_if_it_holds_every_cause(made: Made, data: st.DataObject) -> None:
    execution = made.execution()
    relations = Relations(execution)
    members = {
        node: lane[data.draw(st.integers(0, len(lane) - 1))]
        for node, lane in enumerate(execution.lanes)
        if lane and data.draw(st.booleans())
    }
    cut = relations.cut(members)
    inside = {event for lane, count in zip(execution.lanes, cut.counts, strict=True) for event in lane[:count]}
    pasts = made.before()
    assert cut.consistent == all(pasts[event] <= inside for event in inside)
    closed = {event for lane, count in zip(execution.lanes, cut.closure, strict=True) for event in lane[:count]}
    assert closed == inside.union(*(pasts[event] for event in inside), set())


@FEW
@given(executions(), st.data())
def test_an_excerpt_keeps_the_order_of_what_is_left(made: Made, data: st.DataObject) -> None:
    execution = made.execution()
    kept = data.draw(st.sets(st.sampled_from(range(len(made.steps)))))
    excerpt = Excerpt(execution, Wanted().of(execution).__class__("I", sorted(kept)))
    reached: dict[int, set[int]] = {}
    for event, causes in excerpt.direct_causes():
        reached[event] = set().union(*(reached[each] | {each} for each in causes), set())
        for cause in causes:
            between = [each for each in causes if each != cause and cause in reached[each]]
            assert not between or execution.node[cause] == execution.node[event], "no cause is also an indirect one"
    pasts = made.before()
    assert reached == {event: pasts[event] & kept for event in kept}


class Ping(Message):
    n: int


class Echo(Node):
    def on_start(self) -> None:
        self.count = 0
        if self.id == 0:
            self.set_timer("go", ms(5))

    def on_timer(self, timer: object) -> None:
        self.observe("went", self.count)
        self.send(1, Ping(self.count))

    def on_message(self, source: int, message: Ping) -> None:
        self.count += 1
        if message.n < 3:
            self.send(1 - self.id, Ping(message.n + 1))


ECHO = Scenario(
    name="echo",
    nodes=2,
    build=lambda node: Echo(),
    duration_ns=ms(60),
    network=Network(latency=Constant(delay_ns=ms(1)), duplication=0.5),
    faults=(Crash(at_ns=ms(7), node=1), Restart(at_ns=ms(50), node=1)),
)


def traced(scenario: Scenario) -> Execution:
    gathered = TracedExecution("test")
    run(scenario, trace=gathered.add)
    return gathered.build()


def test_a_delivery_has_its_send_and_a_duplicate_has_that_of_its_message() -> None:
    execution = traced(ECHO)
    kinds = [execution.kind[event] for event in range(len(execution))]
    arrived = [event for event in range(len(execution)) if kinds[event] in (DELIVER, DROP)]
    assert len(arrived) > kinds.count(SEND), "some message came twice"
    for event in arrived:
        send = execution.message[event]
        assert kinds[send] == SEND and execution.detail(send) == execution.detail(event)
        assert (send in execution.causes(event)) == (kinds[event] == DELIVER), "what is lost tells nobody anything"


def test_the_chain_of_an_event_leads_to_its_root() -> None:
    execution = traced(ECHO)
    last = max(event for event in range(len(execution)) if execution.kind[event] == DELIVER)
    found = chain(execution, last)
    assert [execution.kind[each] for each in found[:2]] == [DELIVER, SEND]
    assert execution.kind[found[-1]] == START and execution.id(found[-1]) == "0#0"
    assert [execution.kind[each] for each in found].count(TIMER) == 1, "the timer was set by the start"
    assert all(because_of(execution, one) == other for one, other in pairwise(found))
    observed = next(event for event in range(len(execution)) if execution.kind[event] == OBSERVE)
    assert execution.kind[because_of(execution, observed)] == TIMER
    restarted = max(event for event in range(len(execution)) if execution.kind[event] == START)
    assert execution.kind[because_of(execution, restarted)] == FAULT
    assert sum("more" in line for line in chain_text(execution, last, 3)) == 1
    assert len(list(chain_text(execution, last, 0))) == len(found)


def test_a_file_gives_what_the_run_gave(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    records = []
    run(ECHO, trace=records.append)
    file.write_text("".join(f"{trace_line(record)}\n" for record in records), encoding="utf-8")
    one, other = traced(ECHO), read_execution(file)
    for name in ("nodes", "node", "number", "time_ns", "kind", "message", "trigger", "target", "cause", "lanes"):
        assert getattr(one, name) == getattr(other, name), name
    for event in range(len(one)):
        assert one.text(event) == other.text(event) and one.id(event) == other.id(event)
        assert other.place(event) == f"{file}:{event + 1}"


def test_a_fault_around_a_leader_is_in_the_trace() -> None:
    scenario = make_scenario(find_source("raft-kv").entry, Settings(seed=7, duration_ns=ms(3000)))
    execution = traced(scenario)
    faults = [execution.name(event) for event in range(len(execution)) if execution.kind[event] == FAULT]
    assert faults == ["partition", "heal", "crash", "restart"]
    with pytest.raises(UsageError, match="did you mean 'AppendEntries'"):
        Wanted(types=("AppendEntrys",)).of(execution)
    wanted = Wanted(nodes=("0",), from_ns=ms(500), to_ns=ms(900), kinds=("fault",)).of(execution)
    assert [execution.name(event) for event in wanted] == ["partition", "heal"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("why", "raft-kv", "0"), "why: '0' is not an event: write NODE#NUMBER, such as 0#0"),
        (("why", "raft-kv", "9#1"), "why: unknown node '9': use 0, 1, 2, 3, 4, 5 or environment"),
        (("why", "ping-pong", "--nodes", "2"), "no observer saw a property violated there: name an EVENT"),
        (("trace", "raft-kv", "--from", "2s", "--to", "1s"), "--from: it is after --to"),
        (("trace", "raft-kv", "--format", "png"), "--out: png is no text: name a file"),
        (("trace", "raft-kv", "--from", "90s"), "no event is left to be shown"),
    ],
)
def test_bad_questions_get_one_line(arguments: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(main, [*arguments, "--duration", "20ms"])
    assert result.exit_code == 2 and told in result.stderr and result.stderr.count("\n") == 1


BROKEN = """
from simclock import Constant, Message, Network, Node, Observer, Scenario, ms


class Ping(Message):
    n: int


class Pinger(Node):
    def on_start(self):
        if self.id == 0:
            self.set_timer("go", ms(5))

    def on_timer(self, timer):
        self.send(1, Ping(7))

    def on_message(self, source, message):
        print("heard it")
        self.observe("heard", message.n)


class Silence(Observer):
    def on_observation(self, observation, control):
        control.violated("Silence", observation.node, f"it heard {observation.value}")


def broken():
    network = Network(latency=Constant(delay_ns=ms(2)))
    return Scenario(
        name="broken", nodes=2, build=lambda node: Pinger(), duration_ns=ms(20), network=network, observers=(Silence,)
    )
"""
CHAIN = (
    "1#2 at 7ms  observe heard 7",
    "1#1 at 7ms  deliver <- 0 Ping(n=7)",
    "0#2 at 5ms  send -> 1 Ping(n=7)",
    "0#1 at 5ms  timer go",
    "0#0 at 0s   start",
)


def test_a_violation_is_told_with_its_chain(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN, encoding="utf-8")
    why = CliRunner().invoke(main, ["why", f"{file}:broken"])
    assert why.exit_code == 0
    told = [line for line in why.stdout.splitlines() if line != "heard it"]
    assert told[0] == "Silence violated at 7ms, node 1: it heard 7"
    assert [line[8:] for line in told[1:]] == list(CHAIN)
    report = CliRunner().invoke(main, ["run", f"{file}:broken"])
    assert report.exit_code == 1
    lines = [line.strip() for line in report.stdout.splitlines()]
    at = next(place for place, line in enumerate(lines) if line.startswith("because"))
    assert [lines[at].removeprefix("because").strip(), *lines[at + 1 : at + 5]] == list(CHAIN)
    assert lines.count("heard it") == 1, "what the code prints is printed once"
