"""Who is in a Raft cluster: configurations as values, against etcd's tables and a naive count."""

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.protocols.raft.configuration import (
    Configuration,
    Move,
    address,
    enter_joint,
    leave_joint,
    member_of,
    simple,
)
from simclock.protocols.replication.quorum import is_quorum, majority, reached

# Quorum arithmetic.

MEMBERS = st.integers(0, 6)
CLUSTERS = st.tuples(st.frozensets(MEMBERS, max_size=5), st.frozensets(MEMBERS, max_size=5))


@given(CLUSTERS, st.dictionaries(MEMBERS, st.integers(0, 9)))
def test_what_is_reached_is_what_a_naive_count_says(clusters, values):
    """The greatest index that a majority of each cluster has: tried one after the other, from above."""
    naive = next(
        index
        for index in range(9, -1, -1)
        if all(sum(values.get(each, 0) >= index for each in one) >= majority(len(one)) for one in clusters if one)
    )
    if any(clusters):
        assert reached(clusters, values) == naive
    else:
        assert reached(clusters, values) > 1 << 60


@given(CLUSTERS, st.frozensets(MEMBERS))
def test_a_quorum_is_more_than_half_of_each_cluster(clusters, members):
    assert is_quorum(clusters, members) == all(not one or len(one & members) > len(one) // 2 for one in clusters)


def test_two_joint_quorums_meet_the_majorities_of_both_clusters():
    """Section 6: in C_old,new a decision meets any majority of C_old and any of C_new."""
    old, new = frozenset({0, 1, 2}), frozenset({2, 3, 4})
    joint = [
        frozenset(each) for size in range(6) for each in combinations(range(5), size) if is_quorum((old, new), each)
    ]
    for cluster in (old, new):
        for size in range(4):
            for each in combinations(sorted(cluster), size):
                if is_quorum((cluster,), each):
                    assert all(quorum & frozenset(each) for quorum in joint)


# etcd's tables.


def cases(text):
    """(command, its arguments, what is expected) of a data-driven file: comments left out."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in re.split(r"\n\n+", "\n".join(lines).strip()):
        asked, _, expected = block.partition("\n----\n")
        yield asked.split("\n"), expected.strip()


@pytest.mark.external
def test_joint_votes_as_etcd_counts_them(external_data):
    """A vote is lost where not even the answers that are missing could win it."""
    seen = 0
    for (asked, *_), expected in cases((external_data / "etcd-raft/quorum/joint_vote.txt").read_text("utf-8")):
        fields = dict(re.findall(r"(\w+)=(\S+)", asked))
        clusters = [
            [] if fields.get(name, "zero") == "zero" else [int(each) for each in fields[name].strip("()").split(",")]
            for name in ("cfg", "cfgj")
        ]
        members = sorted({*clusters[0], *clusters[1]})
        given_votes = [each for each in fields.get("votes", "()").strip("()").split(",") if each]
        votes = {member: vote == "y" for member, vote in zip(members, given_votes, strict=True) if vote != "_"}
        assert is_quorum(clusters, [each for each in votes if votes[each]]) == (expected == "VoteWon"), asked
        possible = [each for each in members if votes.get(each, True)]
        assert is_quorum(clusters, possible) == (expected != "VoteLost"), asked
        seen += 1
    assert seen > 20


MOVES = {"v": "voter", "l": "learner", "r": "out"}


def shown(configuration):
    text = f"voters=({' '.join(map(str, configuration.voters))})"
    if configuration.joint:
        text += f"&&({' '.join(map(str, configuration.outgoing))})"
    if configuration.learners:
        text += f" learners=({' '.join(map(str, configuration.learners))})"
    if configuration.learners_next:
        text += f" learners_next=({' '.join(map(str, configuration.learners_next))})"
    return text


@pytest.mark.external
@pytest.mark.parametrize("name", ["joint_learners_next", "joint_safety", "simple_safety", "update", "zero"])
def test_changes_as_etcd_makes_them(external_data, name):
    """Its progress lines are of a tracker of its own; "u" updates nothing here, and a node 0 is nobody there."""
    known = Configuration(())
    for asked, expected in cases((external_data / f"etcd-raft/confchange/{name}.txt").read_text("utf-8")):
        command, *words = " ".join(asked).split()
        moves = [Move(MOVES[each[0]], int(each[1:])) for each in words if each[0] != "u" and each[1:] != "0"]
        try:
            if command == "simple":
                known = simple(known, moves)
            elif command == "enter-joint":
                known = enter_joint(known, moves)
            else:
                known = leave_joint(known)
            said = shown(known)
        except UsageError as error:
            said = str(error)
        assert said == expected.split("\n")[0], asked


@given(st.frozensets(MEMBERS, min_size=1, max_size=5), st.lists(st.tuples(st.sampled_from(sorted(MOVES)), MEMBERS)))
def test_a_simple_change_leaves_a_quorum_in_common(voters, moves):
    """Dissertation 4.1: any majority of the old cluster overlaps with any majority of the new one."""
    old = Configuration(tuple(sorted(voters)))
    try:
        new = simple(old, [Move(MOVES[to], member) for to, member in moves])
    except UsageError:
        return
    for size in range(len(old.voters) + 1):
        for each in combinations(old.voters, size):
            rest = set(new.voters) - set(each)
            assert not (old.is_quorum(each) and new.is_quorum(rest)), (old, new, each)


def test_identities_are_told_apart_by_generation():
    """Law 4: a node that has lost its disk is another member, and each of them lives on that node."""
    assert [member_of(2, generation, 5) for generation in range(3)] == [2, 7, 12]
    assert {address(member, 5) for member in (2, 7, 12)} == {2}
