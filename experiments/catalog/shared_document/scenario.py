"""A shared document: people type at once, over links that lose and reorder; every copy ends with the same text.

Without `recording` three people type by their own luck, one leaves, a newcomer joins, and for some seconds the network
is in two halves that go on typing. With `recording=FILE` two people are replayed keystroke by keystroke, with their own
causality (experiments/catalog/shared_document/recordings.py), and the copies must end with the recording's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from simclock import (
    Control,
    Fault,
    Heal,
    Network,
    Observation,
    Observer,
    Partition,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node
from simclock.experiments.catalog.shared_document.judge import (
    copy_at_end,
    describe,
    fallen_copy,
    judge,
    plot,
    sometimes,
    story,
)
from simclock.experiments.catalog.shared_document.recordings import read_recording
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.parameters import Choice, Duration, Parameters, Text, Whole
from simclock.experiments.entries.settings import Settings
from simclock.experiments.telling.recorded import Recorded
from simclock.protocols.causal_broadcast import DeliveryOrder, FifoQueue, MemberSettings
from simclock.protocols.causal_broadcast.observed import Dropped, Joined, Left, Suspected, Welcomed
from simclock.protocols.shared_document import Author, Habits, Typist
from simclock.protocols.shared_document.observed import Completed

if TYPE_CHECKING:
    pass

DELIVERIES = ("causal", "fifo")
PARAMETERS = Parameters(
    recording=Text("", help="A file of keystrokes to replay; else people type by their own luck."),
    delivery=Choice("causal", DELIVERIES, noun="order of delivery", help="In what order keystrokes are handed over."),
    stroke_ns=Duration(ms(50), help="Between two keystrokes of a person."),
    held_max=Whole(10_000, least=1, help="Messages that are kept for those who miss them."),
    window=Whole(1_000, least=1, help="Messages under way at a time."),
)
REPLAY_DURATION_NS = seconds(100_000)
PHRASES = (
    ("The quick brown fox ", "jumps over the lazy dog. "),
    ("Once upon a time ", "there was a clock ", "that nobody had set. "),
    ("Pack my box ", "with five dozen jugs. "),
)
TYPE_UNTIL_NS = seconds(15)
TOLD = (Completed, Joined, Left, Welcomed, Suspected, Dropped)


class Complete(Observer):
    """Ends a replay when every copy has every keystroke."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def on_observation(self, observation: Observation, control: Control) -> None:
        if observation.name == Completed.observed_as:
            self._left -= 1
            if self._left == 0:
                control.stop("every copy has every keystroke")


def shared_document(settings: Settings) -> Scenario:
    """A replay of a recording, or people who type by their own luck."""
    parameters = {**PARAMETERS, **settings.parameters}
    if parameters["delivery"] not in DELIVERIES:
        raise UsageError(f"delivery: {parameters['delivery']!r} is not an order of delivery: {' or '.join(DELIVERIES)}")
    for name in ("stroke_ns", "held_max", "window"):
        if parameters[name] < 1:
            raise UsageError(f"{name}: {parameters[name]} is too small: 1 or more")
    return _replay(settings, parameters) if parameters["recording"] else _live(settings, parameters)


def _replay(settings: Settings, parameters: Mapping[str, Any]) -> Scenario:
    recording = read_recording(parameters["recording"])
    authors = len(recording.strokes)
    nodes = authors + 1 if settings.nodes is None else settings.nodes
    if nodes < authors:
        raise UsageError(f"nodes: {nodes} are too few: the recording has {authors} authors")
    group = _group(parameters, founders=nodes, suspect_ns=seconds(10))

    def build(node: int) -> Node:
        strokes = recording.strokes[node] if node < authors else ()
        author: Node = _ordered(Author, parameters)(group, strokes, recording.totals, parameters["stroke_ns"])
        return author

    return _scenario(
        parameters,
        nodes=nodes,
        build=build,
        duration_ns=REPLAY_DURATION_NS,
        faults=(),
        observers=(partial(Complete, nodes),),
    )


def _live(settings: Settings, parameters: Mapping[str, Any]) -> Scenario:
    nodes = 5 if settings.nodes is None else settings.nodes
    if nodes < 2:
        raise UsageError(f"nodes: {nodes} is not a group: 2 or more")
    founders = max(2, nodes - 1)
    group = _group(parameters, founders=founders, suspect_ns=seconds(2))
    typists = min(len(PHRASES), founders)

    def build(node: int) -> Node:
        habits = Habits(
            phrases=PHRASES[node] if node < typists else (),
            stroke_ns=parameters["stroke_ns"],
            until_ns=TYPE_UNTIL_NS,
            leave_ns=seconds(13) if node == 2 and nodes > 3 else None,
        )
        typist: Node = _ordered(Typist, parameters)(group, habits)
        return typist

    halves = (tuple(range(0, nodes, 2)), tuple(range(1, nodes, 2)))
    faults = (Partition(at_ns=seconds(7), groups=halves), Heal(at_ns=seconds(11)))
    return _scenario(parameters, nodes=nodes, build=build, duration_ns=seconds(30), faults=faults, observers=())


def _group(parameters: Mapping[str, Any], *, founders: int, suspect_ns: int) -> MemberSettings:
    return MemberSettings(
        founders=founders,
        tick_ns=ms(200),
        request_ns=ms(150),
        suspect_ns=suspect_ns,
        give_up_ns=2 * suspect_ns,
        join_after_ns=seconds(4),
        held_max=parameters["held_max"],
        window=parameters["window"],
    )


def _ordered(copy: type[Any], parameters: Mapping[str, Any]) -> type[Any]:
    """The class with the order of delivery that is asked for."""
    return type(copy.__name__, (copy,), {"queue_class": FifoQueue}) if parameters["delivery"] == "fifo" else copy


def _scenario(
    parameters: Mapping[str, Any],
    *,
    nodes: int,
    build: Any,
    duration_ns: int,
    faults: tuple[Fault, ...],
    observers: tuple[Any, ...],
) -> Scenario:
    return Scenario(
        name="shared-document",
        nodes=nodes,
        build=build,
        duration_ns=duration_ns,
        network=Network(latency=Uniform(low_ns=ms(20), high_ns=ms(120)), loss=0.02, duplication=0.01),
        faults=faults,
        observers=(*observers, partial(DeliveryOrder, parameters["delivery"] == "causal"), partial(Recorded, TOLD)),
        final=copy_at_end,
        fallen=fallen_copy,
        parameters=parameters,
    )


SHARED_DOCUMENT = Entry(
    name="shared-document",
    summary="people type into one text at once (recording=FILE replays one; delivery: causal or fifo)",
    source="Birman et al. 1991; Weidner & Kleppmann, The Art of the Fugue, 2023",
    project=5,
    make=shared_document,
    judge=judge,
    describe=describe,
    parameters=PARAMETERS,
    story=story,
    plot=plot,
    sometimes=sometimes,
)
