"""All that a node is, has and may do, in one place: a protocol derives its class from `Node`.

What stands here are words and types; the bodies are the kernel's (`simclock.kernel.process`). Times and durations are
whole nanoseconds: `ms(150)`, `seconds(3)`. What a node lets out is deeply immutable, or refused with a UsageError
(MessageTypeError) that says what to use instead; an error that leaves a handler ends the run as a HandlerError.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, ClassVar, NoReturn

from simclock.actors.message import Message, declared_messages
from simclock.environment.disk import Disk
from simclock.kernel.process import NodeClock, Process
from simclock.streams import Stream
from simclock.told import Told


def _done_by_the_kernel(cls: type[Node]) -> type[Node]:
    """Give what is declared the kernel's code, so that a call costs no more than one of the kernel's own."""
    for name, declared in list(vars(cls).items()):
        if isinstance(declared, FunctionType) and not name.startswith("__"):
            code: Any = getattr(Process, name)
            if not isinstance(code, FunctionType):  # the compiled core's, which has the same words
                setattr(cls, name, code)
                continue
            made = FunctionType(code.__code__, code.__globals__, name, code.__defaults__, code.__closure__)
            made.__doc__, made.__qualname__, made.__module__ = declared.__doc__, declared.__qualname__, cls.__module__
            made.__annotations__ = declared.__annotations__
            setattr(cls, name, made)
    return cls


@_done_by_the_kernel
class Node(Process):
    """A simulated node: a state machine that answers events and does no I/O.

        class Pinger(Node):
            def on_start(self):
                self.send(1 - self.id, Ping(0))

            def on_message(self, source, message):
                match message:
                    case Ping(n):
                        self.send(source, Ping(n + 1))

    What it has, from `on_start` on (not in `__init__`), and cannot set:

        id           its number, 0 to nodes - 1
        nodes        how many nodes there are
        incarnation  0 at first; one more after each restart
        random       its own luck: randrange(n), uniform_ns(low_ns, high_ns), choice(...)
        clock        its own clock, which may drift: monotonic_ns(), wall_ns(); step and slew correct the wall clock
        disk         write, append, truncate, sync; read, records. What was not synced a crash may take. Raises DiskFull

    After a crash it is built anew: only what `self.disk` had synced is left.
    """

    id: int
    nodes: int
    incarnation: int
    random: Stream
    clock: NodeClock
    disk: Disk
    messages: ClassVar[tuple[type[Message], ...]]
    """What it can receive, as (Ping, Pong). Left out: every message class that its module defines or imports."""

    # What happens to it. A protocol overrides these; who does not, does nothing.

    def on_start(self) -> None:
        """It begins, or begins again after a crash: set timers, send first messages, read the disk."""

    def on_message(self, source: int, message: Any) -> None:
        """A message from node `source` arrived: of what `messages` says, unless a fault damaged it unnoticed."""

    def on_timer(self, timer: Any) -> None:
        """The timer of that name has run out; it is not set any more."""

    # What it may do.

    def send(self, target: int, message: Message) -> None:
        """Send a message to a node, itself too. The network decides when it arrives, whether, and how often.

        It leaves when the disk is done with what was synced before. UsageError for a target that is not 0 to nodes - 1,
        MessageTypeError for what is no Message.
        """

    def broadcast(self, message: Message) -> None:
        """Send a message to every other node, in ascending order."""

    def set_timer(self, name: Any, duration_ns: int) -> None:
        """Have `on_timer(name)` called after `duration_ns` (0 or more) by its own clock; setting one again replaces it.

        `name` is any immutable value, such as "election" or ("retry", 7). A crash forgets all timers.
        """

    def cancel_timer(self, name: Any) -> None:
        """Forget a timer; no effect if it is not set."""

    def observe(self, name: str | Told, value: Any = None) -> None:
        """Tell the observers something: checkers, reports and stories see it, nodes do not. `value` is immutable.

        A name and a value, `self.observe("granted", (lock, token))`; or, with named fields, an object of a class
        `Granted(Told)`, which observers read as such: `self.observe(Granted(lock, token))`. See `simclock.Told`.
        """

    def halt(self, reason: str) -> NoReturn:
        """End itself, as `exit` does: it is down, as after a crash, and observers see ("halted", reason).

        Nothing of the handler after this call happens, but `finally` blocks and the ends of `with` blocks.
        """
        raise NotImplementedError

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        declared_messages(cls)
