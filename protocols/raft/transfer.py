"""Leadership transfer: a leader hands over to a server of the operator's choice (dissertation 3.10).

Law 1: the target has all of the leader's log before it is told to stand: so it wins as soon as it is heard.
Law 2: a leader that hands over takes no commands and reads by no lease. If the target was not elected within an
       election timeout it goes on as before.
"""

from __future__ import annotations

from simclock.protocols.raft.configuration import address
from simclock.protocols.raft.elections import Elections
from simclock.protocols.raft.messages import OperatorReply, TimeoutNow, TransferLeadership
from simclock.protocols.raft.observed import TransferEnded, TransferStarted
from simclock.protocols.raft.state import Role

TRANSFER = "transfer"
"""The timer at which a leader gives up handing over."""


class Transfer(Elections):
    """What a leader and its successor do."""

    def _on_transfer_leadership(self, source: int, message: TransferLeadership) -> None:
        """Steps 1 and 2: stop accepting requests, bring the target's log up to date."""
        voters = [each for each in self.configuration.voters if address(each, self.nodes) == message.target]
        reason = ""
        if self.role is not Role.LEADER:
            reason = "this server does not lead"
        elif not voters:
            reason = f"node {message.target} is no voter"
        elif self.transfer_target is not None:
            reason = f"it hands over to member {self.transfer_target}"
        self._reply(source, OperatorReply(message.request_id, not reason, reason, self._leader_address()))
        if reason or voters[-1] == self.member:
            return
        self.transfer_target, self.handed_over = voters[-1], True
        self.observe(TransferStarted(self.current_term, self.transfer_target))
        self.set_timer(TRANSFER, self.settings.election_timeout_ns_max)
        self._hand_over()

    def _hand_over(self) -> None:
        """Step 3: once its log is the leader's, the target is told to stand for election at once."""
        target = self.transfer_target
        if target in self.progress and self.progress[target].match_index == self.log.last_index:
            self._send_to(target, TimeoutNow(self.current_term, self.member))

    def _caught_up(self, member: int) -> None:
        super()._caught_up(member)
        if member == self.transfer_target:
            self._hand_over()

    def _on_timeout_now(self, message: TimeoutNow) -> None:
        """The target stands without waiting, and without asking whether it could win."""
        if (
            message.term == self.current_term
            and self.role is Role.FOLLOWER
            and self.configuration.is_voter(self.member)
        ):
            self._become_candidate(transfer=True)

    def _on_transfer_timeout(self) -> None:
        """ "If leadership transfer does not complete after about an election timeout, the prior leader aborts the
        transfer and resumes accepting client requests."
        """
        assert self.transfer_target is not None, "the timer is cancelled with the transfer"
        self.observe(TransferEnded(self.current_term, self.transfer_target))
        self.transfer_target = None

    def _stop_leading(self) -> None:
        super()._stop_leading()
        self.cancel_timer(TRANSFER)
        self.transfer_target, self.handed_over = None, False
