"""View changes (VRR 4.2): the next replica in turn becomes primary, with all that may be committed.

Law 1: a server never goes back to an earlier view.
Law 2: it brings its log into a view only when a majority, itself among them, has left the views before.
Law 3: a view begins with the log of the latest view, and the longest of these, among those that a majority brings.
Law 4: what a server said before it crashed does not count beside what others know of its crash (Michael et al., DISC
       2017), where there are crash vectors.

What is lost is said again when the timer runs out; the next view is begun only where this one could have begun.
"""

from __future__ import annotations

from simclock.protocols.replication import StateMachine
from simclock.protocols.viewstamped_replication.messages import DoViewChange, StartView, StartViewChange
from simclock.protocols.viewstamped_replication.normal import NormalOperation
from simclock.protocols.viewstamped_replication.observed import CrashesKnown, Handed, Joined, ViewChange
from simclock.protocols.viewstamped_replication.settings import VsrSettings
from simclock.protocols.viewstamped_replication.state import Status


class ViewChanging(NormalOperation):
    """What a server does between views."""

    def __init__(self, settings: VsrSettings, state_machine: StateMachine) -> None:
        super().__init__(settings, state_machine)
        self.leaving: dict[int, tuple[int, ...]] = {}
        """Between views: others that have left for this one too -> their crash vectors."""
        self.brought: dict[int, DoViewChange] = {}
        """Primary of a view that has not begun: server -> what it brings, its own among them."""
        self.has_handed = False
        """Whether it has brought its log into this view."""

    # Crash vectors.

    def _place_of(self, node: int) -> int:
        return self.settings.nodes.index(node)

    def _known_crashes(self) -> tuple[int, ...]:
        """What it puts into messages."""
        return self.log.crash_vector if self.settings.crash_vectors else ()

    def _is_stray(self, source: int, crash_vector: tuple[int, ...]) -> bool:
        """Law 4: whether a message is of the sender's life before a crash that is known here."""
        if not crash_vector:
            return False
        place = self._place_of(source)
        return crash_vector[place] < self.log.crash_vector[place]

    def _learn_crashes(self, crash_vector: tuple[int, ...]) -> None:
        if not crash_vector:
            return
        known = tuple(map(max, self.log.crash_vector, crash_vector))
        if known != self.log.crash_vector:
            self.log.crash_vector = known
            if self.status is not Status.RECOVERING:  # who recovers has nothing to keep until it has all
                self._keep()
                self._tell_crashes()
        self.leaving = {node: vector for node, vector in self.leaving.items() if not self._is_stray(node, vector)}
        self.brought = {
            node: message for node, message in self.brought.items() if not self._is_stray(node, message.crash_vector)
        }

    def _tell_crashes(self) -> None:
        if self.settings.durable:
            self._tell_when_durable(CrashesKnown(self.log.crash_vector))

    # Leaving a view.

    def _on_election_timeout(self) -> None:
        """4.2: a replica that hears nothing from the primary for a while, or sees no view begin, goes on."""
        if self.status is Status.NORMAL or len(self.leaving) + 1 >= self._majority():
            self._change_view(self.log.view + 1)
        else:
            self._reset_election_timer()
            self._say_leaving()

    def _change_view(self, view: int) -> None:
        """4.2, step 1: it advances its view-number, sets its status to view-change, and sends STARTVIEWCHANGE."""
        assert view > self.log.view, "law 1"
        self._step_down()
        self.status = Status.VIEW_CHANGE
        self.leader_id = None
        self.log.view = view
        self.leaving.clear()
        self.brought.clear()
        self.has_handed = False
        self._keep()
        self._tell_when_durable(ViewChange(self.current_term))
        self._reset_election_timer()
        self._say_leaving()
        self._hand_over()

    def _say_leaving(self) -> None:
        self._send_others(StartViewChange(self.epoch, self.log.view, self._known_crashes()))

    def _is_between(self, source: int, view: int, crash_vector: tuple[int, ...]) -> bool:
        """Whether this server is between views for the one that is spoken of; for a later one it leaves its own."""
        if self.status not in (Status.NORMAL, Status.VIEW_CHANGE) or self._is_stray(source, crash_vector):
            return False
        self._learn_crashes(crash_vector)
        if view > self.log.view:
            self._change_view(view)
        if view == self.log.view and self.leads:
            # It has missed that this view has begun.
            self._reply(source, self._start_view(self.log.checkpoint.index, self.commit_number))
        return view == self.log.view and self.status is Status.VIEW_CHANGE

    def _on_start_view_change(self, source: int, message: StartViewChange) -> None:
        if self._is_between(source, message.view, message.crash_vector):
            self.leaving[source] = message.crash_vector
            self._hand_over()

    def _hand_over(self) -> None:
        """Law 2; 4.2, step 2: when it has STARTVIEWCHANGE messages from f others, it sends DOVIEWCHANGE."""
        if self.has_handed or len(self.leaving) + 1 < self._needed_to_hand_over():
            return
        self.has_handed = True
        log, view, last_normal_view = self.log.after(0), self.log.view, self.log.last_normal_view
        self._tell_when_durable(Handed(self.current_term, last_normal_view, self.log.op_number))
        crashes = self._known_crashes()
        message = DoViewChange(self.epoch, view, log, last_normal_view, self.commit_number, crashes)
        primary = self._primary_of(self.log.view)
        if primary == self.id:
            self._persist()
            self._bring(self.id, message)
        else:
            self._reply(primary, message)

    def _needed_to_hand_over(self) -> int:
        return self._majority()

    # Beginning one.

    def _on_do_view_change(self, source: int, message: DoViewChange) -> None:
        """Who brings its log has left earlier views too."""
        if self._is_between(source, message.view, message.crash_vector):
            self.leaving[source] = message.crash_vector
            self._bring(source, message)
            self._hand_over()

    def _bring(self, source: int, message: DoViewChange) -> None:
        self.brought[source] = message
        if len(self.brought) >= self._needed_to_begin() and self.status is Status.VIEW_CHANGE:
            self._begin_view()

    def _needed_to_begin(self) -> int:
        return self._majority()

    def _begin_view(self) -> None:
        """4.2, step 3: the primary has f + 1 DOVIEWCHANGE messages; it begins, and sends STARTVIEW."""
        brought = [self.brought[node] for node in sorted(self.brought)]
        best = max(brought, key=self._rank)
        commit_number = max(message.commit_number for message in brought)
        self._adopt(best.log, self.log.view, commit_number)
        least = min(message.commit_number for message in brought)
        self._lead()
        self._send_others(self._start_view(least, commit_number))
        term = self.current_term
        self._commit_to(commit_number)
        if self.current_term == term:
            self._count_prepared()
            self.on_leading()

    def _rank(self, message: DoViewChange) -> tuple[int, int]:
        """Law 3."""
        return message.last_normal_view, message.log.op_number

    def _start_view(self, after: int, commit_number: int) -> StartView:
        """The log after an operation that who gets it most likely has; who has not asks for more."""
        return StartView(self.epoch, self.log.view, self.log.after(after), commit_number)

    def _on_start_view(self, source: int, message: StartView) -> None:
        """4.2, step 5: a replica replaces its log, and is in the view."""
        if self.status not in (Status.NORMAL, Status.VIEW_CHANGE) or not self._begins(message.view):
            return
        if not self._connects(message.log):
            self._ask_for_state(source, message.view, self.commit_number)
            return
        self._step_down()
        self._adopt(message.log, message.view, message.commit_number)
        self._tell_when_durable(Joined(self.current_term, self.log.op_number))
        self._follow()
        self._commit_to(message.commit_number)

    def _begins(self, view: int) -> bool:
        """Whether this server is not yet in that view."""
        return view > self.log.view or (view == self.log.view and self.status is Status.VIEW_CHANGE)
