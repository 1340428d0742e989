"""Lab db-19: this project's ZAB reproduces hashes that others have published (../shared/labs/LABS.md)."""

import hashlib
import secrets
import struct

import pytest
from click.testing import CliRunner

from simclock.actors import Placement, run
from simclock.experiments.command_line import main
from simclock.experiments.labs.db19 import db19, run_db19

ALONE = ((0, 1), (0, 2), (1, 0), (2, 0))
KNOWN = {
    "A": ((42, 3, 1000, 5), "16af5aa6dbd5ce09b259755f3339d6cf23966ce115b0e30d9c2990487783047d"),
    "B": ((7, 5, 2000, 20), "b60388e978a9b98792edb00c8d33217da8bff9945a89d2c0c18b5f69520b91cf"),
    "C": ((99, 3, 500, 0), "8aef7604639fe0f2b349b38d74e10b6da8ac252b626976563bba69c722426296"),
    "D": ((1, 1, 200, 5), "d4dbb92f91f9a0adf0c4c0b91fa46b2a5145907450897cd6473a02a6279604fd"),
}


@pytest.mark.parametrize(("arguments", "sha256"), KNOWN.values(), ids=KNOWN)
def test_the_known_hashes(arguments, sha256):
    assert hashlib.sha256(run_db19(*arguments)).hexdigest() == sha256


def test_the_command_prints_the_hash():
    arguments = ("--seed", "42", "--nodes", "3", "--rounds", "1000", "--proposals", "5")
    shown = CliRunner().invoke(main, ["lab", "db-19", *arguments])
    assert shown.output.strip() == KNOWN["A"][1]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("placement", [Placement(kind="ray"), Placement(kind="ray", hosts=2)], ids=str)
def test_the_same_bytes_on_ray(placement):
    arguments, sha256 = KNOWN["A"]
    assert hashlib.sha256(run_db19(*arguments, placement=placement)).hexdigest() == sha256


def test_the_same_bytes_on_several_hosts():
    arguments, sha256 = KNOWN["B"]
    assert hashlib.sha256(run_db19(*arguments, placement="windows")).hexdigest() == sha256


def test_the_highest_reachable_server_leads_epoch_1():
    """LABS.md; in E node 0 is alone, and looks for a leader to the end."""
    seed = secrets.randbits(64)
    final = run(db19(seed, 3, 1000, 3, ALONE)).final
    assert [final[node].role for node in range(3)] == [0, 1, 2], f"seed {seed}"
    assert [final[node].current_epoch for node in range(3)] == [0, 1, 1], f"seed {seed}"
    whole = run(db19(seed, 5, 500, 0)).final
    assert [whole[node].role for node in range(5)] == [1, 1, 1, 1, 2], f"seed {seed}"


def test_a_cut_link_between_two_followers_changes_nothing():
    seed = secrets.randbits(64)
    assert run_db19(seed, 5, 1500, 10, ((0, 1),)) == run_db19(seed, 5, 1500, 10), f"seed {seed}"


def test_the_form_of_the_dump():
    dump = run_db19(1, 1, 200, 1)
    head = struct.pack("<IB7I", 0, 2, 1, 1, 1, 1, 1, 1, 1)
    assert dump == b"DSEZAB01" + struct.pack("<I", 1) + head + struct.pack("<III", 1, 1, 5) + b"zab-0"
