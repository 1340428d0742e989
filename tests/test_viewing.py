"""The page that shows a run: it carries the trace, nothing of a run is markup, and the same run is the same page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from simclock import Constant, Crash, Heal, Message, Network, Node, Partition, Restart, Scenario, TraceRecord, ms
from simclock.actors import run
from simclock.errors import UsageError
from simclock.experiments.checkers.linearizability import register
from simclock.experiments.command_line import main
from simclock.experiments.entries.lanes import Lanes, State
from simclock.experiments.stepping.server import STATIC as STEPPING
from simclock.experiments.traces.plain_values import plain, trace_line
from simclock.experiments.viewing.columns import EXACT_MAX, inflated, pack, unpack
from simclock.experiments.viewing.page import SCRIPTS, STATIC, data_of, page
from simclock.experiments.viewing.rows import KINDS
from simclock.experiments.viewing.seen import Collector, Window

NASTY = "</script><script>alert(1)</script><!-- & \u2028 @@DATA@@"


class Word(Message):
    text: str


class Echo(Node):
    """Node 0 speaks up every 2 ms; others answer, and tell what they heard."""

    def on_start(self) -> None:
        if self.id == 0:
            self.set_timer("speak", ms(2))

    def on_timer(self, name: object) -> None:
        for node in range(1, self.nodes):
            self.send(node, Word(NASTY))
        self.set_timer("speak", ms(2))

    def on_message(self, source: int, message: Message) -> None:
        self.observe("heard", (source, NASTY))
        if self.id:
            self.observe("leader", self.id)
            self.send(source, Word("yes"))


def scenario(seed: int = 1, duration_ms: int = 20, **more: Any) -> Scenario:
    return Scenario(
        name="echo",
        nodes=3,
        build=lambda node: Echo(),
        seed=seed,
        duration_ns=ms(duration_ms),
        network=Network(latency=Constant(delay_ns=ms(1)), loss=0.1, duplication=0.2),
        faults=(
            Partition(at_ns=ms(5), groups=((0,), (1, 2))),
            Heal(at_ns=ms(8)),
            Crash(at_ns=ms(10), node=1),
            Restart(at_ns=ms(12), node=1),
        ),
        **more,
    )


def traced(made: Scenario) -> list[TraceRecord]:
    records: list[TraceRecord] = []
    run(made, trace=records.append)
    return records


def collected(records: list[TraceRecord], **more: Any) -> Collector:
    collector = Collector(**more)
    for record in records:
        collector.take(record)
    return collector


def carried(text: str) -> tuple[dict[str, Any], dict[str, list[int]], list[str]]:
    """What a page says of its first run, the run's columns, and its texts: read as the page reads them."""
    data = dict(data_of(text))
    about = json.loads(data["about-runs"])
    form = about["runs"][0]
    raw, start, columns = inflated(data["columns-0"]), 0, {}
    forms = [*form["columns"], *(each for track in form["tracks"] for each in track["columns"])]
    for place, each in enumerate(forms):
        name, size, width = each["name"], each["count"], each["width"]
        packed = pack(()).__class__(raw[start : start + size * width], size, width, each["base"], each["rising"])
        columns[name if place < len(form["columns"]) else f"track {place}"] = unpack(packed)
        start += size * width
    assert start == len(raw), "nothing is left over"
    blocks = form["texts"]["blocks"]
    texts = [each for block in range(blocks) for each in inflated(data[f"texts-0-{block}"]).decode().split("\n")]
    return about, columns, texts


@given(st.lists(st.integers(-EXACT_MAX // 4, EXACT_MAX // 4)), st.booleans())
def test_a_column_is_read_as_it_was_written(values: list[int], rising: bool) -> None:
    packed = pack(values, rising=rising)
    assert unpack(packed) == values
    assert len(packed.planes) == packed.size * packed.width


def test_small_values_take_one_byte() -> None:
    assert pack([7, 8, 9] * 50).width == 1
    assert pack(range(10**9, 10**9 + 1000), rising=True).base == 1


def test_a_page_carries_the_trace() -> None:
    records = traced(scenario())
    about, columns, texts = carried(page("echo", [collected(records).seen("echo", None)]))
    form = about["runs"][0]
    assert form["count"] == len(records) > 100
    numbers = [0] * 4
    for row, record in enumerate(records):
        node = columns["node"][row]
        number = numbers[node] + columns["skipped"][row]
        numbers[node] = number + 1
        assert (columns["time"][row], node, number) == record[:3]
        assert KINDS[columns["what"][row]] == record.what
        detail = plain(record.detail)
        detail = detail[1] if record.what == "observe" else detail
        assert texts[columns["text"][row]] == (
            "" if detail is None else json.dumps(detail, separators=(",", ":"), ensure_ascii=False)
        )


def test_a_delivery_is_linked_with_its_send_also_of_a_copy() -> None:
    records = traced(scenario())
    _, columns, _ = carried(page("echo", [collected(records).seen("echo", None)]))
    copies = 0
    for row, record in enumerate(records):
        if record.what not in ("deliver", "drop"):
            continue
        send = records[row - columns["sent"][row]]
        assert (send.what, send.source, send.target) == ("send", record.source, record.target)
        assert send.detail == record.detail
        copies += send.sequence != record.sequence
    assert copies, "the network has doubled something"


def test_texts_of_a_run_are_neither_markup_nor_code() -> None:
    made = collected(traced(scenario())).seen(NASTY, None, report=[(NASTY, NASTY)], command=NASTY)
    text = page(NASTY, [made])
    assert "alert(1)" not in text.replace("&lt;script&gt;alert(1)", "").replace("\\u003cscript\\u003ealert(1)", "")
    assert text.count("</script>") == 2 + len(list(data_of(text))) - 1
    about, _, texts = carried(text)
    assert about["runs"][0]["report"] == [[NASTY, NASTY]]
    assert json.dumps({"type": "Word", "text": NASTY}, separators=(",", ":"), ensure_ascii=False) in texts


def test_the_same_run_is_the_same_page() -> None:
    one, other = (page("echo", [collected(traced(scenario())).seen("echo", None)]) for _ in range(2))
    assert one == other
    third = page("echo", [collected(traced(scenario(seed=2))).seen("echo", None)])
    assert third != one


def test_an_event_takes_few_bytes() -> None:
    records = traced(scenario(duration_ms=2000))
    empty = len(page("echo", [collected([]).seen("echo", None)]))
    assert len(page("echo", [collected(records).seen("echo", None)])) - empty < 14 * len(records)


def test_a_page_loads_nothing() -> None:
    text = page("echo", [collected(traced(scenario())).seen("echo", None)])
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")


def test_bands_last_from_fault_to_remedy() -> None:
    bands = collected(traced(scenario())).seen("echo", None).bands
    assert [(each.kind, each.from_ns, each.to_ns, each.nodes, each.groups) for each in bands] == [
        ("partition", ms(5), ms(8), (), ((0,), (1, 2))),
        ("down", ms(10), ms(12), (1,), ()),
    ]


def test_a_part_of_a_run_keeps_its_numbers_and_its_bands() -> None:
    records = traced(scenario())
    made = collected(records, window=Window(from_ns=ms(6), to_ns=ms(9))).seen("echo", None)
    about, columns, _ = carried(page("echo", [made]))
    inside = [record for record in records if ms(6) <= record.time_ns <= ms(9)]
    assert about["runs"][0]["count"] == len(inside)
    first = next(row for row, record in enumerate(inside) if record.node == 2)
    assert columns["skipped"][first] == inside[first].number > 0
    assert made.bands[0].from_ns == ms(5)


def test_nodes_are_coloured_as_a_topic_says_and_by_usual_names_without() -> None:
    records = traced(scenario())
    track = collected(records).seen("echo", None).tracks[0]
    assert (track.name, track.states) == ("role", ["", "leader"])
    assert set(track.numbers) == {1, 2, -1}, "the value of each node; -1 where it crashed and started"
    lanes = Lanes(name="ear", number="who", states={"heard": State(name="listener", number=0)})
    track = collected(records, lanes=lanes).seen("echo", None).tracks[0]
    assert (track.name, track.states) == ("ear", ["", "listener"])


def observation(time: int, number: int, name: str, *value: object) -> TraceRecord:
    return TraceRecord(time, 0, number, "observe", 0, number, 0, (name, value))


def test_the_operation_that_cannot_be_linearized_is_marked() -> None:
    told = [
        ("invoke", 0, "write", None, 1),
        ("ok", 0, "write", None, None),
        ("invoke", 1, "read", None, None),
        ("ok", 1, "read", None, 2),
    ]
    records = [observation(place, place, *each) for place, each in enumerate(told)]
    made = collected(records).seen("history", register())
    assert [(bar["function"], bar.get("stuck"), bar.get("order")) for bar in made.bars] == [
        ("write", None, 1),
        ("read", True, None),
    ]
    assert "cannot be followed by" in made.history


def test_observations_that_are_no_history_make_no_bars() -> None:
    records = [observation(0, 0, "ok", 1, "read", None, 2), observation(1, 1, "invoke", "x")]
    assert not collected(records).seen("history", register()).bars


def test_what_a_page_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="104 days"):
        collected([TraceRecord(EXACT_MAX + 1, 0, 0, "start", -1, 0, 0, None)])
    with pytest.raises(UsageError, match="a trace has send"):
        collected([TraceRecord(0, 0, 0, "sing", -1, 0, 0, None)])


def invoke(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(words))
    return done.exit_code, done.output


def test_the_command_writes_a_page_and_overwrites_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "run.html"
    words = ("view", "ping-pong", "--duration", "20ms", "--out", str(out))
    assert invoke(*words)[0] == 0
    first = out.read_bytes()
    assert invoke(*words)[0] == 0
    assert out.read_bytes() == first
    out.write_text("my thesis", encoding="utf-8")
    status, told = invoke(*words)
    assert (status, out.read_text(encoding="utf-8")) == (2, "my thesis")
    assert "is no such page" in told


def test_two_runs_part_where_diff_says(tmp_path: Path) -> None:
    out = tmp_path / "two.html"
    files = []
    for seed in (1, 2):
        file = tmp_path / f"{seed}.jsonl"
        file.write_text("".join(trace_line(record) + "\n" for record in traced(scenario(seed))), encoding="utf-8")
        files.append(str(file))
    assert invoke("view", *files, "--out", str(out))[0] == 0
    about = json.loads(dict(data_of(out.read_text(encoding="utf-8")))["about-runs"])
    place, again = about["parting"]["rows"]
    one, other = (traced(scenario(seed)) for seed in (1, 2))
    assert place == again
    assert one[:place] == other[:place]
    assert one[place] != other[place]
    assert about["parting"]["text"].startswith("the runs part at")


def test_a_row_of_the_zoo_shows_its_stale_read(tmp_path: Path) -> None:
    """Its parameter is a flag of the scenario, and its judge has found the history not linearizable."""
    out = tmp_path / "stale.html"
    assert invoke("view", "raft-hunt", "--seed", "1", "--bug", "JEP-01", "--out", str(out))[0] == 0
    form = json.loads(dict(data_of(out.read_text(encoding="utf-8")))["about-runs"])["runs"][0]
    (stuck,) = [bar for bar in form["bars"] if bar.get("stuck")]
    places = sorted(bar["order"] for bar in form["bars"] if "order" in bar)
    assert (stuck["function"], places) == ("get", list(range(1, len(places) + 1)))
    assert form["history"].startswith("ILLEGAL")
    assert form["tracks"][0]["states"][1:] == ["follower", "candidate", "leader"]


def test_a_script_stands_at_its_lamport_clocks(tmp_path: Path) -> None:
    script, out = tmp_path / "steps.txt", tmp_path / "steps.html"
    script.write_text("# by hand\n\nscenario raft-script\n\nfire 0 election\ncut 0 | 1 2\nmend\n", encoding="utf-8")
    assert invoke("view", str(script), "--out", str(out))[0] == 0
    about, columns, _ = carried(out.read_text(encoding="utf-8"))
    form = about["runs"][0]
    assert form["ticks"]
    assert [band["kind"] for band in form["bands"]] == ["partition"]
    assert form["bands"][0]["groups"] == [[0], [1, 2]]
    for node in range(3):
        times = [time for time, where in zip(columns["time"], columns["node"], strict=True) if where == node]
        assert times == sorted(set(times)), "every event of a node has a tick of its own"
    assert invoke("view", str(script), "--act", "2", "--out", str(out))[0] == 2


def test_states_are_those_before_an_event(tmp_path: Path) -> None:
    out = tmp_path / "states.html"
    assert invoke("view", "raft-kv", "--duration", "30ms", "--states", "--out", str(out))[0] == 0
    _, columns, texts = carried(out.read_text(encoding="utf-8"))
    states = [json.loads(texts[state]) for state in columns["state"] if state]
    assert states
    assert all(isinstance(value, str) for state in states for value in state.values())


def test_a_log_of_another_system_stands_at_its_lamport_clocks(tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "log.html"
    events = [("b", {"b": 1}), ("a", {"a": 1}), ("b", {"a": 1, "b": 2})]
    log.write_text(
        "".join(json.dumps({"node": node, "event": f"at {node}", "vc": clock}) + "\n" for node, clock in events),
        encoding="utf-8",
    )
    assert invoke("view", str(log), "--out", str(out))[0] == 0
    about, columns, _ = carried(out.read_text(encoding="utf-8"))
    names = about["runs"][0]["names"]
    assert [(names[node], time) for node, time in zip(columns["node"], columns["time"], strict=True)] in (
        [("b", 10**9), ("a", 10**9), ("b", 2 * 10**9)],
        [("a", 10**9), ("b", 10**9), ("b", 2 * 10**9)],
    )
    if columns["edges_to"]:
        assert (columns["edges_from"], columns["edges_to"]) == ([columns["node"].index(names.index("a"))], [2])
    else:
        assert columns["sent"][2] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("view", "ping-pong", "--from", "2s", "--to", "1s"), "--to: 1s is before --from 2s"),
        (("view", "ping-pong", "--out", "/no/such/folder/run.html"), "there is no folder"),
        (("view", "ping-pong@1", "ping-pong@2", "ping-pong@3"), "name one run, or two"),
        (("view", "ping-pong", "ping-pong", "--seed", "1"), "write them as SCENARIO@SEED"),
        (("view", "ping-pong", "--regex", "x"), "--regex: it says how a text log is read"),
        (("view", "no-such-thing"), "no-such-thing"),
    ],
)
def test_what_makes_no_page_is_told_in_one_line(words: tuple[str, ...], told: str) -> None:
    status, output = invoke(*words)
    assert (status, told in output, output.count("\n")) == (2, True, 1), output


def test_a_named_fault_that_the_environment_carries_out_is_in_the_trace() -> None:
    """It is decided when its instant is reached, which may be after the instant before has been written."""
    from dataclasses import replace

    made = replace(scenario(), faults=(Partition(at_ns=ms(5) + 1, groups=(("leader",),)), Heal(at_ns=ms(8))))
    told = [(record.time_ns, record.detail.kind) for record in traced(made) if record.what == "fault"]
    assert told == [(ms(5) + 1, "partition"), (ms(8), "heal")]


@pytest.mark.parametrize("folder", [STATIC, STEPPING], ids=["viewing", "stepping"])
def test_the_scripts_are_typed(folder: Path) -> None:
    """tsc checks the pages' JavaScript by its comments, where a TypeScript is installed."""
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("no tsc here: npm install --global typescript")
    done = subprocess.run([tsc, "--project", str(folder)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
    named = json.loads((folder / "tsconfig.json").read_text(encoding="utf-8"))["files"]
    assert {each.name for each in folder.glob("*.js")} == set(named)
    assert folder != STATIC or tuple(named) == SCRIPTS, "in the page's order"
