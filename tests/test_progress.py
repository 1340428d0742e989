"""What a run that lasts shows, what Ctrl-C says, and bars on terminals of unknown size."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from simclock import Constant, Network, Scenario, ms, seconds
from simclock.actors import Message, Node, run
from simclock.actors.run import Look
from simclock.errors import RunInterrupted
from simclock.experiments.command_line import main
from simclock.experiments.watching import progress
from simclock.experiments.watching.progress import ENDLESS_S, STUCK_S, RunProgress, Watcher, progress_bar
from simclock.kernel.standing import Standing, rough_duration

BALL_GAME = """
from simclock.actors import Message, Node
from simclock import Constant, Network, Observer, Scenario, ms, seconds


class Ball(Message):
    n: int


class Player(Node):
    def on_start(self):
        self.send(1 - self.id, Ball(0))
        self.set_timer("tick", ms(50))

    def on_message(self, source, message):
        self.observe("ball", message.n)
        if message.n == 7 and self.id == 1 and WHERE == "message":
            interrupt()
        self.send(source, Ball(message.n + 1))

    def on_timer(self, timer):
        if WHERE == "timer":
            interrupt()


class Looks(Observer):
    def on_observation(self, observation, control):
        if observation.value == 7 and WHERE == "observer":
            interrupt()


def interrupt():
    open("reached", "w").close()  # tells who presses Ctrl-C that it is time
    while True:
        pass


def final(node):
    if WHERE == "final":
        interrupt()


def game(seed):
    return Scenario(
        name="game", nodes=2, seed=seed, build=lambda node: Player(), duration_ns=seconds(1), final=final,
        network=Network(latency=Constant(delay_ns=ms(10))), observers=(Looks,),
    )
"""


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# Ctrl-C.


@pytest.fixture
def pressed(tmp_path, monkeypatch, interruptible):
    """Another process presses Ctrl-C when the file `reached` is there: a node's code may not."""
    monkeypatch.chdir(tmp_path)
    script = f"while ! test -e reached; do sleep 0.01; done; kill -INT {os.getpid()}"
    waiter = subprocess.Popen(["sh", "-c", script])
    yield
    waiter.kill()
    waiter.wait()


@pytest.mark.parametrize("placement", ["inline", "windows"])
@pytest.mark.parametrize(
    ("where", "stood"),
    [
        ("message", ("80ms", "node 1, on_message, message Ball(n=7) from node 0")),
        ("timer", ("50ms", "node 0, on_timer, timer 'tick'")),
        ("final", ("1s", "node 0, the end of the run")),
    ],
)
def test_an_interrupt_says_where_the_run_stood(tmp_path, pressed, placement, where, stood):
    virtual, doing = stood
    (tmp_path / "players.py").write_text(f'WHERE = "{where}"\n{BALL_GAME}', encoding="utf-8")
    result = simclock("run", f"{tmp_path}/players.py:game", "--placement", placement)
    assert result.exit_code == 130, result.output
    (line,) = (line for line in result.stderr.splitlines() if line)
    assert line.startswith(f"simclock: interrupted at {virtual} of 1s of virtual time, ")
    assert f" events; {doing} ({tmp_path}/players.py:" in line
    assert line.endswith(" in interrupt)")


def test_an_interrupt_in_an_observer_names_no_node(tmp_path, pressed):
    (tmp_path / "players.py").write_text(f'WHERE = "observer"\n{BALL_GAME}', encoding="utf-8")
    result = simclock("run", f"{tmp_path}/players.py:game")
    assert result.exit_code == 130
    assert f"; an observer ({tmp_path}/players.py:" in result.stderr


def test_an_interrupt_while_judging_says_so(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("simclock.experiments.commands.run.report_of", interrupted)
    result = simclock("run", "phold", "--nodes", 2, "--duration", "1s")
    assert result.exit_code == 130
    assert "interrupted at 1s of virtual time, " in result.stderr
    assert "the run had ended, and was being judged" in result.stderr


def test_a_sweep_that_is_interrupted_says_in_which_seed(tmp_path, pressed):
    (tmp_path / "players.py").write_text(f'WHERE = "message"\n{BALL_GAME}', encoding="utf-8")
    result = simclock("sweep", "players.py:game", "--seeds", "3:9", "--jobs", 1)
    assert result.exit_code == 130
    assert "simclock: interrupted: 0 of 6 results are saved\n" in result.stderr
    assert "simclock: seed 3 stood at 80ms of 1s of virtual time, " in result.stderr
    assert "simclock: it goes on with `simclock sweep --resume 1`\n" in result.stderr


# Looking on.


class Ball(Message):
    n: int


class Chatter(Node):
    """Sends for ever, or until the test has seen enough."""

    enough = threading.Event()

    def on_start(self):
        self.send(1 - self.id, Ball(0))

    def on_message(self, source, message):
        if not self.enough.is_set():
            self.send(source, Ball(message.n + 1))


def chat(**named: object) -> Scenario:
    Chatter.enough.clear()
    return Scenario(
        name="chat", nodes=2, build=lambda node: Chatter(), network=Network(latency=Constant(delay_ns=ms(1))), **named
    )


class Stream(io.StringIO):
    """What is written; the chatter ends when `awaited` has come."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.awaited = awaited

    def write(self, text: str) -> int:
        if self.awaited in text:
            Chatter.enough.set()
        return super().write(text)


@pytest.fixture
def impatient(monkeypatch):
    """Progress is shown at once and often."""
    monkeypatch.setattr(progress, "FIRST_S", 0.01)
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    monkeypatch.setattr(progress, "ENDLESS_S", 0.0)


@pytest.mark.parametrize("placement", ["inline", "windows"])
def test_a_run_without_an_end_is_told_of_once_also_where_progress_is_not_shown(impatient, placement):
    stream = Stream("this run has no duration")
    run(chat(), placement, guard=False, onlooker=Watcher(stream, shown=False))
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().startswith("simclock: this run has no duration, and goes on for as long as anything is")


def test_a_run_that_lasts_shows_how_far_it_is_and_leaves_the_line_empty(impatient):
    stream = Stream("events/s")
    result = run(chat(duration_ns=seconds(1_000_000)), guard=False, onlooker=Watcher(stream, shown=True))
    first = stream.getvalue().split("\r")[1]
    assert " of 1000000s (0%), " in first and " events, " in first
    assert stream.getvalue().endswith(" \r")
    assert "\n" not in stream.getvalue()
    assert result.digest


def test_a_terminal_that_is_gone_does_not_end_the_run(impatient):
    written = threading.Event()

    class Gone(io.StringIO):
        def write(self, text):
            written.set()
            Chatter.enough.set()
            raise OSError("gone")

    assert run(chat(), guard=False, onlooker=Watcher(Gone(), shown=True)).events
    assert written.is_set()


class Waits(Node):
    """Its handler goes on when the test has looked."""

    entered = threading.Event()
    looked = threading.Event()

    def on_start(self):
        if self.id == 1:
            self.set_timer("long work", ms(5))

    def on_timer(self, timer):
        self.entered.set()
        assert self.looked.wait(60)


@pytest.mark.parametrize("placement", ["inline", "windows"])
def test_a_look_from_another_thread_sees_the_node_and_its_handler(placement):
    seen: list[Standing | None] = []
    Waits.entered.clear()
    Waits.looked.clear()

    @contextmanager
    def onlooker(look: Look) -> Iterator[None]:
        def watch() -> None:
            assert Waits.entered.wait(60)
            seen.extend((look(False), look(True)))
            Waits.looked.set()

        thread = threading.Thread(target=watch)
        thread.start()
        yield
        thread.join()

    scenario = Scenario(
        name="waits", nodes=3, build=lambda node: Waits(), duration_ns=ms(10),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )  # fmt: skip
    run(scenario, placement, guard=False, onlooker=onlooker)
    passing, close = seen
    assert passing is not None and close is not None
    assert passing.doing == ""
    assert (close.virtual_ns, close.end_ns, close.events) == (ms(5), ms(10), 4)
    assert close.doing.startswith("node 1, on_timer, timer 'long work' (")
    assert f"{__file__}:" in close.doing and " in on_timer)" in close.doing


def test_who_looks_on_changes_nothing():
    bounded = Scenario(
        name="chat", nodes=2, build=lambda node: Chatter(), duration_ns=seconds(1),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )  # fmt: skip
    Chatter.enough.clear()

    @contextmanager
    def busy(look: Look) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                look(True)

        thread = threading.Thread(target=watch)
        thread.start()
        yield
        over.set()
        thread.join()

    assert run(bounded, onlooker=busy).digest == run(bounded).digest


# What is said.


def at(virtual_ns: int, events: int, end_ns: int | None = seconds(60), doing: str = "") -> Standing:
    return Standing(virtual_ns, end_ns, events, doing)


def test_the_rate_is_that_of_the_last_seconds():
    shown = RunProgress()
    for second in range(10):
        standing = shown.saw(second, at(seconds(second), 100 * min(second, 5) + 1000 * max(0, second - 5)))
    assert shown.line(9, standing) == "9s of 60s (15%), 4,500 events, 1,000 events/s"


def test_progress_never_goes_back():
    """On Ray a close look asks the hosts, which are ahead of the scheduler."""
    shown = RunProgress()
    shown.saw(1, at(seconds(5), 100))
    assert shown.saw(2, at(seconds(4), 90)) == at(seconds(5), 100)
    assert shown.still(2)


def test_what_never_ends_is_told_once_each():
    shown = RunProgress()
    stuck = at(seconds(1), 5, None, "node 1, on_timer, timer 'x' (a.py:3 in on_timer)")
    shown.saw(0.5, stuck)
    assert list(shown.notes(ENDLESS_S - 0.1, stuck)) == []
    assert [note[:25] for note in shown.notes(ENDLESS_S, stuck)] == ["this run has no duration,"]
    shown.saw(STUCK_S + 1, stuck)
    (note,) = shown.notes(STUCK_S + 1, stuck)
    assert note.startswith("for 10 s nothing has ended (node 1, on_timer, timer 'x' (a.py:3 in on_timer))")
    assert list(shown.notes(STUCK_S + 100, stuck)) == []


@pytest.mark.parametrize(
    ("time_ns", "text"), [(0, "0s"), (999, "999ns"), (1_234_567_890, "1.234s"), (98_765_432_100_000, "98760s")]
)
def test_a_time_that_goes_on_is_told_roughly(time_ns, text):
    assert rough_duration(time_ns) == text


def test_what_a_node_was_handling_is_one_line_of_printable_characters(pressed):
    class Shouts(Node):
        def on_start(self):
            if self.id == 0:
                self.set_timer("\x1b[2J\n" + "x" * 10_000, ms(1))

        def on_timer(self, timer):
            open("reached", "w").close()
            while True:
                pass

    scenario = Scenario(name="shouts", nodes=1, build=lambda node: Shouts(), duration_ns=ms(10))
    with pytest.raises(RunInterrupted) as caught:
        run(scenario)
    assert str(caught.value).isprintable()
    assert "timer '\\x1b[2J\\nxxx" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_is_being_started_is_shown_and_is_not_yet_the_run(impatient):
    """Nothing has ended, and there is no duration; but nothing has begun either."""
    seen, over = [], threading.Event()

    def look(closely: bool) -> Standing:
        seen.append(closely)
        if len(seen) > 5:
            over.set()
        return Standing(0, None, 0, starting=f"starting 101 Ray actors: {40 + len(seen)} up")

    stream = io.StringIO()
    with Watcher(stream, shown=True)(look):
        assert over.wait(60)
    lines = stream.getvalue().split("\r")
    assert lines[1].strip() == "starting 101 Ray actors: 41 up"
    assert lines[5].strip() == "starting 101 Ray actors: 45 up"
    assert "duration" not in stream.getvalue()


def test_an_interrupt_says_what_was_being_started():
    standing = Standing(0, None, 0, starting="starting 101 Ray actors: 43 up")
    assert str(RunInterrupted(standing, 1)) == "interrupted while starting 101 Ray actors: 43 up"


# Bars.


def test_a_bar_shows_on_a_terminal_that_does_not_tell_its_size(monkeypatch):
    """As on a serial line, or in many a container: 0 columns and 0 rows."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    above, below = pty.openpty()
    try:
        assert os.get_terminal_size(below) == (0, 0)
        with open(below, "w", closefd=False, encoding="utf-8") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with progress_bar(total=4, unit="run") as bar:
                bar.update(4)
        shown = ""
        while "4/4" not in shown and select.select([above], [], [], 10)[0]:
            shown += os.read(above, 10_000).decode()
    finally:
        os.close(above)
        os.close(below)
    assert "100%" in shown and "4/4" in shown


# On Ray.


class RayWaits(Node):
    """Its handler goes on when the file is there, or when its worker is killed."""

    def on_start(self):
        if self.id == 1:
            self.set_timer("long work", ms(5))

    def on_timer(self, timer):
        while not os.path.exists("/nowhere/at/all"):
            pass


@pytest.mark.ray
def test_on_ray_an_interrupt_says_where_the_run_stood(ray, interruptible):
    """The actors are asked in a thread of their own, while their handlers go on."""
    starting = []

    @contextmanager
    def onlooker(look: Look) -> Iterator[None]:
        def watch() -> None:
            while True:
                standing = look(True)
                if standing is not None and standing.starting:
                    starting.append(standing.starting)
                if standing is not None and "on_timer" in standing.doing:
                    break
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=watch, daemon=True).start()
        yield

    scenario = Scenario(
        name="waits", nodes=2, build=lambda node: RayWaits(), duration_ns=ms(10),
        network=Network(latency=Constant(delay_ns=ms(1))),
    )  # fmt: skip
    with pytest.raises(RunInterrupted) as caught:
        run(scenario, "ray", onlooker=onlooker)
    standing = caught.value.standing
    assert (standing.virtual_ns, standing.end_ns) == (ms(5), ms(10))
    assert standing.doing.startswith("node 1, on_timer, timer 'long work' (")
    assert " in on_timer)" in standing.doing
    assert starting, "who looks on sees the start too"
    assert set(starting) <= {f"starting 2 Ray actors: {up} up" for up in (0, 1, 2)}


@pytest.mark.parametrize(("words", "shown"), [((), None), (("--progress",), True), (("--no-progress",), False)])
def test_a_page_of_a_run_that_lasts_shows_how_far_it_is(tmp_path, monkeypatch, words, shown):
    asked, seen = [], []

    @contextmanager
    def onlooker(look):
        yield
        seen.append(look(False))

    monkeypatch.setattr(
        "simclock.experiments.commands.view.watcher", lambda progress: asked.append(progress) or onlooker
    )
    result = simclock("view", "phold", "--nodes", 2, "--duration", "1s", "--out", tmp_path / "run.html", *words)
    assert (result.exit_code, asked, [each.virtual_ns for each in seen]) == (0, [shown], [seconds(1)])
    assert seen[0].end_ns == seconds(1) and seen[0].events > 0


def test_an_interrupted_page_says_where_the_run_stood(tmp_path, monkeypatch, pressed):
    (tmp_path / "players.py").write_text(f'WHERE = "timer"\n{BALL_GAME}', encoding="utf-8")
    result = simclock("view", f"{tmp_path}/players.py:game")
    assert result.exit_code == 130 and not (tmp_path / "run.html").exists()
    assert "simclock: interrupted at 50ms of 1s of virtual time, " in result.stderr
