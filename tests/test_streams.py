"""Luck comes from named streams: what is drawn is what their definition says, and what `random.Random` makes of it."""

from __future__ import annotations

import copy
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b, sha256
from itertools import count, islice
from struct import pack, unpack
from typing import Any

import pytest

from simclock import LogNormal, Normal, Stream, UsageError, ms, stream
from simclock.environment.quantiles import EXPONENTIAL, NORMAL, QUANTILE_ONE


def test_a_stream_depends_on_its_name_alone() -> None:
    assert stream(7, "latency", 3).random() == stream(7, "latency", 3).random()
    names = [(7, "latency", 3), (8, "latency", 3), (7, "loss", 3), (7, "latency", 4)]
    assert len({stream(*name).random() for name in names}) == 4


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
    luck = stream(*name)
    assert [luck.getrandbits(32) for _ in range(4)] == VECTORS[name] == list(islice(words_of(*name), 4))


@pytest.mark.parametrize("name", NAMES)
def test_bits_are_taken_from_the_words_as_defined(name: tuple[int, str, int]) -> None:
    luck, words, sizes = stream(*name), words_of(*name), random.Random(1)
    for _ in range(400):
        k = sizes.choice([0, 1, 30, 31, 32, 33, 53, 63, 64, 65, 96, 511, 512, 513, 1200])
        taken = list(islice(words, -(-k // 32)))
        number = sum(word << 32 * place for place, word in enumerate(taken))
        assert luck.getrandbits(k) == number >> 32 * len(taken) - k, k


def test_random_and_below_are_made_of_bits() -> None:
    luck, bits, sizes = stream(1, "test"), stream(1, "test"), random.Random(2)
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

    def __init__(self, luck: Stream) -> None:
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
    luck = stream(3, "methods")
    python = Python(stream(3, "methods"))
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
    for luck in (stream(3, "methods"), random.Random(3)):
        with pytest.raises((ValueError, TypeError, IndexError)) as caught:
            method(luck)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_a_large_sample_space_is_not_written_out() -> None:
    drawn = stream(3, "sample").sample(range(10**12), 1000)
    assert len(set(drawn)) == 1000


def test_a_stream_goes_back_and_can_be_carried_away() -> None:
    luck = stream(4, "state")
    for drawn in range(40):
        state = luck.getstate()
        others = [copy.copy(luck), copy.deepcopy(luck), pickle.loads(pickle.dumps(luck)), Stream(0)]
        others[-1].setstate(state)
        ahead = [luck.getrandbits(70) for _ in range(9)]
        assert all([other.getrandbits(70) for _ in range(9)] == ahead for other in others), drawn
        luck.setstate(state)
        luck.random()


def test_a_stream_is_light_and_makes_no_block_before_it_is_drawn_from() -> None:
    luck = stream(4, "light")
    assert not hasattr(luck, "__dict__")
    assert luck.getstate()[1] == 0
    luck.getrandbits(1)
    held = sum(sys.getsizeof(value) for value in (luck, *(getattr(luck, name) for name in Stream.__slots__)))
    assert held < 350, "a random.Random has 2.5 KB"


@pytest.mark.parametrize("wrong", [-1, 2**256, b"short"])
def test_a_key_of_another_size_is_refused(wrong: int | bytes) -> None:
    with pytest.raises(UsageError, match="must"):
        Stream(wrong)


def test_a_number_stands_for_the_bytes_of_a_key() -> None:
    assert Stream(7).getstate() == Stream(bytes(31) + b"\7").getstate()


def test_another_seed_is_refused() -> None:
    with pytest.raises(UsageError, match=r"stream\(seed, purpose, node\)"):
        stream(1, "x").seed(5)


def test_pinned_draws() -> None:
    """The same on every machine and CPython: these figures may never change."""
    luck = stream(1, "test", 0)
    assert [luck.getrandbits(16) for _ in range(4)] == PINNED_BITS
    luck = stream(1, "test", 1)
    draws = [luck.exponential_ns(ms(1)) for _ in range(500)] + [luck.normal_ns(0, ms(1)) for _ in range(500)]
    assert sha256(repr(draws).encode()).hexdigest()[:16] == PINNED_DRAWS
    table = LogNormal(median_ns=ms(4), sigma="0.6", floor_ns=ms(2))
    draws = [table.sample_ns(0, 1, 0, luck.getrandbits) for _ in range(500)]
    assert sha256(repr(draws).encode()).hexdigest()[:16] == PINNED_LOG_NORMAL


PINNED_BITS = [39762, 15397, 22003, 8574]
PINNED_DRAWS = "3d6759e75c6a3835"
PINNED_LOG_NORMAL = "da8711ac126c95d2"


@pytest.mark.parametrize(
    "method", [name for name in vars(random.Random) if name.endswith("variate") or name == "gauss"]
)
def test_what_goes_through_the_c_library_is_refused(method: str) -> None:
    with pytest.raises(UsageError, match="use "):
        getattr(stream(1, "x", 0), method)(1, 1)


def test_distributions_have_their_moments() -> None:
    luck = stream(5, "moments", 0)
    exponential = [EXPONENTIAL.sample(luck.getrandbits) / QUANTILE_ONE for _ in range(20_000)]
    normal = [NORMAL.sample(luck.getrandbits) / QUANTILE_ONE for _ in range(20_000)]
    assert abs(sum(exponential) / 20_000 - 1) < 0.03
    assert abs(sum(normal) / 20_000) < 0.03
    assert abs(sum(x * x for x in normal) / 20_000 - 1) < 0.04
    assert min(exponential) >= 0
    assert max(normal) > 3


def test_floors_hold() -> None:
    luck = stream(5, "floor", 0)
    for model in (
        LogNormal(median_ns=ms(2), sigma="1", floor_ns=ms(1)),
        Normal(mean_ns=ms(2), deviation_ns=ms(2), floor_ns=ms(1)),
    ):
        draws = [model.sample_ns(0, 1, 0, luck.getrandbits) for _ in range(2_000)]
        assert min(draws) == model.delay_ns_min(2) == ms(1)
        assert len(set(draws)) > 500
