"""The examples of README.md and docs/ are run, and must print what the page shows.

A block whose first line is `# file: NAME` is written to a folder; a console block's lines that begin with `$ `
are run there, in order. Every line shown below a command must be printed by it, in that order; `...` stands for lines
left out, and what depends on the machine (wall time, speed) is written as `_`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONG_PAGES = {
    "README.md",
    "comparing.md",
    "exploring.md",
    "hunting.md",
    "mutation.md",
    "own-scenarios.md",
    "project-01-clock-synchronization.md",
    "project-03-vector-clock-store.md",
    "project-05-shared-document.md",
    "project-07-truetime.md",
    "project-09-crdts.md",
    "project-11-leases.md",
    "scripts.md",
}
"""Their commands take ten seconds to a minute; the other pages are tried in every run of the tests."""
RULES = ROOT / "docs" / "raft-rules.md"
"""Its tables say of each rule where it is in the code, and which tests fail where it is broken."""
BLOCK = re.compile(r"^```(python|console|toml|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)")
EXTERNAL = {"friendsforever.json.gz": "editing/friendsforever.json.gz"}
"""Files of other projects that a page's command reads -> where the external data has them."""
STARTS_RAY = re.compile(r"\bray\b|\bauto\b|simclock demo|--address")
ASKED = re.compile(r"\$ |.*Placement|.*placement")
"""Lines that may say so: commands, and what a page's code says of placements."""
MACHINE = re.compile(r"\d[\d,.]*( s\b| events/s|x\b)")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def commands(block: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def plain(line: str) -> str:
    return re.sub(r"\s+", " ", MACHINE.sub("_", line)).strip()


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "120"}
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )


def check(command: str, shown: list[str], folder: Path) -> None:
    done = run(command, folder)
    said = [plain(line) for line in (done.stdout + done.stderr).splitlines()]
    assert "Traceback" not in done.stderr, done.stderr
    position = 0
    for line in map(plain, shown):
        if line in ("", "..."):
            continue
        assert line in said[position:], f"$ {command}\nshows: {line}\nbut it prints:\n" + "\n".join(said)
        position = said.index(line, position) + 1


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """Whether it takes long, and whether something on it starts a Ray."""
    asks = any(STARTS_RAY.search(line) for _, block in blocks(page) for line in block.splitlines() if ASKED.match(line))
    return [*([pytest.mark.slow] if page.name in LONG_PAGES else []), *([pytest.mark.ray] if asks else [])]


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name, marks=marks(page)) for page in PAGES])
def test_page(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    ran = 0
    for language, block in blocks(page):
        named = FILE.match(block)
        if language in ("python", "toml", "text") and named:
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
        elif language == "console":
            for command, shown in commands(block):
                if command.split()[0] in ("make", "ray", "git", "pip", "export", "cd"):
                    continue
                for name, place in EXTERNAL.items():
                    if name in command and not (tmp_path / name).exists():
                        (tmp_path / name).symlink_to(request.getfixturevalue("external_data") / place)
                check(command, shown, tmp_path)
                ran += 1
    assert ran or page.name != "README.md"


def test_the_check_can_fail(tmp_path: Path) -> None:
    check("python -c print(1)", ["1"], tmp_path)
    with pytest.raises(AssertionError, match="shows: 2"):
        check("python -c print(1)", ["2"], tmp_path)
    check("python -c print('9.81')", ["9.81"], tmp_path)
    assert plain("wall time 3.59 s, 40,311 events/s") == plain("wall time 1.02 s, 99 events/s")
    assert plain("digest 3.5") != plain("digest 3.6")


def defined(files: Iterable[Path]) -> set[str]:
    """The functions and classes of these files, methods too."""
    return {name for file in files for name in re.findall(r"^ *(?:def|class) (\w+)", file.read_text("utf-8"), re.M)}


def test_the_code_and_the_tests_that_the_rules_of_raft_name_are_there() -> None:
    page = RULES.read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named <= defined((ROOT / "tests").glob("test_*.py"))
    sentences = defined((ROOT / "tests").glob("test_raft_sentences*.py"))
    assert {name for name in sentences if name.startswith("test_")} <= named
    rows = [line.split(" | ") for line in page.partition("## Left out")[0].splitlines() if " | `" in line]
    assert len(rows) > 100
    for _, rule, code, tests in rows:
        assert "`test_" in tests, f"{rule}: no test"
        for place in code.split(", "):
            file, name = re.findall(r"`(\S+)`", place)
            assert name in defined((ROOT / "protocols").glob(f"r*/{file}")), f"{rule}: no {name} in {file}"
