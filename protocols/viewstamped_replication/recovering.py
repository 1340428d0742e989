"""Recovery (VRR 4.3): a server that has crashed, and kept nothing, gets what there is from the others.

Law 1: until then it takes no part in anything, as it does not know what it has promised.
Law 2: answers are to one nonce: each life of a server has another.
Law 3: it needs so many answers that one is of every majority, and the log of the primary of the latest view of which
       they tell. So it has then whatever had been committed when it asked.
Law 4: a RECONFIGURATION at the end of that log may be committed, and this server's earlier life may have been in the
       group that it begins: then it asks again, until that group answers. VRR does not speak of this.

Law 5 (Michael et al., DISC 2017), with crash vectors: first it asks how often it is known to have crashed, counts one
more, and asks for the rest with that; whoever answers counts nothing of its earlier life any more. Without it, a
STARTVIEWCHANGE or DOVIEWCHANGE of that life, on its way still, counts for a server that knows nothing of it.

Law 6: crashes are counted in the group in which it then recovers: a majority of an earlier one may not know of crashes
from which it has recovered since. Where it hears of a later group, or that more crashes are known of it than it has
counted, it begins with the first question again; and an answer counts where its sender knows of the last count.

A server knows by its incarnation that it has run before, and takes that for its nonce.
"""

from __future__ import annotations

from simclock.protocols.replication import StateMachine
from simclock.protocols.viewstamped_replication.messages import (
    CrashVectorReply,
    CrashVectorRequest,
    Group,
    Log,
    Recovery,
    RecoveryResponse,
)
from simclock.protocols.viewstamped_replication.observed import Recovered
from simclock.protocols.viewstamped_replication.settings import VsrSettings, answers_to_recover
from simclock.protocols.viewstamped_replication.state import RETRY, Status
from simclock.protocols.viewstamped_replication.view_changing import ViewChanging


class Recovering(ViewChanging):
    """What a server does after a crash, and for others that have crashed."""

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.told_of_crashes: dict[int, CrashVectorReply] = {}
        """Recovering: who has answered its first question, and what."""
        self.responses: dict[int, RecoveryResponse] = {}
        """Recovering: who has answered its second question, and what."""
        self.knows_crashes = False
        """Recovering: whether it has the answers to the first, or asks none."""
        self.counted_in = 0
        """Recovering: the epoch of the group whose answers to the first these were."""

    # Who recovers.

    def _recover(self) -> None:
        """4.3, step 1, and law 5 before it."""
        self.status = Status.RECOVERING
        self.knows_crashes = not self.settings.crash_vectors
        self._ask()

    def _ask(self) -> None:
        self.set_timer(RETRY, self.settings.heartbeat_ns)
        question: Recovery | CrashVectorRequest = CrashVectorRequest(self.incarnation)
        if self.knows_crashes:
            question = Recovery(self.incarnation, self._known_crashes())
        for server in self.settings.nodes:
            if server != self.id:
                self._reply(server, question)

    def _on_crash_vector_reply(self, source: int, message: CrashVectorReply) -> None:
        """Law 5."""
        if self.status is not Status.RECOVERING or message.nonce != self.incarnation:
            return
        begins_again = self.knows_crashes
        if begins_again:
            if not self._knows_more(message.group, message.crash_vector):
                return
            self.knows_crashes = False
            self.responses.clear()
        self.told_of_crashes[source] = message
        self._count_crashes()
        if self.knows_crashes or begins_again:
            self._ask()

    def _knows_more(self, group: Group, crash_vector: tuple[int, ...]) -> bool:
        """Law 6: whether its count is of an earlier group, or below what is known of it."""
        place = self._place_of(self.id)
        return group.epoch > self.counted_in or crash_vector[place] > self.log.crash_vector[place]

    def _count_crashes(self) -> None:
        """Laws 5 and 6."""
        group = max((reply.group for reply in self.told_of_crashes.values()), key=lambda group: group.epoch)
        answers = [node for node, reply in self.told_of_crashes.items() if reply.group == group]
        if sum(node in group.members for node in answers) < answers_to_recover(len(group.members)):
            return
        for reply in self.told_of_crashes.values():
            self._learn_crashes(reply.crash_vector)
        place, before = self._place_of(self.id), self.log.crash_vector
        self.log.crash_vector = (*before[:place], before[place] + 1, *before[place + 1 :])
        self.counted_in = group.epoch
        self.knows_crashes = True

    def _on_recovery_response(self, source: int, message: RecoveryResponse) -> None:
        """4.3, step 3."""
        if self.status is not Status.RECOVERING or not self._is_response_counted(source, message):
            return
        if self.settings.crash_vectors and message.group.epoch > self.counted_in:
            self._on_crash_vector_reply(source, CrashVectorReply(message.nonce, message.group, message.crash_vector))
            return
        self._learn_crashes(message.crash_vector)
        self.responses[source] = message
        responses = {
            node: response
            for node, response in self.responses.items()
            if not self._is_stray(node, response.crash_vector)
        }
        group = max((response.group for response in responses.values()), key=lambda group: group.epoch)
        among = {node: each for node, each in responses.items() if each.group == group and node in group.members}
        if len(among) < self._needed_to_recover(len(group.members)):
            return
        latest = self._of_latest_primary(among, group)
        if latest is not None and latest.log is not None and not self._ends_epoch(latest.log, group):
            self._recover_with(latest, latest.log)

    def _is_response_counted(self, source: int, message: RecoveryResponse) -> bool:
        """Laws 2 and 6."""
        if message.nonce != self.incarnation or not self.knows_crashes:
            return False
        return not any(self._is_stray(node, message.crash_vector) for node in (source, self.id))

    def _needed_to_recover(self, members: int) -> int:
        """Law 3."""
        return answers_to_recover(members)

    def _of_latest_primary(self, among: dict[int, RecoveryResponse], group: Group) -> RecoveryResponse | None:
        """Law 3: the answer of the primary of the latest view, where that is there."""
        view = max(each.view for each in among.values())
        found = among.get(group.members[view % len(group.members)])
        return found if found is not None and found.view == view else None

    def _ends_epoch(self, log: Log, group: Group) -> bool:
        """Law 4: whether the last entry is a RECONFIGURATION, but for the one that began the epoch of this group."""
        return bool(log.entries) and log.entries[-1].change is not None and log.op_number != group.op_number

    def _recover_with(self, response: RecoveryResponse, log: Log) -> None:
        """It updates its state, and its status is normal; unless it is in no group."""
        self.cancel_timer(RETRY)
        self.responses.clear()
        self.told_of_crashes.clear()
        self.log.group = response.group
        self._adopt(log, response.view, response.commit_number)
        # Synced with the log that is acknowledged: who has not kept that its epoch has begun begins it anew.
        self._keep_committed(response.commit_number)
        self._tell_when_durable(Recovered(self.current_term, self.log.op_number))
        self._tell_crashes()
        if self.id in response.group.members:
            self._follow()
        else:
            self._retire()
        self._commit_to(response.commit_number)

    def _retire(self) -> None:
        """It is in no group (`epochs.py`)."""
        raise NotImplementedError("that of epochs")

    # Who answers.

    def _on_crash_vector_request(self, source: int, message: CrashVectorRequest) -> None:
        if self.status is not Status.RECOVERING:
            self._reply(source, CrashVectorReply(message.nonce, self.log.group, self.log.crash_vector))

    def _on_recovery(self, source: int, message: Recovery) -> None:
        """4.3, step 2: a replica replies only when its status is normal; the log is the primary's to send."""
        if self._is_stray(source, message.crash_vector):
            self._on_crash_vector_request(source, CrashVectorRequest(message.nonce))  # law 6
            return
        if not self._may_respond():
            return
        self._learn_crashes(message.crash_vector)
        log = self.log.after(0) if self.leads else None
        crashes = self._known_crashes()
        response = RecoveryResponse(self.log.view, message.nonce, log, self.commit_number, self.log.group, crashes)
        self._reply(source, response)

    def _may_respond(self) -> bool:
        return self.status is Status.NORMAL
