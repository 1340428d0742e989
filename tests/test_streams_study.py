"""The study of streams: its generators give what was published, and it finds streams that meet."""

from __future__ import annotations

import random

import pytest

from simclock import UsageError
from simclock.experiments.catalog import studies
from simclock.experiments.catalog.synthetic.streams_study import GENERATORS, ChaCha20, SplitMix64, meetings
from simclock.experiments.entries.studies import Row, StudySettings


def measured(**parameters: object) -> list[Row]:
    study = studies()["streams"]
    return list(study.rows(StudySettings(parameters={**study.parameters, **parameters})))


def test_splitmix64_gives_the_published_numbers() -> None:
    """The first five of seed 1234567, as in implementations of many languages."""
    generator = SplitMix64(1234567)
    assert [generator.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_chacha20_gives_the_block_of_rfc_8439() -> None:
    """Section 2.3.2: key 00 to 1f, block 1."""
    generator = ChaCha20(bytes(range(32)), bytes.fromhex("000000090000004a00000000"), block=1)
    published = (
        "e4e7f110 15593bd1 1fdd0f50 c47120a3 c7f4d1c7 0368c033 9aaa2204 4e6cd4c3 "
        "466482d2 09aa9f07 05d7c214 a2028bd9 d19c12b5 b94e16de e883d0cb 4e3c50a2"
    )
    assert [generator.getrandbits(32) for _ in range(16)] == [int(word, 16) for word in published.split()]


def test_the_twister_gives_its_authors_numbers() -> None:
    """mt19937ar.out, for the array 0x123, 0x234, 0x345, 0x456."""
    generator = random.Random(0x123 | 0x234 << 32 | 0x345 << 64 | 0x456 << 96)
    assert [generator.getrandbits(32) for _ in range(4)] == [1067595299, 955945823, 477289528, 4107218783]


def test_only_numbered_streams_meet() -> None:
    rows = {name: row for name, *row in measured(draws=100, streams=20, words=32)}
    assert list(rows) == list(GENERATORS)
    met = {name: row[4] for name, row in rows.items()}
    assert met.pop("splitmix64, numbered") == 19 * 28, "each but the first gives one window that is new"
    assert set(met.values()) == {0}
    assert rows["Mersenne Twister"][2] > 8 * rows["BLAKE2b, keyed"][2], "bytes"


def test_meetings_are_counted_wherever_in_a_stream() -> None:
    assert meetings(iter([SplitMix64(5), SplitMix64(5)]), 10) == 7
    late = SplitMix64(5)
    for _ in range(6):
        late.next()
    assert meetings(iter([SplitMix64(5), late]), 10) == 1, "the last four words of one are the first of the other"


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"streams": 1}, {"words": 3}, {"draws": "many"}])
def test_bad_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}: "):
        measured(**wrong)
