"""Lab db-23: this project's Raft and store reproduce a hash that others have published (../shared/labs/LABS.md)."""

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
from simclock.experiments.labs.db23 import db23, run_db23
from simclock.experiments.labs.splitmix import VARIANT, SplitMix64

KNOWN = "5976b45b9f40f440e8249da27fe4fe752e005f606efc3596bdb25ca4e4f99296"


def test_the_known_hash():
    dump = run_db23(42, 200, 16)
    assert (len(dump), hashlib.sha256(dump).hexdigest()) == (20523, KNOWN)


def test_the_command_prints_the_hash():
    shown = CliRunner().invoke(main, ["lab", "db-23", "--seed", "42", "--ops", "200", "--keys", "16"])
    assert shown.output.strip() == KNOWN


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_the_same_bytes_on_ray(placement):
    assert hashlib.sha256(run_db23(42, 200, 16, placement=placement)).hexdigest() == KNOWN


def test_the_same_bytes_on_several_hosts():
    scenario = db23(7, 100, 16, True)
    assert run(scenario, "windows").digest == run(scenario).digest
    assert hashlib.sha256(run_db23(42, 200, 16, placement="windows")).hexdigest() == KNOWN


def test_the_published_length():
    assert len(run_db23(7, 2000, 128, True)) == 202755


def by_the_rules(seed, operations, keys):
    """The lab's text, word for word, on one log and one map: what all three nodes have in the end."""
    luck, log, store = SplitMix64(seed, VARIANT), [], {}
    for index in range(1, operations + 1):
        r1, r2, r3 = luck.next(), luck.next(), luck.next()
        deletes, key, value = (r1 >> 62) & 3 == 3, r2 % keys, r3 % 1000
        log.append(struct.pack("<QQBqq", 1, index, int(deletes), key, 0 if deletes else value))
        if deletes:
            store.pop(key, None)
        else:
            store[key] = value
    tail = struct.pack("<I", len(store)) + b"".join(struct.pack("<qq", *each) for each in sorted(store.items()))
    heads = (b"DSEDIST2" + struct.pack("<BQQI", node, 1, operations, operations) for node in range(3))
    return b"".join(head + b"".join(log) + tail for head in heads)


@pytest.mark.parametrize("fault", [False, True])
@pytest.mark.parametrize("operations", [0, 1, 2, 300])
def test_the_dump_is_as_the_rules_say(operations, fault):
    seed = secrets.randbits(64)
    assert run_db23(seed, operations, 24, fault) == by_the_rules(seed, operations, 24), f"seed {seed}"


def test_a_follower_is_down_from_a_half_to_three_quarters():
    scenario = db23(7, 100, 16, True)

    def logs(operation):
        final = run(replace(scenario, duration_ns=called_ns(operation) + 4 * DELAY_NS)).final
        return {node: len(held.log) for node, held in final.items() if held is not None}

    assert logs(49) == {0: 50, 1: 50, 2: 50}
    assert logs(50) == {0: 51, 2: 51}
    assert logs(74) == {0: 75, 2: 75}
    assert logs(80) == {0: 81, 1: 81, 2: 81}


@pytest.mark.parametrize(("arguments", "place"), [((-1, 10, 10), "seed"), ((1, -1, 10), "ops"), ((1, 10, 0), "keys")])
def test_bad_arguments(arguments, place):
    with pytest.raises(UsageError, match=place):
        run_db23(*arguments)
