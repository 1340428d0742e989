"""Luck comes from named streams, with exact arithmetic."""

from __future__ import annotations

from hashlib import sha256

import pytest

from simclock import LogNormal, Normal, UsageError, ms, stream
from simclock.environment.quantiles import EXPONENTIAL, NORMAL, QUANTILE_ONE


def test_a_stream_depends_on_its_name_alone() -> None:
    assert stream(7, "latency", 3).random() == stream(7, "latency", 3).random()
    names = [(7, "latency", 3), (8, "latency", 3), (7, "loss", 3), (7, "latency", 4)]
    assert len({stream(*name).random() for name in names}) == 4


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


PINNED_BITS = [54951, 32401, 24053, 41881]
PINNED_DRAWS = "33b010873def8454"
PINNED_LOG_NORMAL = "31c756c6c389e715"


@pytest.mark.parametrize("method", ["gauss", "expovariate", "lognormvariate", "betavariate"])
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
