"""The states of a scenario, for strategies that merge them: one whole number each, and what leads from one to the next.

A state is packed into an int: for each node the number of its local state and that of what is on its way to it, what is
left of the bounds, and, at the top, the number of what the observers hold. A move of a node depends on its own two
numbers alone, so it is looked at once; then a successor is the state plus a difference. Time stands still: a timer that
is set may run out, whatever its duration, as in an asynchronous system.

Law: the successors of a state come in one order, that of its steps: by node, deliveries first, then timers and faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simclock.actors.steering import Ask, Crash, Fire, LocalNodes, Restart, Step, TornCrash
from simclock.actors.steering.nodes import LocalEvent
from simclock.actors.steering.steps import Deliver, Drop, Duplicate
from simclock.errors import UsageError
from simclock.experiments.exploring.search import Asked, Bounds, Enough, failure_text, refuses
from simclock.experiments.exploring.states.inboxes import MERGED_MODELS, Inboxes, Mail
from simclock.experiments.exploring.states.moves import (
    BOUND_BITS,
    BOUND_MASK,
    LOCAL_BITS,
    LOCAL_MASK,
    LOCALS_MAX,
    PART_BITS,
    PART_MASK,
    Move,
    Moves,
    OwnMoves,
    Send,
    bound_fields,
    more_than_local,
    observed,
    sent,
    taken,
)
from simclock.experiments.exploring.states.news import News, Recipe, Sizes
from simclock.experiments.exploring.watching import Watching
from simclock.guarding.guard import Guarding

UNMADE = -1
BEGINNING: Recipe = (-1, ())


class Space:
    """The states within the bounds of a search."""

    def __init__(self, asked: Asked, guards: Guarding) -> None:
        if asked.model not in MERGED_MODELS:
            raise UsageError(
                f"--model {asked.model}: states are merged under {', '.join(MERGED_MODELS)}; under {asked.model} use a "
                "strategy over executions, such as dpor"
            )
        scenario = asked.scenario
        self.asked = asked
        self.bounds: Bounds = asked.bounds
        self.nodes = scenario.nodes
        self.instant = frozenset(asked.instant)
        self.locals = LocalNodes(scenario, timed=False, around=guards.advance)
        self.inboxes = Inboxes(asked.model, scenario.nodes)
        self.watching = Watching(scenario)
        self.fields = bound_fields(self.bounds)
        """What is bound -> (its shift, the bound)."""
        base = BOUND_BITS * len(self.fields)
        self.shifts = [base + PART_BITS * node for node in range(self.nodes)]
        self.watch_shift = base + PART_BITS * self.nodes
        self._sids: list[list[int]] = [[] for _ in range(self.nodes)]
        """Of each node, place -> number of the local state; UNMADE where another process has found it."""
        self._places: list[dict[bytes, int]] = [{} for _ in range(self.nodes)]
        """Of each node, what is the same in every process for a local state -> its place."""
        self._names: list[list[bytes]] = [[] for _ in range(self.nodes)]
        """The same the other way round."""
        self.recipes: list[list[Recipe]] = [[] for _ in range(self.nodes)]
        self._learnt: list[tuple[dict[Any, Any], Any]] = []
        """Where a number from `base` on was put down: (what is known, key)."""
        self.base: Sizes | None = None
        """Numbers from here on are this process's own, and will be forgotten; None: they are all its own to keep."""
        self._tables: list[dict[int, Moves]] = [{} for _ in range(self.nodes)]
        self._parts = list(zip(range(self.nodes), self.shifts, self._tables, strict=True))
        self._deliveries: list[dict[tuple[int, int], Move | None]] = [{} for _ in range(self.nodes)]
        """Of each node, (place, message) -> the move, but for what is then on its way; None: it is not let in."""
        self._own_moves: list[dict[int, OwnMoves]] = [{} for _ in range(self.nodes)]
        self._more: dict[tuple[int, tuple[int, ...]], dict[int, int]] = {}
        """(node, messages) -> number of what is on its way to the node -> what is added when these are sent."""
        self._told: dict[Any, dict[int, int]] = {}
        self.noted: list[int] = []
        """Successors of the last expansion at which the observers found something."""
        self.pruned: dict[str, int] = {}
        """What a bound kept from happening -> how often."""
        self.cut_short = False
        """Whether a bound on timers kept the last expansion from something."""
        self.fires_unbound = False
        """Whether a timer was met that no bound holds."""
        self.servers = frozenset(scenario.servers or range(self.nodes))
        self.initial = self._begin()

    # The beginning.

    def _begin(self) -> int:
        state = sum(bound << shift for shift, bound in self.fields.values())
        boxes = [0] * self.nodes
        watch = 0
        for node, shift in enumerate(self.shifts):
            outcome = self.locals.begins(node, 0)
            if outcome.failure is not None:
                raise UsageError(f"node {node}: {failure_text(outcome)}")
            state += self._place(node, outcome.state, BEGINNING) << shift
            for target, message in sent(outcome):
                boxes[target] = self.inboxes.with_more(
                    target, boxes[target], (self.inboxes.number(node, target, message),)
                )
            if observations := observed(outcome):
                watch = self.watching.after(watch, node, observations, "")
        for shift, box in zip(self.shifts, boxes, strict=True):
            state += box << shift + LOCAL_BITS
        return state | watch << self.watch_shift

    def _place(self, node: int, sid: int, recipe: Recipe) -> int:
        name = self.locals.fingerprint(sid)
        place = self._places[node].get(name)
        if place is None:
            place = self._places[node][name] = len(self._sids[node])
            self._names[node].append(name)
            self._sids[node].append(sid)
            self.recipes[node].append(recipe)
            if place >= LOCALS_MAX:
                raise Enough(f"node {node} has more than {LOCALS_MAX:,} local states")
        return place

    def _sid(self, node: int, place: int) -> int:
        """The number of the local state, which is made now where only its recipe is known."""
        sid = self._sids[node][place]
        if sid == UNMADE:
            before, event = self.recipes[node][place]
            sid = self._sids[node][place] = self.locals.after(node, self._sid(node, before), event, 0).state
        return sid

    # From one state to the next.

    def expand(self, state: int) -> list[int]:
        """The successors, in the order of the steps; of a state at which an observer wants the end, none."""
        self.cut_short = False
        if self.watching.final and state >> self.watch_shift in self.watching.final:
            return []
        successors: list[int] = []
        for node, shift, table in self._parts:
            key = state >> shift & PART_MASK
            moves = table.get(key)
            if moves is None:
                moves = table[key] = self._look(node, key)
            if moves[0]:
                successors += [state + delta for delta in moves[0]]
            for move in moves[2]:
                successor = self._after(state, node, move)
                if successor is not None:
                    successors.append(successor)
        return successors

    def moves(self, state: int) -> list[tuple[Step, int]]:
        """The same with the steps, for who tells."""
        told: list[tuple[Step, int]] = []
        if state >> self.watch_shift in self.watching.final:
            return told
        for node, shift, table in self._parts:
            key = state >> shift & PART_MASK
            moves = table.get(key)
            if moves is None:
                moves = table[key] = self._look(node, key)
            told += [(step, state + delta) for step, delta in zip(moves.plain_steps, moves.plain, strict=True)]
            for move in moves.others:
                successor = self._after(state, node, move)
                if successor is not None:
                    told.append((move.step, successor))
        return told

    def _after(self, state: int, node: int, move: Move) -> int | None:
        _, delta, needs, sends, told, observations, failure, instants = move
        for need in needs:
            if not state >> need & BOUND_MASK:
                self._bound(need)
                return None
        successor = state + delta
        for shift, target, known, mail in sends:
            box = successor >> shift & LOCAL_MASK
            more = known.get(box)
            if more is None:
                more = known[box] = (self.inboxes.with_more(target, box, mail) - box) << shift
                if self.base is not None and (more >> shift) + box >= self.base.mail[1][target]:
                    self._learnt.append((known, box))
            successor += more
        if told is not None:
            watch = state >> self.watch_shift
            then = told.get(watch)
            if then is None:
                then = told[watch] = self.watching.after(watch, node, observations, failure)
                if self.base is not None and then >= self.base.watches:
                    self._learnt.append((told, watch))
            successor += (then - watch) << self.watch_shift
        for target, message in instants:
            successor = self._arrives(successor, node, target, message)
        if told is not None or instants:
            then = successor >> self.watch_shift
            if then != state >> self.watch_shift and then in self.watching.notes:
                self.noted.append(successor)
        return successor

    def _arrives(self, state: int, source: int, target: int, message: Any) -> int:
        """A message comes in the step that sent it, with all that follows at once."""
        shift = self.shifts[target]
        place = state >> shift & LOCAL_MASK
        sid = self._sid(target, place)
        if not (self.locals.is_up(sid) and self.locals.takes(target, sid, source, message)):
            return self._put(state, target, self.inboxes.number(source, target, message))
        event: LocalEvent = ("message", source, message)
        outcome = self.locals.after(target, sid, event, 0)
        state += self._place(target, outcome.state, (place, event)) - place << shift
        messages = sent(outcome)
        for other, more in messages:
            if other not in self.instant:
                state = self._put(state, other, self.inboxes.number(target, other, more))
        observations = observed(outcome)
        failure = failure_text(outcome)
        if failure or (observations and self.watching.observers):
            watch = state >> self.watch_shift
            then = self.watching.after(watch, target, observations, failure)
            state += (then - watch) << self.watch_shift
        for other, more in messages:
            if other in self.instant:
                state = self._arrives(state, target, other, more)
        return state

    def _put(self, state: int, target: int, number: int) -> int:
        shift = self.shifts[target] + LOCAL_BITS
        box = state >> shift & LOCAL_MASK
        return state + (self.inboxes.with_more(target, box, (number,)) - box << shift)

    def _bound(self, need: int) -> None:
        name = next(name for name, (shift, _) in self.fields.items() if shift == need)
        self.pruned[name] = self.pruned.get(name, 0) + 1
        self.cut_short |= name.startswith("timers")

    # What a node may do.

    def _look(self, node: int, key: int) -> Moves:
        place, box = key & LOCAL_MASK, key >> LOCAL_BITS
        own = self._own_moves[node].get(place)
        if own is None:
            own = self._own_moves[node][place] = self._own(node, place)
            if self.base is not None and self._leads_to_own(node, place, (*own.steps, *own.faults), self.base):
                self._learnt.append((self._own_moves[node], place))
        moves: list[Move] = []
        if self.locals.is_up(self._sid(node, place)):
            shift = self.shifts[node] + LOCAL_BITS
            for number, left in self.inboxes.arriving(node, box):
                move = self._delivery(node, place, number)
                if move is not None:
                    moves.append(move if left == box else Move(move[0], move[1] + (left - box << shift), *move[2:]))
        moves += own.steps
        moves += self._losses(node, box)
        moves += own.faults
        if self.base is not None and (
            self._leads_to_own(node, key, moves, self.base)
            or (
                self.inboxes.sizes()[1][node] > self.base.mail[1][node]
                and self._leaves_own(node, key, moves, self.base)
            )
        ):
            self._learnt.append((self._tables[node], key))
        plain = [move for move in moves if not more_than_local(move)]
        others = tuple(move for move in moves if more_than_local(move))
        return Moves(tuple(move.delta for move in plain), tuple(move.step for move in plain), others)

    def _delivery(self, node: int, place: int, number: int) -> Move | None:
        """What a message does to it, but for what is then left on its way."""
        known = self._deliveries[node]
        try:
            return known[place, number]
        except KeyError:
            source, _, message = self.inboxes.mail[number]
            if not self.locals.takes(node, self._sid(node, place), source, message):
                move = None
            else:
                move = self._move(node, place, Deliver(number), ("message", source, message), ())
            known[place, number] = move
            if self.base is not None and (
                number >= self.base.mail[0] or (move and self._leads_to_own(node, place, (move,), self.base))
            ):
                self._learnt.append((known, (place, number)))
            return move

    def _own(self, node: int, place: int) -> OwnMoves:
        sid = self._sid(node, place)
        steps: list[Move] = []
        if self.locals.is_up(sid):
            for name, _ in sorted(self.locals.timers(sid), key=lambda timer: repr(timer[0])):
                needs = self._timer_needs(name)
                self.fires_unbound |= not needs
                steps.append(self._move(node, place, Fire(node, name), ("timer", name), needs))
            steps += self._asked(node, place, sid)
        return OwnMoves(tuple(steps), tuple(self._crashes(node, place, sid)) if node in self.servers else ())

    def _asked(self, node: int, place: int, sid: int) -> list[Move]:
        """What clients may ask of it."""
        if self.bounds.commands == 0 or node not in self.servers:
            return []
        needs = self._needs("commands")
        events = [("ask", call, arguments) for call, arguments in self.asked.asks]
        able = [event for event in events if not refuses(self.locals.after(node, sid, event, 0))]
        return [self._move(node, place, Ask(node, event[1], event[2]), event, needs) for event in able]

    def _leads_to_own(self, node: int, place: int, moves: Sequence[Move], base: Sizes) -> bool:
        """Whether a move leads to a local state, or sends a message, with a number of this process's own."""
        shift, known = self.shifts[node], base.places[node]
        place &= LOCAL_MASK
        if any((place << shift) + move.delta + taken(move.needs) >> shift & LOCAL_MASK >= known for move in moves):
            return True
        return any(number >= base.mail[0] for move in moves for send in move.sends for number in send[3])

    def _leaves_own(self, node: int, key: int, moves: Sequence[Move], base: Sizes) -> bool:
        """Whether what is left on its way, after a move, has a number of this process's own."""
        shift, known = self.shifts[node], base.mail[1][node]
        return any((key << shift) + move.delta + taken(move.needs) >> shift + LOCAL_BITS >= known for move in moves)

    def _losses(self, node: int, box: int) -> list[Move]:
        """What the network does to what is on its way; also to a node that is down."""
        moves: list[Move] = []
        if self.bounds.drops == 0 == self.bounds.duplicates:
            return moves
        for number in dict.fromkeys(self.inboxes.contents(node, box)):
            if self.bounds.drops != 0:
                left = self.inboxes.without(node, box, number)
                moves.append(self._network_move(node, Drop(number), "drops", left - box))
            if self.bounds.duplicates != 0:
                more = self.inboxes.with_more(node, box, (number,))
                moves.append(self._network_move(node, Duplicate(number), "duplicates", more - box))
        return moves

    def _crashes(self, node: int, place: int, sid: int) -> list[Move]:
        if not self.locals.is_up(sid):
            again = Restart in self.bounds.kinds
            return [self._move(node, place, Restart(node), ("restart",), ())] if again else []
        moves = []
        if self.bounds.crashes != 0:
            needs = self._needs("crashes")
            moves.append(self._move(node, place, Crash(node), ("crash", 0, False), needs))
        if self.bounds.torn != 0:
            needs = self._needs("crashes") + self._needs("torn")
            for kept in range(1, self.locals.view(node, sid).durable.unsynced + 1):
                for torn in (False, True):
                    step = TornCrash(node, kept, torn)
                    moves.append(self._move(node, place, step, ("crash", kept, torn), needs))
        return moves

    def _move(self, node: int, place: int, step: Step, event: LocalEvent, needs: tuple[int, ...]) -> Move:
        """What it changes, but for what is on its way to the node."""
        outcome = self.locals.after(node, self._sid(node, place), event, 0)
        delta = (self._place(node, outcome.state, (place, event)) - place << self.shifts[node]) - taken(needs)
        if outcome.failure is not None:
            return Move(step, delta, needs, (), {}, (), failure_text(outcome))
        by_target: dict[int, list[int]] = {}
        messages = sent(outcome)
        instants = tuple(each for each in messages if each[0] in self.instant)
        for target, message in messages:
            if target not in self.instant:
                by_target.setdefault(target, []).append(self.inboxes.number(node, target, message))
        sends = tuple(self._send(target, tuple(mail)) for target, mail in by_target.items())
        observations = observed(outcome)
        told = None
        if observations and self.watching.observers:
            told = self._told.setdefault((node, repr(observations)), {})
        return Move(step, delta, needs, sends, told, observations, instants=instants)

    def _send(self, target: int, mail: tuple[int, ...]) -> Send:
        key = target, mail
        known = self._more.get(key)
        if known is None:
            known = self._more[key] = {}
            if self.base is not None and max(mail) >= self.base.mail[0]:
                self._learnt.append((self._more, key))
        return self.shifts[target] + LOCAL_BITS, target, known, mail

    def _network_move(self, node: int, step: Step, bound: str, change: int) -> Move:
        needs = self._needs(bound)
        return Move(step, (change << self.shifts[node] + LOCAL_BITS) - taken(needs), needs, (), None, ())

    def _needs(self, bound: str) -> tuple[int, ...]:
        return (self.fields[bound][0],) if bound in self.fields else ()

    def _timer_needs(self, name: Any) -> tuple[int, ...]:
        word = name[0] if isinstance(name, tuple) and name else name
        return self._needs("timers") + self._needs(f"timers {word}")

    # A search by many: what is new here, and what is known of all.

    def sizes(self) -> Sizes:
        """How much is known."""
        return Sizes([len(sids) for sids in self._sids], self.inboxes.sizes(), len(self.watching))

    def since(self, sizes: Sizes) -> News:
        """What has become known since, in words that hold in every process but for numbers."""
        local = [
            list(zip(names[size:], recipes[size:], strict=True))
            for names, recipes, size in zip(self._names, self.recipes, sizes.places, strict=True)
        ]
        mail, boxes = self.inboxes.since(sizes.mail)
        return News(local, mail, boxes, self.watching.since(sizes.watches))

    def forget(self, sizes: Sizes) -> None:
        """Nothing has become known since: not by this process, whose numbers are only its own."""
        for node, size in enumerate(sizes.places):
            for name in self._names[node][size:]:
                del self._places[node][name]
            del self._names[node][size:], self._sids[node][size:], self.recipes[node][size:]
        self.inboxes.forget(sizes.mail)
        self.watching.forget(sizes.watches)
        for known, key in self._learnt:
            known.pop(key, None)
        self._learnt.clear()

    def placed(self, node: int, name: bytes, recipe: Recipe) -> int:
        """The place of a local state that may have been found elsewhere."""
        place = self._places[node].get(name)
        if place is None:
            place = self._places[node][name] = len(self._sids[node])
            self._names[node].append(name)
            self._sids[node].append(UNMADE)
            self.recipes[node].append(recipe)
        return place

    def adopt(self, news: News) -> None:
        """What all have found, under the next numbers."""
        for node, found in enumerate(news.places):
            for name, recipe in found:
                self.placed(node, name, recipe)
        for source, target, message in news.mail:
            self.inboxes.number(source, target, message)
        for node, boxes in enumerate(news.boxes):
            for contents in boxes:
                self.inboxes.box(node, contents)
        for watched in news.watches:
            self.watching.adopt(watched)

    # What there is to see.

    def is_up(self, state: int, node: int) -> bool:
        """Whether the node has neither crashed nor halted."""
        return self.locals.is_up(self._sid(node, state >> self.shifts[node] & LOCAL_MASK))

    def local_states(self) -> int:
        """How many local states are known, of all nodes."""
        return sum(map(len, self._sids))

    def sid(self, state: int, node: int) -> int:
        """The number of the node's local state."""
        return self._sid(node, state >> self.shifts[node] & LOCAL_MASK)

    def box(self, state: int, node: int) -> int:
        """The number of what is on its way to the node."""
        return state >> self.shifts[node] + LOCAL_BITS & LOCAL_MASK

    def packed(self, state: int, sids: Sequence[int], boxes: Sequence[int]) -> int:
        """The state with other local states and other messages on their way."""
        base = state & (1 << self.shifts[0]) - 1 | state >> self.watch_shift << self.watch_shift
        for node, shift in enumerate(self.shifts):
            base += (self._place(node, sids[node], BEGINNING) | boxes[node] << LOCAL_BITS) << shift
        return base

    def mail_of(self, step: Step) -> Mail | None:
        """The message that a step of a move is about."""
        if isinstance(step, Deliver | Drop | Duplicate):
            return self.inboxes.mail[step.number]
        return None
