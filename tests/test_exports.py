"""Executions in other tools' forms: what each form's own rules demand, whatever nodes and events are called."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simclock import Constant, Cut, Heal, Message, Network, Node, Partition, Scenario, UsageError, ms
from simclock.actors import run
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.execution import DELIVER, NO_TIME, SEND, Execution, ExecutionBuilder
from simclock.experiments.causality.foreign.logs import read_logs
from simclock.experiments.causality.of_traces import TracedExecution, read_execution
from simclock.experiments.causality.relations import Relations, vector_clocks
from simclock.experiments.causality.why import chain_text
from simclock.experiments.command_line import main
from simclock.experiments.exports.formats import NAMES, PNG, excerpt_for, exported, write_export
from simclock.experiments.exports.mermaid import EDGES_MAX, TEXT_MAX
from simclock.experiments.exports.space_time import Band, Line, Mark, Text, space_time

TEXTS = tuple(name for name in NAMES if name != PNG)
AWKWARD = st.text(max_size=12) | st.sampled_from(
    [
        "end",
        "graph",
        "a;b",
        'say "x"',
        "#1",
        "put(x) [1]",
        "%%",
        "A --> B",
        "\n=== x ===",
        "</title>",
        "\\",
        "\ud800",
        "$$x$$",
    ]
)


def made_up(names: list[str], events: list[tuple[int, str]]) -> Execution:
    """Each event is sent to whoever comes next."""
    builder = ExecutionBuilder('an "origin" <&>', names)
    counts: dict[int, int] = {}
    previous = None
    for place, (which, text) in enumerate(events):
        node = builder.node(names[which % len(names)])
        counts[node] = counts.get(node, 0) + 1
        kind = SEND if previous is None else DELIVER
        event = builder.add(node, counts[node], kind, text, time_ns=place * 1000, detail={"type": text}, target=0)
        if previous is not None and builder.node_of(previous) != node:
            builder.arrived(previous, event)
            previous = None
        else:
            previous = event
    return builder.build()


def lines_of(form: str, execution: Execution, wanted: Wanted | None = None) -> list[str]:
    return list(exported(form, [excerpt_for(form, execution, wanted or Wanted())]))


class Ping(Message):
    n: int


class Chatter(Node):
    def on_start(self) -> None:
        self.set_timer(("go", 1), ms(1))

    def on_timer(self, timer: object) -> None:
        self.observe("said", self.id)
        self.broadcast(Ping(self.id))

    def on_message(self, source: int, message: Ping) -> None:
        if message.n < 3:
            self.send(source, Ping(message.n + 1))


@pytest.fixture(scope="module")
def chatter() -> Execution:
    """Three nodes, of which one is cut off for a while."""
    gathered = TracedExecution("chatter")
    scenario = Scenario(
        name="chatter",
        nodes=3,
        build=lambda node: Chatter(),
        duration_ns=ms(12),
        network=Network(latency=Constant(delay_ns=ms(1))),
        faults=(Partition(at_ns=ms(2), groups=((0,), (1, 2))), Heal(at_ns=ms(4)), Cut(at_ns=ms(4), source=1, target=2)),
    )
    run(scenario, trace=gathered.add)
    return gathered.build()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(AWKWARD, min_size=1, max_size=4, unique=True),
    events=st.lists(st.tuples(st.integers(0, 3), AWKWARD), min_size=1, max_size=8),
)
def test_awkward_names_break_no_form(tmp_path: Path, names: list[str], events: list[tuple[int, str]]) -> None:
    execution = made_up(names, events)
    for form in TEXTS:
        file = tmp_path / "out"
        write_export(file, form, [excerpt_for(form, execution, Wanted())])
        text = file.read_text(encoding="utf-8")
        if form == "svg":
            assert xml.fromstring(text).tag.endswith("svg")
        elif form in ("chrome", "otlp"):
            json.loads(text)
        elif form == "jsonl":
            assert len([json.loads(line) for line in text.split("\n")[:-1]]) == len(execution)
        elif form.startswith("mermaid"):
            assert text.split("\n")[0] in ("graph TD", "sequenceDiagram")
            for line in text.split("\n")[1:-1]:
                assert MERMAID[form].fullmatch(line), line
        elif form == "dot":
            assert QUOTED.sub("", text).count('"') == 0, "every string is closed"
        elif form == "shiviz":
            found = read_logs([file])
            assert len(found) == 1 and not found[0].problems and len(found[0].execution) == len(execution)


_LABEL = r"""(?:[A-Za-z0-9_]+(?:[ :]+[A-Za-z0-9_]+)*|"(?:[A-Za-z0-9 _.,:/()\[\]{}=+*!?'|@~^-]|\#\d+;)*")"""
_NODE = rf"[A-Za-z]\w*(?:\[{_LABEL}\])?"
_WORDS = r"(?:[A-Za-z0-9 _.,:/()\[\]{}=+*!?'|@~^-]|#\d+;)+"
MERMAID = {
    "mermaid-flowchart": re.compile(rf"    {_NODE}(?: --> {_NODE})?|    %% cut: .*", re.ASCII),
    "mermaid": re.compile(
        rf"    (?:participant n\d+ as {_WORDS}|n\d+(?:->>|-x)n\d+: {_WORDS}|Note over n\d+: {_WORDS}|%% cut: .*)",
        re.ASCII,
    ),
}
"""Lines that mermaid 11.17 takes: its parser was asked about texts of this form."""
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def test_what_mermaid_does_not_draw_is_cut_with_a_word() -> None:
    execution = made_up(["a", "b"], [(place % 2, "x" * 40) for place in range(3000)])
    for form in ("mermaid", "mermaid-flowchart"):
        lines = lines_of(form, execution)
        assert sum(len(line) + 1 for line in lines) <= TEXT_MAX
        assert sum("-->" in line for line in lines) <= EDGES_MAX
        assert "cut:" in lines[-1]
    many = made_up([f"node number {place} with a long name" for place in range(900)], [(p, "x") for p in range(900)])
    with pytest.raises(UsageError, match="choose some with --node"):
        lines_of("mermaid", many)


@pytest.mark.external
def test_labels_are_those_that_mermaid_was_seen_to_take(external_data: Path) -> None:
    facts = json.loads((external_data / "traces/mermaid_parse_facts.json").read_text(encoding="utf-8"))
    assert (facts["limits"]["maxTextSize"], facts["limits"]["maxEdges"]) == (TEXT_MAX, EDGES_MAX)
    execution = made_up(["A"], [(0, "put(x)"), (0, "a; b"), (0, "end")])
    text = "\n".join(lines_of("mermaid-flowchart", execution) + lines_of("mermaid", execution))
    assert 'A1["Node A: send -#62; A put(x)"]' in text
    assert "a#59; b" in text, "a semicolon ends a line"


def test_a_sequence_shows_messages_losses_and_faults(chatter: Execution) -> None:
    lines = [line.strip() for line in lines_of("mermaid", chatter)]
    assert "n1->>n2: Ping" in lines and "n0->>n1: Ping" not in lines
    assert any(re.fullmatch(r"n\d-xn\d: Ping \(cut\)", line) for line in lines)
    assert "Note over n3: fault partition" in lines and "participant n3 as environment" in lines


def test_shiviz_reads_back_the_same_order(chatter: Execution, tmp_path: Path) -> None:
    file = tmp_path / "two.log"
    excerpts = [excerpt_for("shiviz", chatter, Wanted(kinds=kinds)) for kinds in ((), ("send", "deliver"))]
    write_export(file, "shiviz", excerpts)
    found = read_logs([file])
    assert [len(each.execution) for each in found] == [len(excerpt) for excerpt in excerpts]
    for each, excerpt in zip(found, excerpts, strict=True):
        assert not each.problems
        clocks = [sorted(filter(None, clock)) for _, clock in excerpt.clocks()]
        assert [sorted(filter(None, clock)) for _, clock in vector_clocks(Relations(each.execution))] == clocks


def test_json_lines_read_back_as_the_same_graph(chatter: Execution, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    write_export(file, "jsonl", [excerpt_for("jsonl", chatter, Wanted())])
    (found,) = read_logs([file])
    assert found.execution.nodes == tuple(chatter.nodes) and not found.problems
    here, there = Relations(chatter), Relations(found.execution)
    order = list(Excerpt(chatter, Wanted().of(chatter)).events)
    for place in range(0, len(order), 7):
        for other in range(0, len(order), 5):
            assert here.before(order[place], order[other]) == there.before(place, other)


numbers = st.integers(-1, 3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "what": st.sampled_from(["send", "deliver", "drop", "timer", "start", "fault", "observe", "other"]),
                "time_ns": numbers | st.sampled_from([-(1 << 63), (1 << 63) - 1]),
                **dict.fromkeys(("node", "number", "source", "sequence", "target"), numbers),
                "detail": st.sampled_from([None, "x", ["name", 1], {"type": "T", "n": 1}, {"type": 3}, 7, [[]]]),
                "reason": st.sampled_from(["", "cut", "\ud800"]),
            }
        ),
        max_size=8,
    )
)
def test_any_trace_file_is_written_out_or_refused(tmp_path: Path, rows: list[dict]) -> None:
    file = tmp_path / "t.jsonl"
    made = ({**row, "version": 2, "arrives_ns": 1 if row["what"] == "send" else None} for row in rows)
    file.write_text("".join(f"{json.dumps(row)}\n" for row in made), encoding="utf-8")
    try:
        execution = read_execution(file)
        for form in TEXTS:
            for _ in lines_of(form, execution):
                pass
        for event in range(len(execution)):
            assert list(chain_text(execution, event))
    except UsageError as error:
        assert str(file) in str(error) and "\n" not in str(error)


def slices(rows: list[dict]) -> Iterator[list[dict]]:
    by_thread: dict[object, list[dict]] = {}
    for row in rows:
        if row["ph"] == "X":
            by_thread.setdefault((row["pid"], row["tid"]), []).append(row)
    yield from by_thread.values()


def test_perfetto_is_given_no_overlap_and_every_flow_has_its_ends(chatter: Execution) -> None:
    rows = json.loads("".join(lines_of("chrome", chatter)))["traceEvents"]
    assert all(row["pid"] for row in rows), "0 is the importer's own"
    for thread in slices(rows):
        nested: list[tuple[int, int]] = []
        for row in thread:
            start, end = round(row["ts"] * 1000), round((row["ts"] + row["dur"]) * 1000)
            while nested and nested[-1][1] <= start and nested[-1][0] < start:
                nested.pop()
            assert not nested or (nested[-1][0] <= start and end <= nested[-1][1]), "slices overlap"
            nested.append((start, end))
    out = [row["bind_id"] for row in rows if row.get("flow_out")]
    into = [row["bind_id"] for row in rows if row.get("flow_in")]
    delivered = [event for event in range(len(chatter)) if chatter.kind[event] == DELIVER]
    assert len(into) == len(delivered) and set(into) == set(out)
    said = next(row for row in rows if row["name"] == "observe said 0")
    assert said["ts"] == 1000.0, "microseconds"


def test_spans_have_ids_of_their_lengths_and_parents_that_are_there(chatter: Execution, tmp_path: Path) -> None:
    text = "\n".join(lines_of("otlp", chatter))
    spans = [span for each in json.loads(text)["resourceSpans"] for span in each["scopeSpans"][0]["spans"]]
    ids = {span["spanId"] for span in spans}
    assert len(ids) == len(spans)
    for span in spans:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert span.get("parentSpanId", span["spanId"]) in ids
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    by_id = {span["spanId"]: span for span in spans}
    delivered = [span for span in spans if span["kind"] == 5]
    assert delivered and all(by_id[span["parentSpanId"]]["kind"] == 4 for span in delivered)
    file = tmp_path / "o.json"
    file.write_text(text, encoding="utf-8")
    assert not read_logs([file])[0].problems


def test_a_picture_shows_lanes_arrows_losses_and_bands(chatter: Execution) -> None:
    shapes = space_time(excerpt_for("svg", chatter, Wanted())).shapes
    lanes = [each for each in shapes if isinstance(each, Line) and each.colour == "lane"]
    arrows = [each for each in shapes if isinstance(each, Line) and each.head]
    assert len(lanes) == 3, "the environment has no lane"
    assert len(arrows) == sum(chatter.kind[event] == DELIVER for event in range(len(chatter)))
    assert all(arrow.to_x >= arrow.x for arrow in arrows)
    assert [each for each in shapes if isinstance(each, Mark) and each.form == "cross"]
    (band,) = [each for each in shapes if isinstance(each, Band)]
    assert band.colour == "cut" and band.width > 50
    assert "partition" in [each.text.split("(")[0] for each in shapes if isinstance(each, Text)]


def test_a_crowd_is_ticks_and_few_lanes() -> None:
    crowd = made_up([str(place) for place in range(100)], [(place, "m") for place in range(4000)])
    picture = space_time(excerpt_for("svg", crowd, Wanted()))
    assert len(picture.shapes) < 5000
    told = [each.text for each in picture.shapes if isinstance(each, Text)]
    assert any("cut: 40 more nodes" in text for text in told)
    untimed = made_up(["a", "b"], [(0, "x"), (1, "y")])
    for place in range(len(untimed)):
        untimed.time_ns[place] = NO_TIME
    assert any(
        "Lamport" in each.text
        for each in space_time(excerpt_for("svg", untimed, Wanted())).shapes
        if isinstance(each, Text)
    )


def simclock(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(map(str, words)))
    return result.exit_code, result.stdout, result.stderr


def test_the_command_writes_what_was_asked_for(tmp_path: Path) -> None:
    run_of = ("trace", "raft-kv", "--seed", "7", "--duration", "400ms")
    status, out, _ = simclock(*run_of, "--node", "0,1", "--type", "RequestVote,leader")
    assert status == 0
    lines = out.splitlines()
    assert re.match(r"[01]#\d+ at \S+ +send -> \d RequestVote\(term=1, candidate_id=", lines[0])
    assert "observe leader 1" in out and not any(line.startswith("2#") for line in lines)
    png = tmp_path / "run.png"
    assert simclock(*run_of, "--format", "png", "--out", png)[0] == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    trace = tmp_path / "t.jsonl"
    assert simclock("run", *run_of[1:], "--trace", trace)[0] == 0
    assert simclock("trace", trace, "--to", "160ms")[1] == simclock(*run_of, "--to", "160ms")[1]
    status, out, _ = simclock("trace", trace, trace, "--format", "shiviz", "--kind", "observe")
    assert out.splitlines()[1] == "^=== (?<trace>.*) ===$" and out.count("=== ") == 3
    assert simclock("trace", trace, trace, "--format", "dot")[0] == 2
    assert simclock("trace", trace, "--seed", "3")[0] == 2


def test_a_scenario_without_a_picture_gets_its_space_time_diagram(tmp_path: Path) -> None:
    picture = tmp_path / "raft.svg"
    status, out, _ = simclock("run", "raft-kv", "--seed", "7", "--duration", "3s", "--plot", picture)
    assert status == 0 and re.fullmatch(r"\S+  node \d stands for election in term 1", out.splitlines()[0].strip())
    root = xml.fromstring(picture.read_text(encoding="utf-8"))
    assert root.tag.endswith("svg") and "partition" in "".join(root.itertext())
