"""Streams by counters: what is drawn is what their definition says, and what `random.Random` makes of it."""

from __future__ import annotations

import copy
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import count, islice
from struct import pack, unpack
from typing import Any

import pytest

from simclock import UsageError
from simclock.counter_stream import CounterStream, counter_stream


def test_a_stream_depends_on_its_name_alone() -> None:
    names = [(1, "x", 0), (2, "x", 0), (1, "y", 0), (1, "x", 1)]
    assert len({counter_stream(*name).random() for name in names}) == 4
    assert counter_stream(1, "x", 0).random() == counter_stream(1, "x", 0).random()


NAMES = [(7, "latency", 3), (0, "nemesis", -1), (2**64 - 1, "a/b ü", 0)]
VECTORS = {
    (7, "latency", 3): [4177263088, 1112235741, 692266469, 2349238878],
    (0, "nemesis", -1): [3264583486, 586835753, 1041486066, 3705492671],
}
"""The first four words of a stream: the same on every machine and CPython. These may never change."""


def words_of(seed: int, purpose: str, node: int) -> Iterator[int]:
    """The words of a stream, from its definition alone."""
    key = blake2b(f"{seed}/{purpose}/{node}".encode(), digest_size=32).digest()
    for block in count():
        yield from unpack("<16I", blake2b(pack("<Q", block), key=key, digest_size=64).digest())


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: tuple[int, str, int]) -> None:
    luck = counter_stream(*name)
    assert [luck.getrandbits(32) for _ in range(4)] == VECTORS[name] == list(islice(words_of(*name), 4))


@pytest.mark.parametrize("name", NAMES)
def test_bits_are_taken_from_the_words_as_defined(name: tuple[int, str, int]) -> None:
    luck, words, sizes = counter_stream(*name), words_of(*name), random.Random(1)
    for _ in range(400):
        k = sizes.choice([0, 1, 30, 31, 32, 33, 53, 63, 64, 65, 96, 511, 512, 513, 1200])
        taken = list(islice(words, -(-k // 32)))
        number = sum(word << 32 * place for place, word in enumerate(taken))
        assert luck.getrandbits(k) == number >> 32 * len(taken) - k, k


def test_random_and_below_are_made_of_bits() -> None:
    luck, bits, sizes = counter_stream(1, "test"), counter_stream(1, "test"), random.Random(2)
    for _ in range(400):
        if sizes.random() < 0.5:
            assert luck.random() == bits.getrandbits(53) / 2**53
            continue
        n = sizes.choice([1, 2, 3, 8, 1000, 2**32 - 1, 2**32, 2**70])
        while (draw := bits.getrandbits(n.bit_length())) >= n:
            pass
        assert luck.below(n) == draw
    assert luck.getstate() == bits.getstate()


class Python(random.Random):
    """CPython's own methods on the words of a stream."""

    def __init__(self, luck: CounterStream) -> None:
        super().__init__(0)
        self.luck = luck

    def random(self) -> float:
        return self.luck.random()

    def getrandbits(self, k: int) -> int:
        return self.luck.getrandbits(k)


METHODS: list[Callable[[Any], Any]] = [
    lambda luck: luck.randrange(1),
    lambda luck: luck.randrange(1000),
    lambda luck: luck.randrange(-5, 2**40),
    lambda luck: luck.randrange(3, 50, 7),
    lambda luck: luck.randrange(50, 3, -7),
    lambda luck: luck.randrange(3, 5, 7),
    lambda luck: luck.randint(-3, 3),
    lambda luck: luck.choice("simclock"),
    lambda luck: luck.choices(range(100), k=7),
    lambda luck: luck.choices("abc", [1, 0, 2.5], k=7),
    lambda luck: luck.choices("abc", cum_weights=[1, 4, 4], k=7),
    lambda luck: luck.choices("abc", k=0),
    lambda luck: luck.sample(range(30), 30),
    lambda luck: luck.sample("simclock", 3),
    lambda luck: luck.sample("ab", 3, counts=[2, 5]),
    lambda luck: luck.sample([], 0),
    lambda luck: luck.uniform(-2.5, 7),
    lambda luck: luck.triangular(),
    lambda luck: luck.triangular(2, 9, 8.5),
    lambda luck: luck.triangular(4, 4, 4),
    lambda luck: luck.randbytes(0),
    lambda luck: luck.randbytes(13),
    lambda luck: (items := list(range(50)), luck.shuffle(items))[0],
]


def test_methods_are_those_of_random() -> None:
    luck = counter_stream(3, "methods")
    python = Python(counter_stream(3, "methods"))
    for _ in range(50):
        for method in METHODS:
            assert method(luck) == method(python)
    assert luck.getstate() == python.luck.getstate()


WRONG: list[Callable[[Any], Any]] = [
    lambda luck: luck.randrange(0),
    lambda luck: luck.randrange(5, 5),
    lambda luck: luck.randrange(5, 9, -1),
    lambda luck: luck.randrange(5, 9, 0),
    lambda luck: luck.randrange(5, step=2),
    lambda luck: luck.randrange(None),
    lambda luck: luck.randint(2, 1),
    lambda luck: luck.choice([]),
    lambda luck: luck.choices([], k=1),
    lambda luck: luck.choices("ab", [1]),
    lambda luck: luck.choices("ab", [0, 0]),
    lambda luck: luck.choices("ab", [1, float("inf")]),
    lambda luck: luck.choices("ab", [1, 2], cum_weights=[1, 3]),
    lambda luck: luck.sample({1, 2}, 1),
    lambda luck: luck.sample([1, 2], 3),
    lambda luck: luck.sample([1, 2], -1),
    lambda luck: luck.sample([1, 2], 1, counts=[1]),
    lambda luck: luck.sample([1, 2], 1, counts=[0, 0]),
    lambda luck: luck.getrandbits(-1),
    lambda luck: luck.getrandbits(2.0),
    lambda luck: luck.getrandbits("2"),
]


@pytest.mark.parametrize("method", WRONG)
def test_wrong_calls_are_refused_as_random_refuses_them(method: Callable[[Any], Any]) -> None:
    kinds = []
    for luck in (counter_stream(3, "methods"), random.Random(3)):
        with pytest.raises((ValueError, TypeError, IndexError)) as caught:
            method(luck)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_a_large_sample_space_is_not_written_out() -> None:
    drawn = counter_stream(3, "sample").sample(range(10**12), 1000)
    assert len(set(drawn)) == 1000


def test_a_stream_goes_back_and_can_be_carried_away() -> None:
    luck = counter_stream(4, "state")
    for drawn in range(40):
        state = luck.getstate()
        others = [copy.copy(luck), copy.deepcopy(luck), pickle.loads(pickle.dumps(luck)), CounterStream(0)]
        others[-1].setstate(state)
        ahead = [luck.getrandbits(70) for _ in range(9)]
        assert all([other.getrandbits(70) for _ in range(9)] == ahead for other in others), drawn
        luck.setstate(state)
        luck.random()


def test_a_stream_is_light_and_makes_no_block_before_it_is_drawn_from() -> None:
    luck = counter_stream(4, "light")
    assert not hasattr(luck, "__dict__")
    assert luck.getstate()[1] == 0
    luck.getrandbits(1)
    held = sum(sys.getsizeof(value) for value in (luck, *(getattr(luck, name) for name in CounterStream.__slots__)))
    assert held < 350, "a random.Random has 2.5 KB"


@pytest.mark.parametrize("wrong", [-1, 2**256, b"short"])
def test_a_key_of_another_size_is_refused(wrong: int | bytes) -> None:
    with pytest.raises(UsageError, match="must"):
        CounterStream(wrong)


def test_a_number_stands_for_the_bytes_of_a_key() -> None:
    assert CounterStream(7).getstate() == CounterStream(bytes(31) + b"\7").getstate()


def test_another_seed_is_refused() -> None:
    with pytest.raises(UsageError, match=r"counter_stream\(seed, purpose, node\)"):
        counter_stream(1, "x").seed(5)
