"""One encoding of equal values in every process, also of sets whose members `<` does not put in order."""

import enum
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode

from simclock import Network, Scenario, Uniform, ms, seconds
from simclock.actors import Message, Node
from simclock.actors.run import run
from simclock.clocks.vector import VectorClock
from simclock.kernel.encoding import SETTLED, UNSORTED, encode, encode_canonically

NAN = float("nan")
ATOMS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=3) | st.binary(max_size=3)
ATOMS |= st.floats()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Number(Message):
    n: int


class Bag(Message):
    numbers: frozenset[Number]


class Floats(Message):
    members: frozenset[float]


class Sets(Message):
    members: frozenset[frozenset[int]]


class Mixed(Message):
    members: frozenset[int | str | None]


class Pairs(Message):
    members: frozenset[tuple[int, float | None]]


class Colours(Message):
    members: frozenset[Colour]


class Clocks(Message):
    members: frozenset[VectorClock]


class Inside(Message):
    bags: tuple[Bag, ...]
    note: str = ""


class Plain(Message):
    numbers: frozenset[int]
    words: frozenset[str] | None
    pairs: frozenset[tuple[int, str]] = frozenset()
    letters: frozenset[Literal["a", "b"]] = frozenset()


AWKWARD = [
    Bag(frozenset(map(Number, (300, -1, 2, 70_000)))),
    Floats(frozenset([NAN, float("nan"), 1.0, 2.0, 0.5, -3.0])),
    Sets(frozenset(map(frozenset, [(1,), (2,), (300,), (), (1, 300), (2, 4)]))),
    Mixed(frozenset([300, "a", None, -1, "", 2])),
    Pairs(frozenset([(1, None), (1, 2.0), (1, NAN), (1, float("nan")), (0, 1.0)])),
    Colours(frozenset(Colour)),
    Clocks(frozenset([VectorClock(((0, 1),)), VectorClock(((1, 1),)), VectorClock(((0, 2),))])),
    Inside((Bag(frozenset(map(Number, range(-5, 5)))),), "x"),
]


@pytest.mark.parametrize("message", AWKWARD, ids=lambda message: type(message).__name__)
def test_a_set_without_an_order_gives_one_digest_on_every_placement(message: Message) -> None:
    """Law 1, and after a journey the members lie in the set in another order."""

    class Sends(Node):
        def on_start(self) -> None:
            if self.id == 0:
                self.send(1, message)
                self.observe("sent", message)
                self.set_timer(("with", frozenset([Number(1), Number(2), NAN])), ms(1))

        def on_message(self, source: int, got: Message) -> None:
            self.observe("got", (got, frozenset([frozenset([1]), frozenset([2])])))
            if self.id == 1:
                self.send(0, got)

    made = Scenario(
        name="sets",
        nodes=2,
        build=lambda node: Sends(),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), bytes_per_s=10_000),
    )
    here, there = run(made), run(made, "windows")
    assert here.node_digests == there.node_digests
    assert here.counters == there.counters and list(here.counters) == list(there.counters)
    assert here.counters["messages"] == 2


@pytest.mark.parametrize("message", AWKWARD, ids=lambda message: type(message).__name__)
def test_the_encoding_does_not_depend_on_the_order_in_memory(message: Message) -> None:
    encoded = encode_canonically(message)
    again = decode(encoded, type=type(message))
    assert encode_canonically(again) == encoded
    assert type(message) in UNSORTED and type(message) not in SETTLED


@given(st.frozensets(ATOMS | st.tuples(ATOMS, ATOMS) | st.frozensets(ATOMS, max_size=3), max_size=6), st.randoms())
def test_members_shuffled_are_the_same_set(members: frozenset[object], luck: object) -> None:
    shuffled = list(members)
    luck.shuffle(shuffled)  # type: ignore[attr-defined]
    other = [decode(encode(each)) if type(each) is float else each for each in shuffled]  # another NaN of the same bits
    assert encode_canonically(frozenset(other)) == encode_canonically(members)


def test_members_that_are_put_in_no_order_by_size_are_the_same_set_however_it_was_made() -> None:
    """`sorted` leaves two sets of which neither holds the other as it finds them: as the whole was made."""
    walked_otherwise = 0
    for one, other in combinations(map(frozenset, combinations(range(12), 2)), 2):
        here, there = frozenset([one, other]), frozenset([other, one])
        assert encode_canonically(here) == encode_canonically(there)
        walked_otherwise += list(here) != list(there)
    assert walked_otherwise, "else it asks nothing"


@pytest.mark.parametrize("call", ["set_timer", "observe"])
def test_nor_does_a_digest_show_how_a_set_in_a_timers_name_or_an_observation_was_made(call: str) -> None:
    pairs = combinations(map(frozenset, combinations(range(12), 2)), 2)
    made = ((frozenset([one, other]), frozenset([other, one])) for one, other in pairs)
    names = next(both for both in made if list(both[0]) != list(both[1]))

    class Names(Node):
        def __init__(self, name: object) -> None:
            self.name = name

        def on_start(self) -> None:
            if call == "set_timer":
                self.set_timer(self.name, ms(1))
            else:
                self.observe("name", self.name)

    settings = {"name": "names", "nodes": 1, "duration_ns": seconds(1)}
    here, there = (run(Scenario(build=lambda node, name=name: Names(name), **settings)) for name in names)
    assert here.digest == there.digest


def test_one_nan_in_two_members_is_as_good_as_two() -> None:
    """One object is equal to itself within a tuple, and what follows it decides; after a journey there are two."""
    here = frozenset([(1, NAN, -2), (1, NAN, 3)])
    there = frozenset([(1, float("nan"), -2), (1, float("nan"), 3)])
    assert encode_canonically(here) == encode_canonically(there)


class Loose(msgspec.Struct, frozen=True):
    members: frozenset[int | str]
    note: str


class Tagged(Loose, frozen=True, tag="tagged"):
    pass


class Row(Loose, frozen=True, array_like=True):
    pass


class TaggedRow(Loose, frozen=True, array_like=True, tag=7):
    pass


@pytest.mark.parametrize("kind", [Loose, Tagged, Row, TaggedRow])
def test_an_object_with_a_set_without_an_order_is_encoded_as_it_is_without(kind: type[Loose]) -> None:
    value = kind(frozenset([3, "a", -1]), "x")
    assert decode(encode_canonically(value), type=kind) == value
    bare = kind(frozenset([3]), "x")
    assert encode_canonically(bare) == encode(bare)
    assert encode_canonically(kind(frozenset(["a", -1, 3]), "x")) == encode_canonically(value)


@dataclass(frozen=True)
class Held:
    members: frozenset[int]


@given(
    st.frozensets(st.integers(-(2**63), 2**63 - 1))
    | st.frozensets(st.text())
    | st.frozensets(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
    | st.frozensets(st.tuples(st.integers(-9, 9), st.text(max_size=2)))
)
def test_what_was_in_order_stays_in_that_order(members: frozenset[object]) -> None:
    """Digests of before: where `<` orders all members, nothing changes."""
    for value in (members, (1, members), Held(members)):  # type: ignore[arg-type]
        assert encode_canonically(value) == encode(value)


def test_messages_with_ordered_sets_keep_the_short_way() -> None:
    assert Plain in SETTLED and Plain not in UNSORTED
    plain = Plain(frozenset([1, 300, -1]), frozenset(["b", "a"]), frozenset([(2, "b"), (2, "a")]), frozenset("ab"))
    assert encode_canonically(plain) == encode(plain)


def test_a_member_that_would_change_on_the_way_is_refused() -> None:
    """An int in a set of floats is another value, and another digest, once the wire has made a float of it."""
    with pytest.raises(Exception, match="would change on the way"):
        Floats(frozenset([1, 2.5]))
