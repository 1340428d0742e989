"""Lab db-20: this project's Raft and store reproduce a hash that others have published (../shared/labs/LABS.md)."""

import hashlib
import secrets
import struct
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import UsageError
from simclock.actors import Placement, run
from simclock.experiments.command_line import main
from simclock.experiments.labs.appointed import DELAY_NS, called_ns
from simclock.experiments.labs.db20 import PARTITION, db20, run_db20, state_of
from simclock.experiments.labs.splitmix import VARIANT, SplitMix64

KNOWN = "1febc1252f87f873c315526e9d9c78a622131d700dccca84a6e089244930252b"


def test_the_known_hash():
    dump = run_db20(42, 500, 32)
    assert (len(dump), hashlib.sha256(dump).hexdigest()) == (494, KNOWN)


def test_the_command_prints_the_hash():
    arguments = ("--seed", "42", "--ops", "500", "--keys", "32", "--scenario", "default")
    shown = CliRunner().invoke(main, ["lab", "db-20", *arguments])
    assert shown.output.strip() == KNOWN


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_the_same_bytes_on_ray(placement):
    assert hashlib.sha256(run_db20(42, 500, 32, placement=placement)).hexdigest() == KNOWN


def test_the_same_bytes_on_several_hosts():
    scenario = db20(7, 200, 16, PARTITION)
    assert run(scenario, "windows").digest == run(scenario).digest
    assert hashlib.sha256(run_db20(42, 500, 32, placement="windows")).hexdigest() == KNOWN


def test_the_published_length():
    assert len(run_db20(7, 2000, 128, PARTITION)) == 1887


def by_the_rules(seed, operations, keys):
    """The lab's text, word for word, on one map."""
    luck, store = SplitMix64(seed, VARIANT), {}
    for _ in range(operations):
        r1, r2, r3 = luck.next(), luck.next(), luck.next()
        key = b"k%d" % (r2 % keys)
        if (r1 >> 62) & 3 == 3:
            store.pop(key, None)
        else:
            store[key] = struct.pack("<Q", r3 % 10000)
    dump = b"DSEDKV20" + struct.pack("<QQI", operations, 1, len(store))
    return dump + b"".join(struct.pack("<I", len(k)) + k + struct.pack("<I", 8) + store[k] for k in sorted(store))


@pytest.mark.parametrize("trouble", ["default", "partition"])
@pytest.mark.parametrize("operations", [0, 1, 3, 300])
def test_every_replica_ends_as_the_rules_say(operations, trouble):
    """LABS.md: those cut off catch up."""
    seed = secrets.randbits(64)
    final = run(db20(seed, operations, 24, trouble)).final
    states = [state_of(final[node]) for node in range(5)]
    assert states == [by_the_rules(seed, operations, 24)] * 5, f"seed {seed}"


def test_two_replicas_are_cut_off_from_a_quarter_to_three_quarters():
    scenario = db20(7, 200, 16, PARTITION)

    def logs(operation):
        final = run(replace(scenario, duration_ns=called_ns(operation) + 4 * DELAY_NS)).final
        return [len(final[node].log) for node in range(5)]

    assert logs(49) == [50] * 5
    assert logs(50) == [51, 51, 51, 50, 50]
    assert logs(149) == [150, 150, 150, 50, 50]
    assert logs(160) == [161] * 5


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ((-1, 10, 10), "seed"),
        ((1, -1, 10), "ops"),
        ((1, 1 << 32, 10), "ops"),
        ((1, 10, 0), "keys"),
        ((1, 10, (1 << 63) + 1), "keys"),
        ((1, 10, 10, "none"), "scenario"),
    ],
)
def test_bad_arguments(arguments, place):
    with pytest.raises(UsageError, match=place):
        run_db20(*arguments)
