"""Lab db-18: this project's Multi-Paxos reproduces hashes that others have published (../shared/labs/LABS.md)."""

import hashlib
import secrets
import struct
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simclock import UsageError
from simclock.actors import Placement, run
from simclock.experiments.command_line import main
from simclock.experiments.labs.db18 import db18, run_db18
from simclock.experiments.labs.ticks import TICK_NS

ALONE = ((0, 1), (0, 2), (1, 0), (2, 0))
KNOWN = {
    "A": ((42, 3, 1000, 5), "0a35fdad1dd97c76a40a61b020c6181a56c4a40d4f723cb68fe70c2112aa9b63"),
    "C": ((99, 3, 500, 0), "f28d025af748a790beded6167115c7094a7f939b45d439728e4d6b7e144c3be0"),
    "D": ((1, 1, 200, 5), "e5e0248c7c4fa20991b90afdac828eab91a7414497461dadc2e1553040693139"),
    "F": ((3, 5, 1500, 10, ((0, 1),)), "7d80176abad54e533b2f4174e84f58432a000255fbb2ecbbb1dd915cb6bb6ab5"),
}


@pytest.mark.parametrize(("arguments", "sha256"), KNOWN.values(), ids=KNOWN)
def test_the_known_hashes(arguments, sha256):
    assert hashlib.sha256(run_db18(*arguments)).hexdigest() == sha256


def test_the_command_prints_the_hash():
    arguments = ("--seed", "3", "--nodes", "5", "--rounds", "1500", "--proposals", "10", "--partition", "0,1")
    shown = CliRunner().invoke(main, ["lab", "db-18", *arguments])
    assert shown.output.strip() == KNOWN["F"][1]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_the_same_bytes_on_ray(placement):
    arguments, sha256 = KNOWN["A"]
    assert hashlib.sha256(run_db18(*arguments, placement=placement)).hexdigest() == sha256


def test_the_same_bytes_on_several_hosts():
    arguments, sha256 = KNOWN["F"]
    assert hashlib.sha256(run_db18(*arguments, placement="windows")).hexdigest() == sha256


def test_a_server_alone_stands_again_and_again():
    """LABS.md: round = max(mine, promised).round + 1, proposer = self, promise to self; a non-candidate's is (0, 0)."""
    final = run(db18(42, 3, 1000, 3, ALONE)).final
    assert (final[0].role, final[0].promised, final[0].mine) == (1, (4, 0), (4, 0))
    assert (final[1].role, final[1].promised, final[1].mine) == (2, (1, 1), (1, 1))
    assert (final[2].role, final[2].promised, final[2].mine) == (0, (1, 1), (0, 0))
    assert [value for _, value in final[2].decided] == [b"val-0", b"val-1", b"val-2"]


def test_every_value_is_decided_everywhere_whatever_the_seed():
    seed = secrets.randbits(64)
    for held in list(run(db18(seed, 5, 3000, 20)).final.values())[:5]:
        assert held.decided == tuple((i, b"val-%d" % i) for i in range(20)), f"seed {seed}"
        assert [(slot, value) for slot, _, value in held.accepted] == list(held.decided), f"seed {seed}"


def test_what_is_decided_is_told_at_once():
    """LABS.md: Decided is broadcast. There and back and there again is 9 ticks at most, a heartbeat may be 50 off."""
    scenario = db18(42, 3, 1000, 1)
    within = run(replace(scenario, duration_ns=(500 + 10) * TICK_NS)).final
    assert [len(within[node].decided) for node in range(3)] == [1, 1, 1]


def test_the_form_of_the_dump():
    dump = run_db18(1, 1, 578, 1)
    head = struct.pack("<3IB2I", 0, 1, 0, 2, 1, 0)
    accepted = struct.pack("<IQ3I", 1, 0, 1, 0, 5) + b"val-0"
    decided = struct.pack("<IQI", 1, 0, 5) + b"val-0"
    assert dump == b"DSEPAX01" + struct.pack("<I", 1) + head + accepted + decided


@pytest.mark.parametrize(
    ("arguments", "place"),
    [((-1, 3, 10, 0), "seed"), ((1, 0, 10, 0), "nodes"), ((1, 3, 10, 0, ((0, 3),)), "partition")],
)
def test_bad_arguments(arguments, place):
    with pytest.raises(UsageError, match=place):
        run_db18(*arguments)
