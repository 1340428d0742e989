"""Every protocol folder has one shape, or says in its `__init__` why not.

    messages.py    what nodes send each other           client.py      the node that asks, where there is one kind
    settings.py    what all nodes agree on              workload.py    what is asked for, and how often
    properties.py  what must hold, as observers         observed.py    what nodes tell, as types
    <role>.py      a node, or what a node is made of; the docstring of `__init__` says what

What a file holds is read from its source; where it is not at its place, a paragraph of the `__init__` that begins
"Of another shape:" names the file. The rules are themselves tested below, on folders known to be bad.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROTOCOLS = Path(__file__).resolve().parent.parent / "protocols"
FOLDERS = sorted(file.parent for file in PROTOCOLS.glob("*/__init__.py"))
EXCUSE = "Of another shape:"


def place_of(node: ast.stmt) -> str | None:
    """The file that a class belongs in; None if any will do."""
    if not isinstance(node, ast.ClassDef):
        return None
    bases = {ast.unparse(base) for base in node.bases}
    if "Message" in bases:
        return "messages.py"
    if any(base == "Observer" or base.endswith("Properties") for base in bases):
        return "properties.py"
    for ending, file in (("Settings", "settings.py"), ("Workload", "workload.py"), ("Work", "workload.py")):
        if node.name.endswith(ending):
            return file
    return "client.py" if node.name.endswith("Client") else None


def misplaced(folder: Path) -> dict[str, list[str]]:
    """File -> the classes in it that belong elsewhere."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if place_of(node) not in (None, file.name):
                found.setdefault(file.name, []).append(node.name)  # type: ignore[attr-defined]
    return found


def untold(folder: Path) -> Iterator[str]:
    """Where a node tells something that has no type in `observed.py`: by a name that stands beside it as text."""
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="observe"), args=[ast.Constant(value=name), *_]):
                    yield f"{file.name}: {name!r} is told without a type of observed.py"
                case ast.Call(func=ast.Attribute(attr="observe")) if not (folder / "observed.py").exists():
                    yield f"{file.name}: tells something, and there is no observed.py"
                case ast.ClassDef(name=name, bases=bases) if file.name != "observed.py":
                    if any(ast.unparse(base) == "Told" for base in bases):
                        yield f"{file.name}: {name} belongs in observed.py"


def documented(folder: Path) -> tuple[str, str]:
    """The docstring of a folder's `__init__`: the excuse for another shape, and the rest."""
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    paragraphs = doc.split("\n\n")
    excuses = [each for each in paragraphs if each.startswith(EXCUSE)]
    return "\n".join(excuses), "\n".join(each for each in paragraphs if each not in excuses)


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with the shape of a folder."""
    excuse, table = documented(folder)
    files = {file.name for file in folder.glob("*.py")} - {"__init__.py"}
    listed = re.findall(r"^ *(\w+\.py) +\S", table, re.MULTILINE)
    yield from (f"{name}: its __init__ does not say what it is" for name in sorted(files - set(listed)))
    yield from (f"{name}: its __init__ tells of it, and it is not there" for name in sorted(set(listed) - files))
    wrong = misplaced(folder)
    excused = set(re.findall(r"\w+\.py", excuse))
    for name, classes in wrong.items():
        if name not in excused:
            yield f"{name}: {', '.join(classes)} belongs elsewhere, and nobody says why not"
    yield from (f"{name}: excused, and nothing in it is misplaced" for name in sorted(excused - set(wrong)))
    yield from untold(folder)
    yield from (
        f"{each.name}/: a protocol's folder is flat" for each in folder.iterdir() if (each / "__init__.py").exists()
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_protocol_has_the_shape_of_all_or_says_why_not(folder: Path) -> None:
    assert list(faults(folder)) == []


def test_no_protocol_is_left_out() -> None:
    assert {file.parent for file in PROTOCOLS.glob("*/*.py")} == set(FOLDERS) and len(FOLDERS) > 15


BAD = {
    "a message elsewhere": ("ring.py  x", {"ring.py": "class Ask(Message): ..."}, "ring.py: Ask belongs"),
    "settings elsewhere": ("ring.py  x", {"ring.py": "class RingSettings: ..."}, "ring.py: RingSettings belongs"),
    "an observer elsewhere": ("ring.py  x", {"ring.py": "class Once(Observer): ..."}, "ring.py: Once belongs"),
    "properties elsewhere": ("ring.py  x", {"ring.py": "class Once(RingProperties): ..."}, "ring.py: Once belongs"),
    "a workload elsewhere": ("ring.py  x", {"ring.py": "class Workload: ..."}, "ring.py: Workload belongs"),
    "told by a name": (
        "node.py  x\nobserved.py  y",
        {"node.py": "def f(self):\n    self.observe('up', 1)", "observed.py": ""},
        "node.py: 'up' is told without a type",
    ),
    "told without types": (
        "node.py  x",
        {"node.py": "def f(self):\n    self.observe(Up(1))"},
        "node.py: tells something",
    ),
    "told elsewhere": ("node.py  x", {"node.py": "class Up(Told): ..."}, "node.py: Up belongs in observed.py"),
    "a client elsewhere": ("ring.py  x", {"ring.py": "class RingClient(Node): ..."}, "ring.py: RingClient belongs"),
    "not said what it is": ("Ring.", {"ring.py": ""}, "ring.py: its __init__ does not say"),
    "gone": ("ring.py  x\nstar.py  y", {"ring.py": ""}, "star.py: its __init__ tells of it"),
    "excused for nothing": (f"ring.py  x\n\n{EXCUSE} ring.py", {"ring.py": ""}, "ring.py: excused"),
    "excused for another": (
        f"ring.py  x\nstar.py  y\n\n{EXCUSE} star.py",
        {"ring.py": "class Ask(Message): ...", "star.py": "class Tell(Message): ..."},
        "ring.py: Ask belongs",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_shape_is_found(tmp_path: Path, name: str) -> None:
    doc, files, fault = BAD[name]
    (tmp_path / "__init__.py").write_text(f'"""{doc}\n"""\n')
    for file, source in files.items():
        (tmp_path / file).write_text(source)
    (found,) = faults(tmp_path)
    assert found.startswith(fault)


def test_a_good_shape_passes(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text(f'"""Ring.\n\nmessages.py  x\nlog.py  y\n\n{EXCUSE} log.py keeps it.\n"""\n')
    (tmp_path / "messages.py").write_text("class Ask(Message): ...")
    (tmp_path / "log.py").write_text("class Entry(Message): ...\nclass Log: ...")
    assert list(faults(tmp_path)) == []
