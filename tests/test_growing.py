"""A toy protocol, a toy fault and a toy checker are added to a copy of the checkout by exactly the files that
docs/ARCHITECTURE.md names for it, and work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAIN = "from simclock.experiments.start import main; main()"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources, with their links."""
    for room in ("simclock", "actors", "protocols", "experiments"):
        subprocess.run(["cp", "-a", str(ROOT / room), str(tmp_path / room)], check=True)
    return tmp_path


def simclock(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} in {file}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def named(what: str) -> set[str]:
    """The files and folders that the page names for adding one of these."""
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| a {what} \| (.*) \|$", page, re.MULTILINE)
    return set(re.findall(r"`([\w<>.]+/[\w/<>.]+)`", row))


def touched(copy: Path) -> set[str]:
    """What is not as it was, or new."""
    found = set()
    for room in ("simclock", "actors", "protocols", "experiments"):
        for file in (copy / room).rglob("*.py"):
            relative = file.relative_to(copy)
            before = ROOT / relative
            if not before.exists() or before.read_bytes() != file.read_bytes():
                found.add(relative.as_posix())
    return found


def assert_only(copy: Path, what: str, **filled: str) -> None:
    """Every file that was touched is named on the page, and every name on the page was touched."""
    names = named(what)
    for placeholder, word in filled.items():
        names = {name.replace(f"<{placeholder}>", word) for name in names}
    changed = touched(copy)
    assert {file for file in changed if not any(file == name or file.startswith(f"{name}/") for name in names)} == set()
    assert {name for name in names if not any(file == name or file.startswith(f"{name}/") for file in changed)} == set()


TOY = '''"""A toy: whoever hears a number first passes it on."""

from __future__ import annotations

from simclock.actors import Message, Node


class Number(Message):
    number: int


class Passer(Node):
    """Passes a number round, one more each time."""

    def on_start(self) -> None:
        if self.id == 0:
            self.send(1, Number(0))

    def on_message(self, source: int, message: Number) -> None:
        self.observe("number", message.number)
        self.send((self.id + 1) % self.nodes, Number(message.number + 1))
'''
TOY_SCENARIO = '''"""A toy on three nodes."""

from simclock import Network, Observer, Scenario, Uniform, ms
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import judge_invariants
from simclock.protocols.toy import Passer


class Grows(Observer):
    def __init__(self) -> None:
        self.last = -1

    def on_observation(self, observation, control) -> None:
        if observation.value <= self.last:
            control.violated("Grows", observation.node, f"{observation.value} after {self.last}")
        self.last = observation.value


def toy(settings: Settings) -> Scenario:
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)))
    return Scenario(
        name="toy", nodes=3, build=lambda node: Passer(), duration_ns=ms(500), network=network, observers=(Grows,)
    )


TOY = Entry(name="toy", summary="a toy", make=toy, judge=judge_invariants)
'''
TOY_TOPIC = '''"""A toy."""

from simclock.experiments.catalog.toy.scenario import TOY
from simclock.experiments.entries.topic import Topic

TOPIC = Topic(name="toy", entries=(TOY,))
'''


def test_a_protocol(copy: Path) -> None:
    for file, text in {
        "protocols/toy/__init__.py": '"""A toy."""\n\nfrom simclock.protocols.toy.passer import Number, Passer\n',
        "protocols/toy/passer.py": TOY,
        "experiments/catalog/toy/__init__.py": TOY_TOPIC,
        "experiments/catalog/toy/scenario.py": TOY_SCENARIO,
    }.items():
        (copy / file).parent.mkdir(exist_ok=True)
        (copy / file).write_text(text, encoding="utf-8")
    edit(copy / "experiments/catalog/__init__.py", '    "metadata": "",\n', '    "metadata": "",\n    "toy": "toy",\n')
    assert_only(copy, "protocol", name="toy")
    results = [simclock(copy, "run", "toy", "--seed", "3", "--placement", where) for where in ("inline", "windows")]
    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    digests = {re.search(r"digest +(\w+)", result.stdout)[1] for result in results}  # type: ignore[index]
    assert len(digests) == 1
    assert "toy " in simclock(copy, "list").stdout


HICCUP = '''class Hiccup(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The node forgets its timers."""

    kind: ClassVar[str] = "hiccup"


class Pause('''
HICCUP_STRIKE = """def _hiccup(host: HostPort, process: ProcessPort, fault: Hiccup, event: Event) -> None:
    if process.sim_up:
        host.record_fault(process, event)
        process.sim_timers.clear()


PROCESS: dict["""


def test_a_fault(copy: Path) -> None:
    edit(copy / "simclock/faults/process.py", "class Pause(", HICCUP)
    edit(copy / "simclock/faults/plan.py", "_PROCESS = (Crash,", "_PROCESS = (Hiccup, Crash,")
    edit(copy / "simclock/faults/plan.py", "process import Crash,", "process import Hiccup, Crash,")
    edit(copy / "simclock/faults/__init__.py", "from simclock.faults.process import", IMPORTS_HICCUP)
    strikes = copy / "simclock/kernel/strikes/process.py"
    edit(strikes, "PROCESS: dict[", HICCUP_STRIKE)
    edit(strikes, "    Pause: of_node(", "    Hiccup: of_node(_hiccup, recorded),\n    Pause: of_node(")
    edit(
        strikes,
        "from simclock.faults import ",
        "from simclock.faults.process import Hiccup\nfrom simclock.faults import ",
    )
    episodes = copy / "experiments/nemesis/episodes.py"
    edit(episodes, "NEVER_DRAWN: dict[type[Fault], str] = {", NEVER_HICCUP)
    assert_only(copy, "fault", sort="process")
    plan = 'scenario = "timers"\nnodes = 2\nduration = "20ms"\n\n[[faults]]\nkind = "hiccup"\nat = "5ms"\nnode = 1\n'
    (copy / "plan.toml").write_text(plan, encoding="utf-8")
    result = simclock(copy, "run", "plan.toml")
    assert result.returncode == 0 and "hiccup node 1" in result.stdout, result.stderr
    assert "took effect" in result.stdout and "1 hiccup" in result.stdout


IMPORTS_HICCUP = "from simclock.faults.process import Hiccup as Hiccup\nfrom simclock.faults.process import"
NEVER_HICCUP = """from simclock.faults.process import Hiccup

NEVER_DRAWN: dict[type[Fault], str] = {
    Hiccup: "a toy",
"""

CONSTANT = '''"""A toy: an object that is read, and is never written."""

from __future__ import annotations

from typing import Any

from simclock.experiments.checkers.linearizability import Model, register


def constant(initial: Any) -> Model:
    """What is read is what was there at first."""
    return register(initial=initial)
'''


def test_a_checker(copy: Path) -> None:
    (copy / "experiments/checkers/constant.py").write_text(CONSTANT, encoding="utf-8")
    check = copy / "experiments/commands/check.py"
    edit(check, '    "register": register,\n', '    "register": register,\n    "constant": constant,\n')
    edit(check, "from simclock.experiments.checkers.histories import", IMPORTS_CONSTANT)
    assert_only(copy, "checker", name="constant")
    for value, status in ((5, 0), (6, 1)):
        history = (
            f'{{"process":0,"type":"invoke","f":"read"}}\n{{"process":0,"type":"ok","f":"read","value":{value}}}\n'
        )
        (copy / "h.jsonl").write_text(history, encoding="utf-8")
        result = simclock(copy, "check", "h.jsonl", "--model", "constant", "--initial", "5", "--order-by", "position")
        assert result.returncode == status, result.stderr


IMPORTS_CONSTANT = (
    "from simclock.experiments.checkers.constant import constant\nfrom simclock.experiments.checkers.histories import"
)


def test_the_page_names_files_that_are_there() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| an? (\w+) \| (.*) \|$", page, re.MULTILINE)
    assert {what for what, _ in rows} >= {"protocol", "fault", "checker", "placement", "verb", "clock", "study"}
    exists: Callable[[str], bool] = lambda name: "<" in name or (ROOT / name).exists()  # noqa: E731
    missing = [name for _, row in rows for name in re.findall(r"`([\w/<>.]+/[\w/<>.]+)`", row) if not exists(name)]
    assert missing == []
