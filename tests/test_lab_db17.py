"""Lab db-17: this project's Raft reproduces hashes that others have published (../shared/labs/LABS.md)."""

import hashlib
import secrets
import struct

import pytest

from simclock import UsageError
from simclock.actors import Placement, run
from simclock.experiments.labs.db17 import db17, run_db17
from simclock.experiments.labs.splitmix import VARIANT, splitmix64

ALONE = ((0, 1), (0, 2), (1, 0), (2, 0))
KNOWN = {
    "A": ((42, 3, 1000, 5), "a2299ff06a2ed5ced5842d100bb7867b3ae50f6e7d7da93f835385565f1ed9e9"),
    "B": ((7, 5, 2000, 20), "b6dc06aee72e595f51bd5045ea7c92ffcbe7f6fda3198985f9ded1eca2671c4b"),
    "D": ((1, 1, 200, 5), "ce8b8e05d6ad0b4a243753a934b2f052c2363e97beca0c175586677d1a489408"),
    "E": ((42, 3, 1000, 3, ALONE), "b1689eb48b209187b7cd82a24b1a6a2d19b0be4b481ac1a5b4f1ac9e23a6ae05"),
}


@pytest.mark.parametrize(("arguments", "sha256"), KNOWN.values(), ids=KNOWN)
def test_the_known_hashes(arguments, sha256):
    assert hashlib.sha256(run_db17(*arguments)).hexdigest() == sha256


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_the_same_bytes_on_ray(placement):
    arguments, sha256 = KNOWN["E"]
    assert hashlib.sha256(run_db17(*arguments, placement)).hexdigest() == sha256


def test_splitmix64_is_the_labs_variant():
    """LABS.md: splitmix64(0) of labs db-17 and later."""
    assert splitmix64(0, VARIANT) == 0x8B57DAFCA0CEE644


def test_the_first_deadline_decides_who_stands_first():
    """LABS.md: reset(t) = t + 150 + splitmix64(seed ^ node ^ t) % 150, first reset(0); in D it is tick 288."""
    assert 150 + splitmix64(1 ^ 0 ^ 0, VARIANT) % 150 == 288
    before = run(db17(1, 1, 288, 0)).final[0]
    after = run(db17(1, 1, 289, 0)).final[0]
    assert (before.current_term, after.current_term) == (0, 1) and after.role == 2


def test_a_server_alone_ends_as_candidate():
    """LABS.md: in E node 0 ends as candidate of term 4."""
    held = run(db17(42, 3, 1000, 3, ALONE)).final[0]
    assert (held.role, held.current_term, held.voted_for) == (1, 4, 0)


def test_the_form_of_the_dump():
    dump = run_db17(42, 3, 1000, 5)
    assert dump.startswith(b"DSERAFT1" + struct.pack("<I", 3) + struct.pack("<I", 0))
    node = b"".join(struct.pack("<QI", 1, 5) + b"cmd-%d" % i for i in range(5))
    assert dump.count(node) == 3


def test_every_command_is_in_every_log_whatever_the_seed():
    seed = secrets.randbits(64)
    for held in list(run(db17(seed, 5, 3000, 20)).final.values())[:5]:
        assert [command for _, command in held.log] == [b"cmd-%d" % i for i in range(20)], f"seed {seed}"
        assert held.commit_index == 20, f"seed {seed}"


def test_proposals_wait_for_a_leader():
    """LABS.md (1), (2): they are enqueued in their tick and proposed while some are pending and a leader exists."""
    held = run(db17(42, 3, 1000, 50)).final[0]
    assert [command for _, command in held.log] == [b"cmd-%d" % i for i in range(50)]
    assert run(db17(42, 3, 100, 50)).final[0].log == ()


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ((-1, 3, 10, 0), "seed"),
        ((1 << 64, 3, 10, 0), "seed"),
        ((1, 0, 10, 0), "nodes"),
        ((1, 3, -1, 0), "rounds"),
        ((1, 3, 10, -1), "proposals"),
        ((1, 3, 10, 0, ((0, 3),)), "partition"),
    ],
)
def test_bad_arguments(arguments, place):
    with pytest.raises(UsageError, match=place):
        run_db17(*arguments)
