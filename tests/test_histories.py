"""Histories: pairing of events, what is refused and how, and reading back what was written."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock.errors import UsageError
from simclock.experiments.checkers.histories import (
    Event,
    HistoryError,
    Operation,
    events_of,
    events_of_lines,
    exact,
    lines_of,
    operations_of,
    read_history,
    write_history,
)


def event(process, kind, function="read", value=None, **others):
    return Event(process=process, type=kind, function=function, value=value, **others)


# Pairing


def test_what_cannot_be_hashed_is_named_by_process_and_place():
    words = r"process 3 write\(\[1\]\) -> \? \[7\.\.\]: argument cannot be hashed"
    with pytest.raises(HistoryError, match=words):
        operations_of([event(3, "invoke", "write", [1], index=7)])


def test_events_are_paired_in_the_order_of_their_invokes():
    events = [
        event(0, "invoke", "write", 1, key="x"),
        event(1, "invoke", "read", key="x"),
        event(1, "ok", "read", 1, key="x"),
        event(0, "ok", "write", 1, key="x"),
    ]
    assert operations_of(events) == (
        Operation(process=0, function="write", key="x", argument=1, result=1, call=0, finish=3),
        Operation(process=1, function="read", key="x", result=1, call=1, finish=2),
    )


def test_what_becomes_of_an_operation():
    events = [
        *(event(process, "invoke", "write", process) for process in range(4)),
        event(0, "ok", "write"),
        event(1, "fail", "write", "no room"),
        event(2, "info", "write", "timed out"),
    ]
    assert [(each.outcome, each.finish, each.result, each.is_open) for each in operations_of(events)] == [
        ("ok", 4, None, False),
        ("fail", 5, "no room", False),
        ("unknown", 6, "timed out", True),
        ("unknown", None, None, True),
    ]


def test_a_process_may_go_on_after_it_gave_up():
    events = [event(0, "invoke"), event(0, "info"), event(0, "invoke"), event(0, "ok")]
    assert [(each.call, each.finish) for each in operations_of(events)] == [(0, 1), (2, 3)]


def test_by_time_or_by_position():
    events = [event(0, "invoke", time=70), event(1, "invoke", time=70), event(1, "ok", time=70)]
    assert [(each.call, each.finish) for each in operations_of(events)] == [(0, None), (1, 2)]
    assert [(each.call, each.finish) for each in operations_of(events, "time")] == [(70, None), (70, 70)]


def test_a_return_need_not_repeat_the_key():
    (operation,) = operations_of([event(0, "invoke", key="x"), event(0, "ok", value=3)])
    assert (operation.key, operation.result) == ("x", 3)


REFUSED = {
    "a return without an invoke": (
        [event(0, "invoke"), event(3, "ok")],
        "event 1: process 3 returns ok of read but has nothing open; put its invoke before it, or remove it",
    ),
    "two returns": (
        [event(0, "invoke"), event(0, "ok"), event(0, "ok")],
        "event 2: process 0 returns ok of read but has nothing open; put its invoke before it, or remove it",
    ),
    "two invokes": (
        [event(0, "invoke", "write"), event(0, "invoke", "read")],
        "event 1: process 0 invokes read while its write of event 0 is open; "
        "end that one with ok, fail or info first, or use another process",
    ),
    "an unknown type": (
        [event(0, "invoke"), event(0, "done")],
        "event 1: type 'done' is none of invoke, ok, fail, info",
    ),
    "the return of another function": (
        [event(0, "invoke", "write"), event(0, "ok", "read")],
        "event 1: process 0 returns ok of read but event 0 invoked write; use one name",
    ),
    "the return of another key": (
        [event(0, "invoke", key="x"), event(0, "fail", key="y")],
        "event 1: process 0 returns fail of read on key 'y' but event 0 has key 'x'; use one key",
    ),
    "an event's own number is named": (
        [event(0, "ok", index=41)],
        "event 41: process 0 returns ok of read but has nothing open; put its invoke before it, or remove it",
    ),
}


@pytest.mark.parametrize(("events", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(events, message):
    with pytest.raises(HistoryError) as error:
        operations_of(events)
    assert str(error.value) == message


def test_refused_by_time():
    with pytest.raises(HistoryError, match="event 1: no time; give every event one, or order by position"):
        operations_of([event(0, "invoke", time=1), event(0, "ok")], "time")
    with pytest.raises(HistoryError, match="event 1: time 1 is before its invoke at 2; order by position"):
        operations_of([event(0, "invoke", time=2), event(0, "ok", time=1)], "time")
    with pytest.raises(HistoryError, match="neither 'position' nor 'time'"):
        operations_of([], "clock")


def test_operations_that_are_none_are_refused():
    good = Operation(process=0, function="read", call=3, finish=4)
    for changes, message in (
        ({"outcome": "lost"}, "outcome 'lost' is none of ok, fail, unknown"),
        ({"finish": None}, "ok but no finish; give one, or make it unknown"),
        ({"finish": None, "outcome": "fail"}, "fail but no finish"),
        ({"finish": 2}, "finishes before its call; were the two swapped"),
        ({"result": [1]}, "result cannot be hashed; use tuples and frozensets"),
        ({"argument": ([1],)}, "argument cannot be hashed"),
        ({"key": {}}, "key cannot be hashed"),
    ):
        with pytest.raises(HistoryError, match=message):
            replace(good, **changes)
    assert issubclass(HistoryError, UsageError)


def test_an_operation_says_what_it_is():
    operation = Operation(process=3, function="cas", key="x", argument=(1, 2), result=True, call=5, finish=9)
    assert str(operation) == "process 3 'x': cas((1, 2)) -> True [5..9]"
    assert str(replace(operation, outcome="fail")) == "process 3 'x': cas((1, 2)) failed [5..9]"
    unknown = replace(operation, key=None, argument=None, outcome="unknown", finish=None)
    assert str(unknown) == "process 3 cas() -> ? [5..]"


# Reading and writing

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | st.text() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)


@st.composite
def histories(draw):
    operations = []
    for process in range(draw(st.integers(0, 4))):
        time = draw(st.integers(0, 20))
        for _ in range(draw(st.integers(0, 4))):
            call = time + draw(st.integers(0, 3))
            outcome = draw(st.sampled_from(["ok", "fail", "unknown"]))
            time = call + draw(st.integers(0, 3))
            never = outcome == "unknown" and draw(st.booleans())
            operations.append(
                Operation(
                    process=process,
                    function=draw(st.sampled_from(["read", "write", "cas"])),
                    key=draw(values),
                    argument=draw(values),
                    result=None if never else draw(values),
                    call=call,
                    finish=None if never else time,
                    outcome=outcome,
                )
            )
            if never:
                break  # the process waits for ever
    return draw(st.permutations(operations))


def types(value):
    """True == 1 == 1.0, but what is read back is to be of the same type."""
    if isinstance(value, tuple):
        return tuple(map(types, value))
    if isinstance(value, frozenset):
        return frozenset(map(types, value))
    return type(value)


def sortable(operations):
    return sorted(map(repr, operations))


@given(histories())
def test_operations_to_events_and_back(operations):
    assert sortable(operations_of(events_of(operations), "time")) == sortable(operations)


@given(histories())
def test_events_to_lines_and_back(operations):
    events = events_of(operations)
    again = events_of_lines(lines_of(events))
    assert again == events
    assert [types(each.value) for each in again] == [types(each.value) for each in events]
    assert [types(each.key) for each in again] == [types(each.key) for each in events]


@given(histories())
def test_events_come_in_the_order_of_time_and_of_each_process(operations):
    events = events_of(operations)
    assert [each.index for each in events] == list(range(len(events)))
    assert [each.time for each in events] == sorted(each.time for each in events)
    operations_of(events)  # every process's own order is kept


def test_a_file(tmp_path):
    operations = (
        Operation(process=1, function="write", key="x", argument=(1, "\u2028\n"), call=10, finish=20),
        Operation(process=2, function="read", key="x", call=15, outcome="unknown"),
        Operation(process=3, function="read", key=0, result=frozenset({b"\xff"}), call=15, finish=15),
    )
    write_history(tmp_path / "history.jsonl", operations)
    assert read_history(tmp_path / "history.jsonl") == operations
    assert (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()[:2] == [
        '{"index": 0, "time": 10, "process": 1, "type": "invoke", "f": "write", '
        '"key": "x", "value": [1, "\\u2028\\n"]}',
        '{"index": 1, "time": 15, "process": 2, "type": "invoke", "f": "read", "key": "x", "value": null}',
    ]


def test_what_is_simultaneous_is_invoked_first():
    operations = [
        Operation(process=process, function="read", call=call, finish=finish)
        for process, call, finish in ((0, 3, 5), (0, 5, 5), (0, 5, 9), (1, 5, 5), (2, 1, 5))
    ]
    assert [(each.time, each.process, each.type) for each in events_of(operations)] == [
        (1, 2, "invoke"),
        (3, 0, "invoke"),
        (5, 1, "invoke"),
        (5, 0, "ok"),
        (5, 1, "ok"),
        (5, 2, "ok"),
        (5, 0, "invoke"),
        (5, 0, "ok"),
        (5, 0, "invoke"),
        (9, 0, "ok"),
    ]


def test_a_process_with_two_open_operations_cannot_be_written():
    first = Operation(process=0, function="write", call=0, outcome="unknown")
    second = Operation(process=0, function="read", call=5, finish=6)
    with pytest.raises(HistoryError, match="called while the process has open: process 0 write"):
        events_of([second, first])
    assert len(events_of([second, replace(first, finish=4)])) == 4


def test_a_log_of_jepsen():
    lines = """
        {"index":0,"type":"invoke","process":0,"f":"cas","value":[1,2],"time":31}
        {"index":1,"type":"info","process":"nemesis","f":"kill","value":{"n1":"killed"}}

        {"index":2,"type":"fail","process":0,"f":"cas","value":[1,2],"error":"precondition","time":45}
    """
    events = events_of_lines(lines.split("\n"))
    assert operations_of(events, "time") == (
        Operation(process=0, function="cas", argument=(1, 2), result=(1, 2), call=31, finish=45, outcome="fail"),
    )


BAD_LINES = {
    "not JSON": ("{", "not JSON"),
    "not an object": ("[1]", "not a JSON object; write one event a line"),
    "no type": ('{"process":1,"f":"read"}', "key 'type' is missing; it must be of type str"),
    "a process that is no number": ('{"process":true,"type":"ok","f":"read"}', "key 'process' is True"),
    "a process with a name": ('{"process":"client","type":"ok","f":"read"}', "key 'process' is 'client'"),
    "no function": ('{"process":1,"type":"invoke"}', "key 'f' is missing; it must be of type str"),
    "an unknown type": ('{"process":1,"type":"done","f":"read"}', "type 'done' is none of invoke, ok, fail, info"),
    "a time that is no number": ('{"process":1,"type":"ok","f":"read","time":1.5}', "key 'time' is 1.5"),
    "an object": ('{"process":1,"type":"ok","f":"read","value":{"a":1}}', "write an object as a list of pairs"),
    "a set that is none": ('{"process":1,"type":"ok","f":"read","value":{"set":1}}', "cannot be read"),
    "bytes that are none": ('{"process":1,"type":"ok","f":"read","value":{"bytes":"0"}}', "cannot be read"),
    "more bytes that are none": ('{"process":1,"type":"ok","f":"read","value":{"bytes":"0 "}}', "cannot be read"),
    "not a number": ('{"process":1,"type":"ok","f":"read","value":NaN}', "cannot be read"),
    "too large a number": ('{"process":1,"type":"ok","f":"read","value":1e999}', "cannot be read"),
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines(line, message):
    with pytest.raises(HistoryError, match=message) as error:
        events_of_lines(["", line], source="run.jsonl")
    assert str(error.value).startswith("run.jsonl:2: ")
    assert "\n" not in str(error.value)


def test_the_file_is_named(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"process":1,"type":"ok","f":"read","time":0}\n', encoding="utf-8")
    with pytest.raises(HistoryError, match=r"bad\.jsonl: event 0: process 1 returns ok of read"):
        read_history(tmp_path / "bad.jsonl")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), (1, object())])
def test_values_that_cannot_be_written(value):
    with pytest.raises(HistoryError, match=r"event 0: .* cannot be written as JSON and read back"):
        list(lines_of([event(0, "invoke", value=value)]))


# Events without a process or a function, and the numbers of events


def nameless(kind, function="read", value=None, **others):
    return event(None, kind, function, value, **others)


def test_without_a_process_a_return_is_of_its_function():
    events = [
        nameless("invoke", "read"),
        nameless("invoke", "write", 425),
        nameless("ok", "write", 425),
        event(0, "invoke", "write", 1),
        nameless("ok", "read", frozenset({2})),
        event(0, "ok", "write", 1),
    ]
    read, write, named = operations_of(events)
    assert (read.function, read.result, read.call, read.finish) == ("read", frozenset({2}), 0, 4)
    assert (write.function, write.call, write.finish) == ("write", 1, 2)
    assert (named.process, named.call, named.finish) == (0, 3, 5)
    assert read.process != write.process and max(read.process, write.process) < 0


def test_of_several_without_a_process_the_value_decides():
    invokes = [nameless("invoke", "write", value) for value in (1, True, 1.0)]
    one, yes, real = operations_of([*invokes, nameless("ok", "write", True), nameless("info", "write", 1.0)])
    assert [each.outcome for each in (one, yes, real)] == ["unknown", "ok", "unknown"]
    assert (one.finish, yes.finish, real.finish) == (None, 3, 4)
    with pytest.raises(HistoryError, match="event 3: returns ok of write of no process, but several such are open"):
        operations_of([*invokes[:2], nameless("invoke", "write", 1), nameless("ok", "write", 1)])
    with pytest.raises(HistoryError, match="event 0: returns ok of read of no process, but nothing such is open"):
        operations_of([nameless("ok")])


def test_what_is_of_no_client_is_left_out():
    events = [nameless("info", "start"), event(0, "invoke"), nameless("info", None, "healed"), event(0, "ok")]
    assert [(each.call, each.finish) for each in operations_of(events)] == [(1, 3)]


def test_clients_without_a_name_are_not_those_of_others():
    events = [event(-1, "invoke"), nameless("invoke", "write", 1), event(-1, "ok"), nameless("ok", "write", 1)]
    one, other = operations_of(events)
    assert one.process == -1 != other.process


def test_a_return_need_not_repeat_the_function():
    (operation,) = operations_of([event(0, "invoke", "cas", 1), event(0, "ok", None, 3)])
    assert (operation.function, operation.result, operation.outcome) == ("cas", 3, "ok")
    with pytest.raises(HistoryError, match="event 0: invokes no function"):
        operations_of([event(0, "invoke", None)])


def test_numbers_are_those_of_the_file(tmp_path):
    """The nemesis is counted; an event's own number goes before its place, where all have one and they ascend."""
    nemesis = '{"process":"nemesis","type":"info","f":"start"}'
    lines = [
        '{"process":0,"type":"invoke","f":"read"%s}',
        nemesis,
        "",
        nemesis.replace('"nemesis"', "null"),
        '{"process":0,"type":"ok","value":1%s}',
        '{"process":0,"type":"ok","f":"read"%s}',
    ]
    file = tmp_path / "history.jsonl"
    for own, numbers in (((), (0, 3, 4)), ((488, 491, 493), (488, 491, 493)), ((9, 9, 1), (9, 9, 1))):
        texts = iter([f',"index":{number}' for number in own] or [""] * 3)
        rows = [line % next(texts) if "%s" in line else line.replace("}", ',"index":490}') for line in lines]
        rows = rows if own else lines_without(rows, ',"index":490')
        file.write_text("\n".join(rows[:-1]), encoding="utf-8")
        (operation,) = read_history(file, "position")
        expected = numbers if sorted(set(own)) == list(own) else (0, 2)
        assert (operation.call, operation.finish) == expected[:2]
        file.write_text("\n".join(rows), encoding="utf-8")
        with pytest.raises(HistoryError, match=f"event {numbers[2]}: process 0 returns ok of read but has nothing"):
            read_history(file, "position")


def lines_without(rows, text):
    return [row.replace(text, "") for row in rows]


# Exact values

TWINS = [(True, 1), (False, 0), (1, 1.0), (0, 0.0), (True, 1.0), (False, 0.0), ("1", 1), (b"1", "1"), ((), frozenset())]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_are_two_values_wherever_they_stand(one, other):
    for wrap in (
        lambda value: value,
        lambda value: (value, 2),
        lambda value: ((value,),),
        lambda value: frozenset({value}),
    ):
        for field in ("key", "argument", "result"):
            operations = [
                Operation(process=0, function="f", call=0, finish=1, **{field: wrap(value)}) for value in (one, other)
            ]
            assert operations[0] != operations[1] and len(set(operations)) == 2
            values = [getattr(each, field) for each in operations]
            assert len({*values}) == len({values[0]: 0, values[1]: 0}) == 2
            assert values[0] == wrap(one) and values[1] == wrap(other)
        events = [event(0, "invoke", value=wrap(value)) for value in (one, other)]
        assert events[0] != events[1]


def test_exact_values_are_otherwise_what_they_were():
    values = (True, False, 1.5, (True, (0.0,)), frozenset({False}))
    held = [exact(value) for value in values]
    assert list(map(repr, held)) == list(map(repr, values))
    assert [exact(each) for each in held] == held
    assert exact((1, "a", None)) == (1, "a", None)
    assert bool(exact(True)) and not exact(False) and pickle.loads(pickle.dumps(exact((True, 0.5)))) == (True, 0.5)
    assert exact(0.5) + 1 == 1.5 and 1 + exact(0.5) == 1.5 and exact(0.5) + exact(0.5) != 1
    assert exact(1.0) + 0 != 1 and type(exact(1.0) + 0) is type(exact(1.0))
    assert exact(float("nan")) != exact(float("nan"))
    nan = (float("nan"),)
    assert exact(nan) == nan


def test_what_a_failed_or_unknown_operation_heard_may_be_anything():
    for kind in ("fail", "info"):
        (heard,) = events_of_lines([f'{{"process":0,"type":"{kind}","f":"read","value":{{"error":[NaN]}}}}'])
        assert heard.value is None


def test_sets_in_files_hold_all_that_json_tells_apart():
    (read,) = events_of_lines(['{"process":0,"type":"invoke","f":"add","value":{"set":[1,true,1.0,[1],[true]]}}'])
    assert len(read.value) == 5
    (line,) = lines_of([read])
    assert events_of_lines([line]) == (read,)
    assert sorted(line.split("[", 1)[1]) == sorted("[1], [true], 1, 1.0, true]}}")
