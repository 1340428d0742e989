"""`simclock check` on histories that were damaged a little: a verdict or one line of bad usage, never a traceback.

The damage is so gentle that at least half of the files reach a judge: what is refused while it is read tries little.
"""

import json
import random
from collections import Counter, deque

import pytest
from click.testing import CliRunner

from simclock.experiments.command_line import main

JUDGED = (0, 1, 3)
VALUES = [
    True,
    False,
    1,
    1.0,
    0,
    0.0,
    None,
    "",
    "x",
    [],
    [1],
    [1, 2],
    [[1]],
    ["x", None],
    -1,
    2**70,
    0.5,
    "nemesis",
    "é",
]
ANY_MODEL = ("register", "cas-register", "key-value", "counter", "queue", "set", "mutex")


# Valid histories: each operation takes effect at one instant.


def cell(luck, state, number):
    roll = luck.random()
    if roll < 0.5:
        return "read", None, state.get("value")
    if roll < 0.8 or state.get("plain"):
        state["value"] = number
        return "write", number, number
    old = state.get("value") if luck.random() < 0.7 else -1
    if state.get("value") != old:
        return "cas", [old, number], False
    state["value"] = number
    return "cas", [old, number], [old, number]


def register(luck, state, number):
    state["plain"] = True
    return cell(luck, state, number)


def key_value(luck, state, number):
    roll = luck.random()
    if roll < 0.5:
        return "get", None, state.get("value", "")
    if roll < 0.7:
        state["value"] = f"{number} "
        return "put", f"{number} ", f"{number} "
    state["value"] = state.get("value", "") + f"{number} "
    return "append", f"{number} ", f"{number} "


def counter(luck, state, number):
    if luck.random() < 0.4:
        return "read", None, state.get("value", 0)
    state["value"] = state.get("value", 0) + number
    return ("add", number, None) if luck.random() < 0.5 else ("add_and_get", number, state["value"])


def queue(luck, state, number):
    held = state.setdefault("value", deque())
    if luck.random() < 0.5:
        held.append(number)
        return "enqueue", number, number
    return "dequeue", None, held.popleft() if held else None


def set_of_values(luck, state, number):
    held = state.setdefault("value", {})
    roll = luck.random()
    if roll < 0.5:
        held[number] = None
        return "add", number, number
    if roll < 0.75:
        return "contains", number - 2, number - 2 in held
    return "read", None, list(held)


def mutex(luck, state, number):
    if state.get("held"):
        state["held"] = False
        return "release", 7, None
    state["held"] = True
    return "acquire", 7, None


OBJECTS = {
    "register": register,
    "cas-register": cell,
    "key-value": key_value,
    "counter": counter,
    "queue": queue,
    "set": set_of_values,
    "mutex": mutex,
}


def valid_events(luck, model):
    """The events of up to 12 operations of 3 processes on two keys, as dicts."""
    states = {"x": {}, "y": {}}
    running, events = {}, []
    started = 0
    while started < luck.randint(2, 12) or running:
        process = luck.randrange(3)
        if process in running:
            function, key, value = running.pop(process)
            kind = luck.choices(["ok", "info"], [9, 1])[0]
        elif started < 12:
            started += 1
            key = luck.choice("xy") if model == "key-value" else "x"
            function, value, answer = OBJECTS[model](luck, states[key], started)
            running[process] = function, key, answer
            kind = "invoke"
        else:
            continue
        event = {"process": process, "type": kind, "f": function, "key": key, "value": value}
        events.append(event | {"time": 10 * len(events), "index": len(events)})
    if model == "cas-register":  # as Jepsen logs what a cas did not find
        events = [each | {"type": "fail", "value": None} if each["value"] is False else each for each in events]
    return events


# Gentle damage


def other_value(luck, events):
    luck.choice(events)["value"] = luck.choice(VALUES)


def other_answer(luck, events):
    answers = [each for each in events if each["type"] == "ok"] or events
    luck.choice(answers)["value"] = luck.choice([luck.choice(answers)["value"], luck.choice(VALUES)])


def other_outcome(luck, events):
    answers = [each for each in events if each["type"] != "invoke"] or events
    luck.choice(answers)["type"] = luck.choice(["ok", "info", "info", "fail"])


def other_type_of_one_value(luck, events):
    """1 as 1.0 or true, 0 as false, a list with one in it."""
    each = luck.choice(events)
    alike = {0: [0.0, False], 1: [1.0, True]}
    if isinstance(each["value"], int) and not isinstance(each["value"], bool):
        each["value"] = luck.choice(alike.get(each["value"], [float(each["value"]), [each["value"]]]))


def without_the_end(luck, events):
    del events[luck.randint(1, len(events)) :]


def without_a_return(luck, events):
    """Of a process that does nothing afterwards."""
    for place in range(len(events) - 1, -1, -1):
        if events[place]["type"] != "invoke":
            del events[place]
            return


def nemesis(luck, events):
    about = {"process": "nemesis", "type": "info", "f": "start", "key": None, "value": {"n1": ["n2"]}}
    events.insert(luck.randint(0, len(events)), about | {"time": 0, "index": None})


def without_a_field(luck, events):
    luck.choice(events).pop(luck.choice(["time", "index", "key", "index", "f", "process"]), None)


def more_fields(luck, events):
    luck.choice(events)["exception"] = {"via": [{"at": ["a.B", "<init>"]}], "nested": luck.choice(VALUES)}


def swapped(luck, events):
    place = luck.randrange(len(events))
    if place + 1 < len(events) and events[place]["process"] != events[place + 1]["process"]:
        events[place : place + 2] = events[place + 1], events[place]


def other_process(luck, events):
    luck.choice(events)["process"] = luck.choice([0, 1, 2, 99, -1, "nemesis", None])


def other_function(luck, events):
    luck.choice(events)["f"] = luck.choice(["read", "get", "write", "cas", "add", "txn", "\ud800\x1b[31m", 5])


GENTLE = [
    other_value,
    other_answer,
    other_answer,
    other_outcome,
    other_type_of_one_value,
    other_type_of_one_value,
    without_the_end,
    without_a_return,
    nemesis,
    nemesis,
    without_a_field,
    more_fields,
    swapped,
    other_process,
    other_function,
]


# Files


def edn(value):
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return "[" + " ".join(map(edn, value)) + "]"
        case dict():
            return "{" + ", ".join(f":{key} {edn(each)}" for key, each in value.items()) + "}"
    return repr(value)


def as_edn(events):
    words = [
        each | {name: Word(each[name]) for name in ("type", "f") if isinstance(each.get(name), str)} for each in events
    ]
    return "\n".join(
        "{" + ", ".join(f":{key} {edn_or_word(value)}" for key, value in each.items()) + "}" for each in words
    )


class Word(str):
    """A keyword of EDN."""


def edn_or_word(value):
    return f":{value}" if isinstance(value, Word) else edn(value)


def as_jepsen_log(events, luck):
    between = luck.choice(["\t", " ", "  "])
    rows = []
    for each in events:
        fields = [str(each.get("process")).replace("nemesis", ":nemesis"), f":{each['type']}", f":{each.get('f')}"]
        rows.append("INFO  jepsen.util - " + between.join([*fields, edn(each.get("value"))]))
    return "\n".join(rows) + "\n"


def written(luck, model, events):
    """A file's text, and the options that it is read with."""
    forms = ["lines", "array", "knossos"]
    forms += ["jepsen-log"] if model in ("register", "cas-register") else []
    forms += ["key-value-log"] if model == "key-value" else []
    form = luck.choice(forms)
    options = []
    if form in ("lines", "array", "knossos") and luck.random() < 0.3:
        options.append("--independent")
        for each in events:
            key = each.pop("key", None)
            if each.get("process") != "nemesis" and luck.random() < 0.98:
                each["value"] = [key, each.get("value")]
    elif form != "key-value-log" and model != "key-value":
        for each in events:
            each.pop("key", None)
    if form == "lines":
        return "".join(json.dumps(each) + "\n" for each in events), options
    if form == "array":
        return json.dumps(events, indent=luck.choice([None, 1])), options
    options += ["--history-format", form]
    if form == "jepsen-log":
        return as_jepsen_log(events, luck), options
    return as_edn(events) if luck.random() < 0.5 else f"[{as_edn(events)}]", options


def damaged_text(luck, text):
    """One character in it dropped, doubled or changed."""
    place = luck.randrange(max(1, len(text)))
    return (
        text[:place]
        + luck.choice(["", text[place : place + 1] * 2, luck.choice(' 17.[]{}":#\\x\x00')])
        + text[place + 1 :]
    )


def one_try(seed, file, runner):
    """Exit status of one damaged file."""
    luck = random.Random(seed)
    model = luck.choice(ANY_MODEL)
    events = valid_events(luck, model)
    for damage in luck.choices(GENTLE, k=luck.choice([0, 1, 1, 1, 2])):
        damage(luck, events)
        events = events or valid_events(luck, model)
    text, options = written(luck, model, events)
    if luck.random() < 0.05:
        text = damaged_text(luck, text)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    consistencies = ["linearizable", "linearizable", "sequential"]
    consistencies += ["session"] if model == "register" else []
    options += [
        "--model",
        model,
        "--consistency",
        luck.choice(consistencies),
        "--order-by",
        luck.choice(["time", "position"]),
    ]
    options += ["--step-limit", str(luck.choice([1, 100, 2000]))]
    if model == "key-value":
        options += ["--initial", '""']
    done = runner.invoke(main, ["check", str(file), *options])
    told = f"seed {seed}: {options}\n{text}\n{done.output}"
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{told}\n{done.exception!r}"
    assert done.exit_code in (*JUDGED, 2), told
    if done.exit_code == 2:
        assert len(done.output.strip().splitlines()) == 1, told
    return done.exit_code


@pytest.mark.parametrize(
    ("first", "tries"), [(0, 500), pytest.param(500, 10_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_a_damaged_history_is_judged_or_refused_in_one_line(tmp_path, first, tries):
    runner = CliRunner()
    statuses = Counter(one_try(seed, tmp_path / "history", runner) for seed in range(first, first + tries))
    judged = sum(statuses[status] for status in JUDGED)
    assert 2 * judged >= tries, statuses
    assert all(statuses[status] for status in (*JUDGED, 2)), statuses
