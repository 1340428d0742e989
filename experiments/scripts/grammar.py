"""One line of a script -> the command. docs/scripts.md has the grammar; what is wrong with a line is a UsageError."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from simclock.actors.steering.steps import Crash, Cut, CutLink, Mend, Pass, Restart
from simclock.durations import parse_duration
from simclock.errors import UsageError
from simclock.experiments.scripts.commands import (
    ALL,
    ANY,
    FIRST,
    LAST,
    ONE,
    AskNode,
    Begin,
    Command,
    Expectation,
    ExpectHolds,
    ExpectMessage,
    ExpectState,
    ExpectTimer,
    ExpectTold,
    ExpectUp,
    ExpectViolation,
    FireTimer,
    Messages,
    OnMessages,
    PutIn,
    Replace,
    Show,
    Stabilize,
    TearCrash,
    Tell,
)
from simclock.experiments.scripts.values import read_value
from simclock.experiments.scripts.words import words_of
from simclock.experiments.telling.spelling import unknown
from simclock.readable import say

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "has")
DELIVERIES_MAX = 100_000
NODE_DIGITS_MAX = 7
_LINK = re.compile(r"(\d+|\*)->(\d+|\*)")
_FIELD = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)=(.+)", re.DOTALL)
_CALL = re.compile(r"([A-Za-z]\w*)\((.*)\)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z]\w*")
_PATH = re.compile(r"[A-Za-z]\w*(?:\.\w+|\[[^\]]+\])*")


def read_command(line: str) -> Command:
    """The command that a line says. Raises UsageError, which names neither file nor line."""
    verb, *words = words_of(line)
    if verb not in COMMANDS:
        raise UsageError(unknown("command", verb, COMMANDS))
    form, read = COMMANDS[verb]
    try:
        return read(words)
    except _Misformed as problem:
        raise UsageError(f"{problem}: write `{form}`") from None


class _Misformed(Exception):
    """What is wrong; the form of the command is still to be said."""


# Parts of commands.


def _node(word: str) -> int:
    if not word.isdecimal() or len(word) > NODE_DIGITS_MAX:
        raise _Misformed(f"{say(word)} is no node: nodes are numbers")
    return int(word)


def _only(words: list[str], count: int) -> list[str]:
    """So many words, and no more."""
    if len(words) < count:
        raise _Misformed("something is missing")
    if len(words) > count:
        raise _Misformed(f"{say(words[count])} is too much")
    return words


def _some(words: list[str]) -> list[str]:
    if not words:
        raise _Misformed("something is missing")
    return words


def _messages(words: list[str]) -> Messages:
    words = list(_some(words))
    if words == [ALL]:
        return Messages(which=ALL)
    which = words.pop() if words[-1] in (ALL, FIRST, LAST) else ONE
    number: int | None = None
    source = target = kind = None
    fields = []
    for position, word in enumerate(words):
        link, field = _LINK.fullmatch(word), _FIELD.fullmatch(word)
        if word.startswith("#"):
            number = _number(word)
        elif link and position == 0:
            source, target = (None if each == "*" else _node(each) for each in link.groups())
        elif field:
            fields.append((field[1], field[2]))
        elif _NAME.fullmatch(word) and kind is None and position > 0:
            kind = word
        else:
            raise _Misformed(f"{say(word)} names no message")
    if number is None and not _LINK.fullmatch(words[0] if words else ""):
        raise _Misformed("which link?")
    return Messages(number, source, target, kind, tuple(fields), which)


def _number(word: str) -> int:
    digits = word.removeprefix("#")
    if not digits.isdecimal() or len(digits) > 18:
        raise _Misformed(f"{say(word)} is no number of a message")
    return int(digits)


def _on_messages(verb: str) -> Callable[[list[str]], Command]:
    return lambda words: OnMessages(verb, _messages(words))


# One function for each verb.


def _scenario(words: list[str]) -> Command:
    name, *settings = _some(words)
    for setting in settings:
        if not _FIELD.fullmatch(setting):
            raise _Misformed(f"{say(setting)} is no setting")
    return Begin(name, tuple(settings))


def _bug(words: list[str]) -> Command:
    return PutIn(*_only(words, 1))


def _replace(words: list[str]) -> Command:
    (text,) = _only(words, 1)
    if not _FIELD.fullmatch(text):
        raise _Misformed(f"{say(text)} is no replacement")
    return Replace(text)


def _fire(words: list[str]) -> Command:
    node, *timer = _some(words)
    return FireTimer(_node(node), " ".join(_some(timer)))


def _pass(words: list[str]) -> Command:
    try:
        return Pass(parse_duration(" ".join(_some(words)), "pass"))
    except UsageError as error:
        raise _Misformed(str(error).removeprefix("pass: ")) from None


def _crash(words: list[str]) -> Command:
    return Crash(_node(*_only(words, 1)))


def _torn(words: list[str]) -> Command:
    if _some(words)[0] != "crash":
        raise _Misformed("a crash may be torn, and nothing else")
    node, *rest = _some(words[1:])
    kept, torn = None, False
    if rest and rest[0] == "keeps":
        kept = _node(_some(rest[1:])[0])
        torn = rest[2:] == ["torn"]
        rest = rest[2:] if not torn else []
    _only(rest, 0)
    return TearCrash(_node(node), kept, torn)


def _restart(words: list[str]) -> Command:
    return Restart(_node(*_only(words, 1)))


def _groups(words: list[str]) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = [[]]
    for word in words:
        if word == "|":
            groups.append([])
        else:
            groups[-1].append(_node(word))
    nodes = [node for group in groups for node in group]
    if not all(groups):
        raise _Misformed("a group is empty")
    if len(set(nodes)) < len(nodes):
        raise _Misformed("a node stands in two groups")
    return tuple(map(tuple, groups))


def _cut(words: list[str]) -> Command:
    link = _LINK.fullmatch(_some(words)[0])
    if link:
        _only(words, 1)
        source, target = map(_node, link.groups())
        return CutLink(source, target)
    groups = _groups(words)
    if len(groups) < 2:
        raise _Misformed("from whom?")
    return Cut(groups)


def _mend(words: list[str]) -> Command:
    return Mend(_groups(words) if words else ())


def _ask(words: list[str]) -> Command:
    node, *asked = _some(words)
    call = _CALL.fullmatch(" ".join(_some(asked)))
    if call:
        return AskNode(_node(node), call[1], *_arguments(call[2]))
    method, *values = asked
    if not _NAME.fullmatch(method):
        raise _Misformed(f"{say(method)} names no method")
    named = [found for found in map(_FIELD.fullmatch, values) if found]
    plain = [value for value in values if not _FIELD.fullmatch(value)]
    return AskNode(
        _node(node),
        method,
        tuple(map(read_value, plain)),
        tuple((found[1], read_value(found[2])) for found in named),
    )


def _arguments(text: str) -> tuple[tuple[object, ...], tuple[tuple[str, object], ...]]:
    """Of a call as Python writes it."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        values = tuple(ast.literal_eval(each) for each in call.args)
        named = tuple((each.arg or "", ast.literal_eval(each.value)) for each in call.keywords)
    except (SyntaxError, ValueError, AssertionError, MemoryError, RecursionError):
        raise _Misformed(f"{say(f'({text})')} are no values") from None
    return values, named


def _stabilize(words: list[str]) -> Command:
    nodes, limit = [], Stabilize().deliveries_max
    for word in words:
        if word.startswith("max="):
            limit = _node(word.removeprefix("max="))
            if not 1 <= limit <= DELIVERIES_MAX:
                raise _Misformed(f"{word}: 1 to {DELIVERIES_MAX}")
        else:
            nodes.append(_node(word))
    return Stabilize(tuple(nodes), limit)


def _show(words: list[str]) -> Command:
    if words == ["messages"]:
        return Show(messages=True)
    return Show(tuple(map(_node, words)))


def _tell(words: list[str]) -> Command:
    (word,) = _only(words, 1)
    if word not in ("on", "off"):
        raise _Misformed(f"{say(word)} is neither on nor off")
    return Tell(word == "on")


# Expectations.


def _expect(words: list[str]) -> Expectation:
    match _some(words):
        case ["holds"]:
            return ExpectHolds()
        case ["quiet"]:
            return ExpectMessage(False, Messages(which=ALL))
        case ["violation", name] if name[0] in "'\"" and name[-1] == name[0]:
            return ExpectViolation(str(read_value(name)))
        case ["violation", *name] if name:
            return ExpectViolation(" ".join(name))
        case ["message", *which]:
            return ExpectMessage(True, _messages(which))
        case ["no", "message", *which]:
            return ExpectMessage(False, _messages(which))
        case [who, *what]:
            return _expect_of(_who(who), what)
    raise _Misformed("something is missing")


def _who(word: str) -> int | str:
    return word if word in (ALL, ANY, "none") else _node(word)


def _expect_of(who: int | str, words: list[str]) -> Expectation:
    match words:
        case ["up"]:
            return ExpectUp(who, True)
        case ["down"]:
            return ExpectUp(who, False)
        case ["timer", *name] if name:
            return ExpectTimer(who, True, " ".join(name))
        case ["no", "timer", *name] if name:
            return ExpectTimer(who, False, " ".join(name))
        case ["told", name, *value]:
            return ExpectTold(who, True, name, " ".join(value) or None)
        case ["not", "told", name, *value]:
            return ExpectTold(who, False, name, " ".join(value) or None)
        case [path, operator, *value] if _PATH.fullmatch(path) and operator in OPERATORS and value:
            return ExpectState(who, path, operator, " ".join(value))
    raise _Misformed("that is nothing to expect")


COMMANDS: dict[str, tuple[str, Callable[[list[str]], Command]]] = {
    "scenario": ("scenario NAME [parameter=value ...]", _scenario),
    "bug": ("bug ID", _bug),
    "replace": ("replace PART=path.py:Class", _replace),
    "deliver": (
        "deliver SOURCE->TARGET [Class] [field=value ...] [all|first|last], deliver #N or deliver all",
        _on_messages("deliver"),
    ),
    "drop": (
        "drop SOURCE->TARGET [Class] [field=value ...] [all|first|last], drop #N or drop all",
        _on_messages("drop"),
    ),
    "duplicate": ("duplicate SOURCE->TARGET [Class] [field=value ...] or duplicate #N", _on_messages("duplicate")),
    "fire": ("fire NODE TIMER", _fire),
    "pass": ("pass 300ms", _pass),
    "crash": ("crash NODE", _crash),
    "torn": ("torn crash NODE [keeps N [torn]]", _torn),
    "restart": ("restart NODE", _restart),
    "cut": ("cut 0 1 | 2 or cut 0->1", _cut),
    "mend": ("mend or mend 0 1 | 2", _mend),
    "ask": ("ask NODE METHOD [VALUE ...] or ask NODE METHOD(VALUE, ...)", _ask),
    "stabilize": ("stabilize [NODE ...] [max=N]", _stabilize),
    "show": ("show [NODE ...] or show messages", _show),
    "tell": ("tell on or tell off", _tell),
    "expect": (
        "expect NODE|all|any|none NAME OPERATOR VALUE, ... [not] told NAME [VALUE], ... up|down, ... [no] timer NAME; "
        "expect [no] message ...; expect quiet; expect violation NAME; expect holds",
        _expect,
    ),
}
"""Verb -> its form, and what reads the words after it."""
