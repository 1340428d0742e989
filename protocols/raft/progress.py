"""What a leader knows of one follower: nextIndex and matchIndex of Figure 2, and whether it is still searching.

Law: `0 <= match_index < next_index`.

While *searching* for the place where the logs part, one request is out at a time. Once a request has succeeded, the
leader streams: entries go out as they come, without waiting for the ones before. That is the dissertation's pipelining
(10.2.1); etcd calls the two probe and replicate.
"""

from __future__ import annotations

from simclock.protocols.raft.log import Snapshot


class Progress:
    """The leader's view of one follower; volatile, made anew after election."""

    __slots__ = ("awaited", "match_index", "next_index", "offset", "round", "searching", "snapshot")

    def __init__(self, last_log_index: int) -> None:
        self.next_index = last_log_index + 1
        """Index of the next log entry to send (Figure 2: initialized to leader last log index + 1)."""
        self.match_index = 0
        """Index of the highest entry known to be replicated there (Figure 2: 0, increases monotonically)."""
        self.searching = True
        """Whether it is unknown if the follower has the entry before `next_index`."""
        self.awaited = False
        """While searching: whether a request is out that has not been answered."""
        self.snapshot: Snapshot | None = None
        """What is being sent to it, while its log ends before the leader's begins; etcd calls that so too."""
        self.offset = 0
        """Of the chunk that it wants next."""
        self.round = 0
        """The leader's latest round that it has answered."""

    def sent(self, count: int) -> None:
        """A request with so many entries has gone out.

        Deviation: Figure 2 moves nextIndex only when a reply comes, so that it would send an entry again and again
        until it is acknowledged. Here a stream goes on after what was sent; if something of it is lost, the follower
        refuses what comes next, a heartbeat at the latest, and the search begins anew.
        """
        if self.searching:
            self.awaited = True
        else:
            self.next_index += count

    def succeeded(self, match_index: int) -> None:
        """The follower's log was equal to the leader's up to `match_index`.

        Raft 5.3: if successful, update nextIndex and matchIndex. matchIndex increases monotonically: an
        acknowledgement may be overtaken by a later one.
        """
        self.match_index = max(self.match_index, match_index)
        if self.snapshot is not None and self.match_index >= self.snapshot.last_included_index:
            self.snapshot, self.offset = None, 0
        self.next_index = self.match_index + 1 if self.searching else max(self.next_index, self.match_index + 1)
        self.searching = self.awaited = False

    def is_refusal_current(self, prev_log_index: int) -> bool:
        """Whether a refusal of a request with that `prev_log_index` says anything new.

        Not if the follower is known to have that entry; nor, in a search, if it answers another request than the one
        that is out.
        """
        if prev_log_index <= self.match_index:
            return False
        return not self.searching or prev_log_index == self.next_index - 1

    def refused(self, prev_log_index: int, conflict_index: int) -> None:
        """The follower lacks the entry at `prev_log_index`: go on searching further back.

        Raft 5.3: decrement nextIndex and retry; the conflict index bypasses all conflicting entries of a term at once.
        """
        self.next_index = max(self.match_index + 1, min(prev_log_index, conflict_index))
        self.searching, self.awaited = True, False
