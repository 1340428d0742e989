"""The API of a node stands in one place, whole, with the kernel's own code; and what a node says it can receive."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator

import pytest

from simclock import Message, MessageTypeError, Node, Scenario, UsageError, run
from simclock.actors.message import message_classes
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.kernel.core import ProcessCore
from simclock.kernel.process import KERNEL_OWNED, Process
from simclock.protocols.reliable_links import LinkAcknowledgement
from simclock.protocols.total_order import Participant, messages


def public(names: object) -> set[str]:
    return {name for name in vars(names) if not name.startswith(("_", "sim_"))}


def of_authors() -> set[str]:
    """Whatever is the kernel's own begins with `sim_`: any other name may be an author's."""
    return public(Process) | public(ProcessCore)


def test_all_that_a_process_lets_an_author_do_is_declared() -> None:
    declared = public(Node) | set(Node.__annotations__)
    assert declared - {"messages"} == of_authors()
    assert set(KERNEL_OWNED) == set(Node.__annotations__) - {"messages"}


def methods() -> Iterator[str]:
    return (name for name in of_authors() - set(KERNEL_OWNED))


@pytest.mark.parametrize("name", sorted(methods()))
def test_what_is_declared_is_what_the_kernel_does(name: str) -> None:
    declared, kept = getattr(Node, name), getattr(Process, name)
    if isinstance(kept, types.FunctionType):
        assert declared.__code__ is kept.__code__, "no call more than the kernel's own"
    else:
        assert declared is kept, "the compiled kernel's"
    words = inspect.getsource(sys.modules[Node.__module__])
    assert " ".join(declared.__doc__.split()) in " ".join(words.split()), "help() shows the words of the port"
    shape = [(each.name, each.default) for each in inspect.signature(kept).parameters.values()]
    assert [(each.name, each.default) for each in inspect.signature(declared).parameters.values()] == shape
    start = words.index(f"def {name}(")
    wording = words[start : words.index(":\n", start)]
    assert [parameter in wording for parameter, _ in shape] == [True] * len(shape)


# What it can receive.


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], types.ModuleType]]:
    """Makes a module of some source; it is gone after the test."""
    made: list[str] = []

    def make(source: str) -> types.ModuleType:
        module = types.ModuleType(f"elsewhere_{len(made)}")
        sys.modules[module.__name__] = module
        made.append(module.__name__)
        exec(compile("from simclock import Message, Node\n" + source, module.__name__, "exec"), module.__dict__)
        return module

    yield make
    for name in made:
        del sys.modules[name]


WORDS = """
class Word(Message):
    text: str
class Unused(Message):
    text: str
"""
SPEAKER = """
import sys
class Speaker(Node):
    def on_start(self):
        self.broadcast(sys.modules["elsewhere_0"].Word("hello"))
"""


def test_what_a_class_declares_is_all_that_counts_of_it(elsewhere: Callable[[str], types.ModuleType]) -> None:
    words = elsewhere(WORDS)
    silent = elsewhere("from elsewhere_0 import Unused\nclass Own(Message):\n    x: int\n" + SPEAKER)
    saying = elsewhere("from elsewhere_0 import *\nclass Hearer(Node):\n    messages = (Word,)\n")
    deriving = elsewhere(
        "from elsewhere_2 import Hearer\nclass New(Message):\n    x: int\nclass Liar(Hearer):\n    pass"
    )
    assert message_classes({silent.Speaker}) == (silent.Own, words.Unused), "scanned, as it declares nothing"
    assert message_classes({saying.Hearer}) == (words.Word,)
    assert message_classes({deriving.Liar}) == (deriving.New, words.Word), "what it inherits, and its own module"


@pytest.mark.parametrize("declared", ["[Word]", "Word", "(int,)", "(Word('x'),)", "'Word'"])
def test_a_declaration_that_is_none_is_refused_where_the_class_is_defined(
    elsewhere: Callable[[str], types.ModuleType], declared: str
) -> None:
    with pytest.raises(MessageTypeError, match=r"^Hearer\.messages: .* write a tuple of Message classes"):
        elsewhere(WORDS + f"class Hearer(Node):\n    messages = {declared}\n")


def test_a_message_that_nobody_is_known_to_receive_shows_in_process_too(
    elsewhere: Callable[[str], types.ModuleType],
) -> None:
    """One host carries it; two could not, and before this nothing of that showed on one."""
    elsewhere(WORDS)
    silent = elsewhere(SPEAKER)
    saying = elsewhere(SPEAKER.replace("    def", "    messages = (sys.modules['elsewhere_0'].Word,)\n    def", 1))
    lacking = Scenario(name="lacking", nodes=2, build=lambda node: silent.Speaker())
    (warning,) = run(lacking).warnings
    assert warning.startswith("Word was sent, and no node is known to receive it") and "`messages`" in warning
    with pytest.raises(UsageError, match=r"message \['Word', 'hello'\] from node"):
        run(lacking, "windows")
    whole = Scenario(name="whole", nodes=2, build=lambda node: saying.Speaker())
    assert run(whole).warnings == () and run(whole, "windows").digest == run(whole).digest


def test_the_chat_declares_all_that_its_participants_send() -> None:
    """Its messages are handled in three modules; the class of nodes sees only some of them."""
    own = {each for each in vars(messages).values() if isinstance(each, type) and issubclass(each, Message)}
    assert set(Participant.messages) == own - {Message, messages.Header} | {LinkAcknowledgement}
    chat = make_scenario(entries()["chat"], Settings(seed=3))
    assert run(chat).warnings == () and run(chat, "windows:2").digest == run(chat).digest
