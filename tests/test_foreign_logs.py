"""Logs of other systems as one graph: what each reader expects, what is impossible, and that nothing is a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions import Made, executions
from simclock import UsageError
from simclock.experiments.causality.excerpt import Excerpt, Wanted
from simclock.experiments.causality.foreign.logs import read_logs
from simclock.experiments.causality.relations import Relations
from simclock.experiments.command_line import main

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EXAMPLE = """\
{"node": "A", "event": "start", "vc": [1, 0, 0]}
{"node": "B", "event": "recv_from_A", "vc": [1, 1, 0]}
{"node": "C", "event": "independent_task", "vc": [0, 0, 1]}
"""


def causal(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["causal", *map(str, arguments)])


def written(folder: Path, text: str | bytes, name: str = "log.jsonl") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", errors="surrogatepass"))
    return file


def test_the_example_of_a_list_clock_gives_its_flowchart(tmp_path: Path) -> None:
    result = causal(written(tmp_path, EXAMPLE), "--format", "mermaid-flowchart")
    assert result.exit_code == 0
    assert result.stdout == (
        "graph TD\n    A1[Node A: start] --> B1[Node B: recv_from_A]\n    C1[Node C: independent_task]\n"
    )


def test_questions_are_answered_with_their_proof(tmp_path: Path) -> None:
    file = written(tmp_path, EXAMPLE)
    assert causal(file, "--before", "A#1", "B#1").stdout.splitlines()[0] == "A#1 happened before B#1"
    apart = causal(file, "--before", "A#1", "C#1")
    assert apart.exit_code == 1 and "A#1 and C#1 are concurrent: C#1 knows 0 of A's events" in apart.stdout
    both = causal(file, "--concurrent-with", "C#1").stdout.splitlines()[1:]
    assert both == ["  A#1 {A: 1} start", "  B#1 {A: 1, B: 1} recv_from_A"]
    assert causal(file, "--path", "A#1", "B#1").exit_code == 0
    assert causal(file, "--path", "B#1", "A#1").exit_code == 1
    assert causal(file, "--cut", "A#1,B#1").exit_code == 0
    cut = causal(file, "--cut", "B#1")
    assert cut.exit_code == 1 and "the smallest consistent cut that holds it: A#1,B#1" in cut.stdout


@pytest.mark.external
def test_the_logs_of_shiviz(external_data: Path) -> None:
    folder = external_data / "shiviz"
    for expected in json.loads((folder / "parsers.json").read_text(encoding="utf-8"))["logs"]:
        (found,) = read_logs([folder / expected["file"]], [expected["parser"]])
        execution = found.execution
        assert len(execution) == expected["expected_events"] and not found.problems
        assert len(execution.nodes) == expected["expected_hosts"]
    (own,) = read_logs([folder / "RpcClientServer.log"])
    assert sorted(own.execution.nodes) == ["client", "server"] and len(own.execution) == 10
    with_letters = folder / "reliable-broadcast.log"
    (found,) = read_logs([with_letters], [expected_parser(folder)])
    assert len(found.execution.nodes) == 4 and not found.problems
    assert len(read_logs([folder / "chord.log"])[0].execution) == 1235, "the usual expression needs no --regex"


def expected_parser(folder: Path) -> str:
    logs = json.loads((folder / "parsers.json").read_text(encoding="utf-8"))["logs"]
    return str(next(each["parser"] for each in logs if each["file"].startswith("simple")))


@FEW
@given(made=executions(), listed=st.booleans())
def test_a_graph_is_rebuilt_from_its_clocks(tmp_path: Path, made: Made, listed: bool) -> None:
    lines = []
    for (node, _), clock in zip(made.steps, made.clocks(), strict=True):
        vc = [clock.get(name, 0) for name in made.nodes] if listed else clock
        lines.append(json.dumps({"node": made.nodes[node], "event": "e", "vc": vc}))
    file = written(tmp_path, "\n".join(lines))
    (found,) = read_logs([file])
    assert not found.problems
    execution, pasts = found.execution, made.before()
    relations = Relations(execution)
    for other in range(len(made.steps)):
        assert set(relations.all_before(other)) == pasts[other]
        assert execution.place(other) == f"{file}:{other + 1}"
    assert len(execution.cause) <= sum(source is not None for _, source in made.steps), "no more edges than messages"


def test_logs_of_several_forms_are_one_execution(tmp_path: Path) -> None:
    one = written(tmp_path, '{"node": "web", "event": "asks", "vc": {"web": 1}}\n')
    other = written(tmp_path, 'db {"db": 1, "web": 1}\nanswers\n', "db.log")
    text = written(tmp_path, "disk 3.5 sync\n", "disk.log")
    result = causal(one, other, text, "--regex", r"^(?<host>disk) (?<time>\S+) (?<event>.*)$")
    assert result.exit_code == 2 and "no --regex matches it" in result.stderr
    both = (r"^(?<host>disk) (?<time>\S+) (?<event>.*)$", r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)")
    result = causal(one, other, text, "--regex", both[0], "--regex", both[1], "--before", "web#1", "db#1")
    assert result.exit_code == 0 and result.stdout.startswith("web#1 happened before db#1")


def test_messages_may_be_named_in_place_of_clocks(tmp_path: Path) -> None:
    text = "10:01 a SEND m1\n10:02 b RECV m1\n10:02 b done\n10:03 b RECV m9\n"
    file = written(tmp_path, text, "app.log")
    regex = r"^(?<date>\S+) (?<host>\S+) (?<event>(?:SEND (?<sent>\S+))|(?:RECV (?<received>\S+))|\S+)$"
    (found,) = read_logs([file], [regex])
    relations = Relations(found.execution)
    assert relations.before(0, 2) and relations.concurrent(0, 0) is False
    assert [str(each) for each in found.problems] == [
        f"{file}:4: an effect without its cause: nobody sent message 'm9'"
    ]


def test_executions_of_one_file_are_told_apart(tmp_path: Path) -> None:
    head = "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n^=== (?<trace>.*) ===$\n"
    file = written(tmp_path, head + '=== one ===\na {"a": 1}\nx\n=== two ===\na {"a": 1}\ny\nb {"b": 1}\nz\n', "s.log")
    found = read_logs([file])
    assert [(each.name, len(each.execution)) for each in found] == [("one", 1), ("two", 2)]
    assert found[1].execution.place(1) == f"{file}:9"
    assert causal(file, "--execution", "two").stdout.startswith(f"{file}, two: 2 events of 2 nodes")
    assert causal(file, "--before", "a#1", "a#1").exit_code == 2


def test_operations_of_a_jepsen_history_are_ordered_by_real_time(tmp_path: Path) -> None:
    events = [(0, "invoke"), (1, "invoke"), (0, "ok"), (2, "invoke"), (1, "ok"), (2, "ok"), (0, "invoke")]
    lines = (
        json.dumps({"process": process, "type": sort, "f": "read", "value": None, "time": place})
        for place, (process, sort) in enumerate(events)
    )
    (found,) = read_logs([written(tmp_path, "\n".join(lines))])
    relations = Relations(found.execution)
    assert relations.before(2, 3), "0 returned before 2 invoked"
    assert relations.concurrent(1, 3) and relations.concurrent(4, 3), "1 and 2 overlap"
    assert relations.before(5, 6) and relations.before(4, 6)
    edn = "{:process 0, :type :invoke, :f :read, :value nil}\n{:process 0, :type :invoke, :f :read, :value nil}\n"
    file = written(tmp_path, edn, "h.edn")
    assert "has not returned since" in str(read_logs([file])[0].problems[0])


def span(identity: str, name: str, when: tuple[int, int], parent: str = "", kind: int = 1) -> dict[str, object]:
    times = {"startTimeUnixNano": str(when[0]), "endTimeUnixNano": str(when[1])}
    return {"traceId": "a" * 32, "spanId": identity, "parentSpanId": parent, "name": name, "kind": kind, **times}


def of_services(**spans: list[dict[str, object]]) -> str:
    """A document of OTLP."""
    resources = [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeSpans": [{"spans": each}],
        }
        for service, each in spans.items()
    ]
    return json.dumps({"resourceSpans": resources}, indent=1)


def test_spans_follow_their_parents_and_clients_hear_answers(tmp_path: Path) -> None:
    client, server = span("1", "call", (10, 50), kind=3), span("2", "serve", (20, 40), "1", kind=2)
    (found,) = read_logs([written(tmp_path, of_services(web=[client], db=[server]), "o.json")])
    execution = found.execution
    relations = Relations(execution)
    (begins, ends), (other_begins, other_ends) = (
        execution.lanes[execution.nodes.index(name)] for name in ("web", "db")
    )
    assert relations.before(begins, other_begins) and relations.before(other_ends, ends)
    early = [span("1", "call", (10, 50)), span("2", "inner", (5, 8), "1")]
    file = written(tmp_path, of_services(web=early), "bad.json")
    (problem,) = read_logs([file])[0].problems
    assert "an effect before its cause" in problem.text and problem.place.startswith(f"{file}:")


IMPOSSIBLE = {
    "a gap": (['a {"a": 1}', 'a {"a": 3}'], 2, "a gap: this is event 3 of a, and event 2 is not in the logs"),
    "no beginning": (['a {"a": 2}'], 1, "a gap: this is event 2 of a, and event 1 is not in the logs"),
    "twice": (['a {"a": 1}', 'a {"a": 1}'], 2, "the clock does not go on: event 1 of a is also at"),
    "goes back": (
        ['b {"b": 1}', 'a {"a": 1, "b": 1}', 'a {"a": 2}'],
        3,
        "a clock that goes back: it counted 1 events of b, and now counts 0",
    ),
    "no cause": (['a {"a": 1, "b": 4}'], 1, "an effect without its cause: it knows event 4 of b"),
    "before its cause": (
        ['a {"a": 1, "b": 1}', 'b {"b": 1, "a": 1}'],
        1,
        "an effect before its cause: it knows b#1",
    ),
    "forgets": (
        ['c {"c": 1}', 'b {"b": 1, "c": 1}', 'a {"a": 1, "b": 1}'],
        3,
        "a clock that forgets: it knows b#1",
    ),
}


@pytest.mark.parametrize(("lines", "at", "told"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_clocks_are_named_with_file_and_line(tmp_path: Path, lines: list[str], at: int, told: str) -> None:
    file = written(tmp_path, "".join(f"{line}\ntext\n" for line in lines), "x.log")
    result = causal(file)
    assert result.exit_code == 1
    assert f"impossible: {file}:{2 * at - 1}: {told}" in result.stdout


BAD = {
    "no node": ('{"event": "x", "vc": {"a": 1}, "host": null}\n', "no node"),
    "no event": ('{"node": "a", "vc": {"a": 1}}\n', "no event"),
    "no own": ('{"node": "a", "event": "x", "vc": {"b": 1}}\n', "does not count 'a''s own"),
    "a fraction": ('{"node": "a", "event": "x", "vc": {"a": 1.5}}\n', "Expected `int`"),
    "below zero": ('{"node": "a", "event": "x", "vc": {"a": -1}}\n', "-1 in a clock is no count"),
    "far too many": ('{"node": "a", "event": "x", "vc": {"a": 99999999999}}\n', "is no count of events"),
    "cut off": ('{"node": "a", "event": "x", "vc": {"a": 1}}\n{"node": "a"', "not JSON"),
    "mixed": ('{"node": "a", "event": "x", "vc": {"a": 1}}\n{"node": "a", "event": "y"}\n', "has no clock, unlike"),
    "nothing": ("", "it is of no form that is known"),
    "no text": (b"\xff\xfe\x00", "not UTF-8 text"),
    "a broken clock": ('a {"a": }\nx\nb {1}\ny\n', "is no vector clock"),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_bad_logs_get_one_line(tmp_path: Path, text: str | bytes, told: str) -> None:
    file = written(tmp_path, text, "x.log")
    result = causal(file)
    assert result.exit_code == 2 and result.stderr.startswith(f"simclock: {file}")
    assert told.replace("''", "'") in result.stderr.replace("''", "'") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("regex", "told"),
    [("(?<host>.", "is no regular expression"), ("(?<host>.*)", "does not name the groups")],
)
def test_a_bad_expression_gets_one_line(tmp_path: Path, regex: str, told: str) -> None:
    result = causal(written(tmp_path, "x y\n", "x.log"), "--regex", regex)
    assert result.exit_code == 2 and told in result.stderr and result.stderr.count("\n") == 1


PIECES = st.sampled_from(
    [
        *('{"node": "a", "event": "x", "vc": [1]}', '{"node": 1, "event": "x", "vc": {"1": 1}}', '{"node": "a"', "[]"),
        *('a {"a": 1}', "text", '{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1", "spanId": "2"}]}]}]}'),
        *('{"process": 0, "type": "invoke", "f": "read"}', "{:process 0, :type :ok, :f :read}", "[{:process 1}]"),
        *("INFO  jepsen.util - 0\t:invoke\t:read\tnil", '{"resourceSpans": 3}', '[{"process": []}]', "\ud800", "\x00"),
        *("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)", "^=== (?<trace>.*)$", "=== x", '{"time_ns": 1, "what": 2}'),
        *('{"node": "a", "event": "x", "time": "2026-01-01T00:00:00.5Z"}', '{"node": "a", "event": "y", "time": 1e99}'),
        *('{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "", "spanId": "", "links": [{}]}]}]}]}', "{}"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | st.text(max_size=20), max_size=6).map("\n".join) | st.binary(max_size=40))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path: Path, text: str | bytes) -> None:
    file = written(tmp_path, text, "fuzz")
    for regexes in ((), ("(?<host>\\w+) (?<event>.*)",)):
        try:
            for found in read_logs([file], regexes):
                if not found.problems:
                    Excerpt(found.execution, Wanted().of(found.execution))
        except UsageError as error:
            assert str(file) in str(error) and "\n" not in str(error)
