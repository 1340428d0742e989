"""A scenario's own parameters: kinds, defaults, what is refused, and the options that are made of them."""

import pickle
from types import SimpleNamespace

import pytest

from simclock import UsageError, ms
from simclock.experiments.catalog import entries, studies
from simclock.experiments.commands.run import run
from simclock.experiments.entries.options import options_of, parameters_of_flags
from simclock.experiments.entries.parameters import (
    Choice,
    Duration,
    Flag,
    Number,
    Parameter,
    Parameters,
    Several,
    Text,
    Whole,
    WholeOrText,
    parameter_from_text,
    parameter_from_toml,
    parameter_text,
    parameter_to_toml,
    parameters_of,
)

BARE = {"count": 3, "share": 0.5, "young": True, "word": "a", "sizes": (1, 2), "pause_ns": ms(5), "any": None}
KINDS = {
    "count": Whole,
    "share": Number,
    "young": Flag,
    "word": Text,
    "sizes": Several,
    "pause_ns": Duration,
    "any": WholeOrText,
}


def thing(parameters):
    return SimpleNamespace(name="toy", parameters=parameters)


def test_a_bare_default_stands_for_the_kind_of_its_type():
    assert {name: type(kind) for name, kind in parameters_of(thing(BARE)).kinds.items()} == KINDS
    with pytest.raises(UsageError, match=r"parameter odd: .* cannot be a default"):
        Parameters(odd=object())


def test_a_table_is_the_defaults_to_code_and_keeps_its_kinds():
    table = Parameters({"fencing": Choice("on", ("on", "off"))}, clients=Whole(3, least=1), pause_ns=ms(5))
    assert {**table, "clients": 4} == {"fencing": "on", "clients": 4, "pause_ns": ms(5)}
    assert parameters_of(thing(table)) is table
    again = pickle.loads(pickle.dumps(table))  # entries travel to the workers of a sweep
    assert again == table and again.kinds == table.kinds


def test_a_kind_in_a_plain_table_is_taken_as_it_is():
    entry = thing({"clients": Whole(3, least=2), "keys": 16})
    assert parameters_of(entry) == {"clients": 3, "keys": 16}
    assert parameter_from_text(entry, "clients=2", "--set") == ("clients", 2)
    with pytest.raises(UsageError, match=r"^x\.toml: parameters\.clients: 1 is too small: 2 or more$"):
        parameter_from_toml(entry, "clients", 1, "x.toml: parameters")


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("n", Whole(3), -7),
        ("n", Number(0.5), 2.0),
        ("n", Flag(True), False),
        ("n", Text(""), "a b=c"),
        ("n", Text("1"), "0.990"),
        ("n", Choice("on", ("on", "off")), "off"),
        ("n", Choice("", ("on", "off")), ""),
        ("n_ns", Duration(ms(1)), ms(1500)),
        ("n", Duration("5s"), "1h30m"),
        ("n", Duration("5s"), "0"),
        ("n", WholeOrText(None), 4),
        ("n", WholeOrText(None), "four"),
        ("n", Several((), Whole(0)), (3, 1, 2)),
        ("n", Several((), Text("")), ("a", "b")),
    ],
)
def test_what_is_written_is_read_back(name, kind, value):
    assert kind.read(parameter_text(name, value), "n") == value
    in_toml = parameter_to_toml(name, list(value) if isinstance(value, tuple) else value)
    read = kind.check(in_toml, "n")
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Whole(3), "x", "n: 'x' is not a whole number, such as 3"),
        (Whole(3), True, "n: True is not a whole number, such as 3"),
        (Whole(3), 1 << 63, "n: 9223372036854775808 is out of range: whole numbers have 64 bits"),
        (Whole(3, least=1), 0, "n: 0 is too small: 1 or more"),
        (Number(0.5), float("nan"), "n: nan is not a number, such as 0.5"),
        (Flag(True), "yes", "n: 'yes' is not true or false, such as True"),
        (Text("a"), True, "n: True is not text, such as 'a'"),
        (Choice("on", ("on", "off")), "of", "n: unknown choice 'of': did you mean 'off'?"),
        (Choice("on", ("on", "off")), "", "n: unknown choice '': use on or off"),
        (Duration("5s"), "5", "n: cannot read '5' as a time: write it as \"5ms\""),
        (Duration("5s"), 5, 'n: 5 has no unit: write it as "5ms" or "5s"'),
        (Duration(ms(1)), "99999999h", "n: '99999999h' is more than ten years"),
        (WholeOrText(None), 1.5, "n: 1.5 is not a whole number or text"),
        (WholeOrText(None), -(1 << 63) - 1, "n: -9223372036854775809 is out of range"),
        (Several((1,), Whole(1)), 1, "n: 1 is not a list, such as (1,)"),
        (Several((1,), Whole(1)), [1, "b"], "n[1]: 'b' is not a whole number"),
    ],
)
def test_another_kind_is_refused_in_one_line(kind: Parameter, value, said):
    with pytest.raises(UsageError) as refused:
        kind.check(value, "n")
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)


def test_every_default_of_the_catalog_is_of_its_own_kind():
    for each in (*entries().values(), *studies().values()):
        for name, kind in parameters_of(each).kinds.items():
            default = list(kind.default) if isinstance(kind.default, tuple) else kind.default
            if default is not None:
                assert kind.check(parameter_to_toml(name, default), name) == kind.default, (each.name, name)


def test_no_flag_of_a_scenario_hides_behind_one_of_the_command():
    own = {flag for option in run.params for flag in option.opts}
    for entry in entries().values():
        assert own.isdisjoint(flag for option in options_of(entry) for flag in option.opts), entry.name


@pytest.mark.parametrize(
    ("flags", "given"),
    [
        (("--count", "4", "--word=x"), {"count": 4, "word": "x"}),
        (("--count", "4", "--count", "5"), {"count": 5}),
        (("--pause", "1ms"), {"pause_ns": ms(1)}),
        (("--pause_ns=1ms",), {"pause_ns": ms(1)}),
        (("--count", "-4"), {"count": -4}),
        (("--word", "--count"), {"word": "--count"}),
        (("--word", ""), {"word": ""}),
        (("--young", "false"), {"young": False}),
        (("--sizes", "3, 4"), {"sizes": (3, 4)}),
        ((), {}),
    ],
)
def test_flags_set_parameters(flags, given):
    assert parameters_of_flags(thing(BARE), flags) == given


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--word", "x", "--cout", "4"), "unknown option or parameter of toy '--cout': did you mean '--count'?"),
        (("--lost", "1"), "unknown option or parameter of toy '--lost': did you mean '--loss'?"),
        (("--pause",), "--pause: it has no value, such as --pause 5ms"),
        (("--pause", "5"), "--pause: cannot read '5' as a time"),
        (("--sizes", "3,x"), "--sizes[1]: 'x' is not a whole number"),
        (("--count", "1", "x"), "'x' belongs to no option"),
    ],
)
def test_flags_that_set_nothing_are_refused(flags, said):
    with pytest.raises(UsageError) as refused:
        parameters_of_flags(thing(BARE), flags, ["--loss"])
    assert str(refused.value).startswith(said)


def test_every_parameter_of_the_catalog_says_what_it_does() -> None:
    kinds = {
        f"{entry.name} {name}": kind
        for entry in entries().values()
        for name, kind in parameters_of(entry).kinds.items()
    }
    assert len(kinds) > 90
    assert [name for name, kind in kinds.items() if not kind.help] == []
