"""Topics as values: what there is follows from the list of topics, and a bug is data that is put in at one place."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from simclock import Message, Node, Scenario, UsageError
from simclock.experiments import catalog
from simclock.experiments.catalog import TOPICS, bugs, entries, entry_named, studies, topics
from simclock.experiments.entries.bug import Bug
from simclock.experiments.entries.entry import Entry, make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.studies import Study
from simclock.experiments.entries.topic import Topic
from simclock.experiments.entries.verdict import judge_invariants


class Right(Node):
    def on_message(self, source: int, message: Message) -> None:
        pass


class Wrong(Right):
    pass


@dataclass(frozen=True)
class Parts:
    node: type[Node] = Right
    other: type[Node] = Right


def make(settings: Settings, parts: Parts) -> Scenario:
    nodes = (parts.node, parts.other)
    parameters = {**settings.parameters, "hard": settings.parameters.get("hard", "drawn")}
    return Scenario(name="x", nodes=2, build=lambda node: nodes[node](), duration_ns=1, parameters=parameters)


def topic(*rows: Bug, name: str = "x", **more) -> Topic:
    parameters = {"bug": "", "mode": "", "hard": ""}
    entry = Entry(name=name, summary="", make=make, parts=Parts(), judge=judge_invariants, parameters=parameters)
    return Topic(name="topic", entries=(entry,), bugs=rows, **more)


def bug(**more) -> Bug:
    values = {"id": "X-1", "name": "x", "parts": {"other": Wrong}, "property": "P", "source": "s", "scenario": "x"}
    return Bug(**values | more)


def test_every_folder_of_the_catalog_is_a_topic_of_its_name():
    folders = {path.parent.name for path in Path(catalog.__path__[0]).glob("*/*.py")}
    assert set(TOPICS) == folders and [each.name for each in topics()] == list(TOPICS)


def test_a_scenario_is_found_by_the_list_of_topics_alone():
    assert {each.name: " ".join(entry.name for entry in each.entries) for each in topics()} == TOPICS
    assert all(entry_named(name) is entry for name, entry in entries().items())
    assert entry_named("raft") is None


def test_what_there_is_follows_from_the_topics(monkeypatch):
    study = Study(name="s", summary="", headers=("a",), rows=lambda settings: iter(()))
    mine = topic(bug(), studies=(study,))
    monkeypatch.setattr(catalog, "topics", lambda: (mine,))
    assert list(entries()) == ["x"] and list(bugs()) == ["X-1"] and studies() == {"s": study}


@pytest.mark.parametrize(
    ("two", "said"),
    [
        ((topic(), topic()), "two scenarios are called 'x'"),
        ((topic(bug()), topic(bug(scenario="y"), name="y")), "two bugs have the id 'X-1'"),
    ],
)
def test_a_name_is_given_once(monkeypatch, two, said):
    monkeypatch.setattr(catalog, "topics", lambda: two)
    with pytest.raises(UsageError, match=said):
        entries(), bugs()


def test_to_import_a_topic_brings_no_other_and_registers_nothing():
    program = (
        "import sys, simclock.experiments.catalog.throttle\n"
        "print([each for each in sys.modules if each.startswith('simclock.experiments.catalog.')"
        " and '.throttle' not in each])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_bug_takes_the_place_of_one_part_and_is_asked_for_what_it_needs():
    entry = topic(bug(parameters={"hard": "yes"})).entries[0]
    right, wrong = (make_scenario(entry, Settings(parameters=asked)) for asked in ({}, {"bug": "X-1"}))
    assert [type(right.build(node)) for node in (0, 1)] == [Right, Right] and right.parameters["hard"] == "drawn"
    assert [type(wrong.build(node)) for node in (0, 1)] == [Right, Wrong] and wrong.parameters["hard"] == "yes"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"bug": "X-2"}, "bug: unknown bug 'X-2': did you mean 'X-1'"),
        ({"bug": "X-1", "mode": "slow"}, "mode: X-1 is not in slow: use fast or faster"),
        ({"bug": "X-1", "hard": "no"}, "hard: X-1 is not in no: use yes"),
    ],
)
def test_what_a_bug_does_not_go_with_is_refused(parameters, said):
    entry = topic(bug(parameters={"hard": "yes"}, needs={"mode": ("fast", "faster")})).entries[0]
    with pytest.raises(UsageError, match=said):
        make_scenario(entry, Settings(parameters=parameters))
    assert make_scenario(entry, Settings(parameters={"bug": "X-1", "mode": "fast", "hard": "yes"}))


@pytest.mark.parametrize("row", [bug(parts={"nothing": Wrong}), bug(scenario="elsewhere")])
def test_a_bug_that_nothing_could_put_in_is_refused_when_the_topic_is_made(row):
    with pytest.raises(ValueError, match="topic: "):
        topic(row)


@pytest.mark.parametrize("name", [name for name, entry in entries().items() if entry.bugs])
def test_every_bug_of_an_entry_makes_a_scenario_with_its_class(name):
    entry = entries()[name]
    for row in entry.bugs.values():
        needs = {each: values[0] for each, values in row.needs.items()}
        assert make_scenario(entry, Settings(seed=1, parameters={"bug": row.id, **needs})).build(0)
        assert all(getattr(entry.parts, part) is not wrong for part, wrong in row.parts.items())
