"""Raft against etcd's unit tables (etcd-io/raft, Apache-2.0, re-typed as data): what another implementation decides.

One row does not apply, and is skipped by name: where etcd panics because a committed entry would be overwritten. No
leader sends such a request (Leader Completeness), so Figure 2 has no rule for it.
"""

import json

import pytest

from simclock.actors.standalone import Standalone
from simclock.environment.disk import Disk
from simclock.protocols.raft import (
    AppendEntries,
    AppendEntriesReply,
    Configuration,
    Entry,
    Log,
    RaftServer,
    RaftSettings,
    RequestVote,
    RequestVoteReply,
    Role,
)

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def tables(external_data):
    return json.loads((external_data / "etcd-raft" / "unit_tables.json").read_text(encoding="utf-8"))


def table(tables, name):
    (found,) = [value for key, value in tables.items() if key.partition(" ")[0] == name]
    return found


def entries_of(pairs):
    return tuple(Entry(term, b"%d.%d" % (index, term)) for index, term in pairs)


class Machine:
    def apply(self, command):
        return b""


class Alone(Standalone):
    """A server without a run; nodes are numbered from 1, as etcd does."""

    def __init__(self, pairs=(), *, node=1, servers=3, term=None, voted_for=None, commit=0, no_op=False):
        settings = RaftSettings(servers=tuple(range(1, servers + 1)), no_op=no_op)
        disk = Disk()
        last_term = pairs[-1][1] if pairs else 0
        disk.write("vote", (last_term if term is None else term, voted_for))
        for entry in entries_of(pairs):
            disk.append("log", entry)
        disk.sync()
        super().__init__(lambda: RaftServer(settings, Machine()), id=node, nodes=servers + 1, seed=1, disk=disk)
        self.node.commit_index = self.node.last_applied = commit

    def __getattr__(self, name):
        return getattr(self.node, name)

    def answer(self, source, message):
        self.out.take()
        self.on_message(source, message)
        return self.out.sent[-1].message

    @property
    def pairs(self):
        return [[index, self.log.term(index)] for index in range(1, self.log.last_index + 1)]


def test_vote_up_to_date(tables):
    rows = table(tables, "vote_up_to_date")
    for row in rows["cases"]:
        voter = Alone(rows["voter_log"])
        asked = RequestVote(9, 2, row["cand_last_index"], row["cand_last_term"])
        assert voter.answer(2, asked).vote_granted == row["grant"], row
    assert len(rows["cases"]) == 9


def test_vote_once_per_term(tables):
    for row in table(tables, "vote_once_per_term"):
        voter = Alone(term=1, voted_for=row["voted_for"])
        asked = RequestVote(1, row["candidate"], 0, 0)
        assert voter.answer(row["candidate"], asked).vote_granted != row["reject"], row


def test_election_outcome(tables):
    """Refusals decide nothing in Figure 2: etcd's candidate that a majority refuses is follower at once, here it waits
    for its timeout."""
    for row in table(tables, "election_outcome"):
        server = Alone(servers=row["size"])
        server.on_timer("election")
        for voter, granted in row["votes"].items():
            server.on_message(int(voter), RequestVoteReply(1, granted))
        wanted = {"leader": Role.LEADER, "candidate": Role.CANDIDATE, "follower": Role.CANDIDATE}[row["state"]]
        assert server.role is wanted, row


def test_commit_rule(tables):
    for row in table(tables, "commit_rule"):
        match = row["match"]
        server = Alone(row["log"], servers=len(match), term=row["leader_term"] - 1)
        server.on_timer("election")
        for voter in range(2, len(match) + 1):
            server.on_message(voter, RequestVoteReply(row["leader_term"], True))
        assert server.role is Role.LEADER and server.current_term == row["leader_term"]
        server.log.durable_index = match[0]
        for follower, index in enumerate(match[1:], start=2):
            server.on_message(follower, AppendEntriesReply(server.current_term, True, 0, index, 0, 0))
        server._advance_commit_index()
        assert server.commit_index == row["commit"], row


def test_append_check(tables):
    """etcd hints at the entry to try as the one before, we at the one to send next: the same request follows."""
    rows = table(tables, "append_check")
    for row in rows["cases"]:
        server = Alone(rows["follower_log"], commit=rows["commit"], term=2)
        reply = server.answer(2, AppendEntries(2, 2, row["prev_index"], row["prev_term"], (), 0))
        assert reply.success != row["reject"], row
        if row["reject"]:
            assert min(reply.conflict_index, row["prev_index"]) == row["reject_hint"] + 1, row


def test_find_conflict(tables):
    rows = table(tables, "find_conflict")
    for row in rows["cases"]:
        disk = Disk()
        log = Log(disk, Configuration((1,)))
        log.append(entries_of(rows["log"]))
        pairs = row["entries"]
        prev = pairs[0][0] - 1 if pairs else 0
        assert (log.first_difference(prev, entries_of(pairs)) or 0) == row["conflict"], row


def test_maybe_append(tables):
    rows = table(tables, "maybe_append")
    judged = 0
    for row in rows["cases"]:
        if row["must_panic"]:
            continue
        server = Alone(rows["log"], commit=rows["commit"], term=4)
        asked = AppendEntries(
            4, 2, row["prev_index"], row["prev_term"], entries_of(row["entries"]), row["leader_commit"]
        )
        reply = server.answer(2, asked)
        assert reply.success == row["appended"], row
        assert server.commit_index == row["commit_after"], row
        if reply.success:
            assert reply.match_index == row["last_new"], row
            first = len(server.pairs) - len(row["entries"])
            assert not row["entries"] or server.pairs[first:] == row["entries"], row
        judged += 1
    assert judged == 14


def test_figure_7(tables):
    """5.3, Figure 7: whatever a follower's log looks like when a leader comes to power, it becomes the leader's."""
    rows = table(tables, "figure7_sync")
    for pairs in rows["follower_logs"]:
        leader = Alone(rows["leader_log"], node=1, term=rows["leader_loaded_term"], no_op=True)
        follower = Alone(pairs, node=2, term=rows["leader_loaded_term"] - 1)
        leader.on_timer("election")
        leader.out.take()
        leader.on_message(3, RequestVoteReply(leader.current_term, True))
        assert leader.role is Role.LEADER
        leader.propose(b"one more")
        while requests := [message for target, message in leader.out.take_sent() if target == 2]:
            for request in requests:
                leader.on_message(2, follower.answer(1, request))
        assert follower.pairs == leader.pairs == [*rows["leader_log"], [11, 9], [12, 9]]
