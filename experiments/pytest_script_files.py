"""Which files pytest takes for scripts (docs/scripts.md). pytest loads this in every run: it imports nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPTS = "tests/scripts/*.txt"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that records scripts anew, and the setting that says where they are."""
    group = parser.getgroup("simclock", "simclock: tests over seeds")
    group.addoption("--simclock-rewrite", action="store_true", help="record what scripts print now, in their files")
    parser.addini(
        "simclock_scripts",
        "files with scripts, each a test: globs, from the root of the project; nothing: none",
        type="args",
        default=[SCRIPTS],
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A script is a test."""
    globs: list[str] = parent.config.getini("simclock_scripts")
    try:
        name = file_path.relative_to(parent.config.rootpath)
    except ValueError:
        return None
    if not any(name.match(glob) and len(name.parts) == len(Path(glob).parts) for glob in globs):
        return None
    if globs == [SCRIPTS] and not _begins_a_scenario(file_path):
        return None  # the project has said nothing of scripts: its texts may be anything
    from simclock.experiments.pytest_scripts import ScriptFile

    made: pytest.Collector = ScriptFile.from_parent(parent, path=file_path)
    return made


def _begins_a_scenario(file: Path) -> bool:
    """Whether some line of it does."""
    try:
        return any(line.startswith(b"scenario ") for line in file.read_bytes().splitlines())
    except OSError:
        return False
