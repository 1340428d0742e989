"""The text of a script: blocks of commands, each with the output that was recorded below it.

    # Why this is told.                  remarks, and lines of nothing
    deliver 0->1 RequestVote             one command or more
    ----                                 where output is recorded
    1: term 0 -> 1                       the output, up to the first empty line
                                         (etcd-io/raft's interaction tests have this form)

Law: `rewritten` changes the outputs and nothing else, so a script that is rewritten twice stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simclock.errors import UsageError
from simclock.experiments.scripts.commands import Begin, Command, SetUp
from simclock.experiments.scripts.grammar import read_command
from simclock.experiments.scripts.words import is_remark
from simclock.readable import escaped

RULE = "----"
SCRIPT_BYTES_MAX = 4 << 20


@dataclass(frozen=True)
class Said:
    """One command where it stands."""

    line: int
    text: str
    command: Command


@dataclass(frozen=True)
class Block:
    """Commands whose output stands together."""

    said: tuple[Said, ...]
    output: tuple[str, ...] | None
    """What was recorded; None where nothing is."""
    begins: int
    """The index of its first command's line in the file, from 0."""
    ends: int
    """The index of the line after its last command."""
    resumes: int
    """The index of the line after its output."""

    @property
    def begins_act(self) -> bool:
        """Whether a world begins with it."""
        return any(isinstance(said.command, Begin) for said in self.said)


@dataclass(frozen=True)
class Script:
    """A script as it was read."""

    name: str
    """What errors call it: the path of the file."""
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]

    def rewritten(self, outputs: Sequence[Sequence[str]]) -> str:
        """The text with these outputs, one for each block, in place of those recorded; an empty one has no rule."""
        lines: list[str] = []
        at = 0
        for block, output in zip(self.blocks, outputs, strict=True):
            lines += [*self.lines[at : block.ends], *([RULE] if output else []), *output]
            at = block.resumes
        lines += self.lines[at:]
        return "\n".join(lines) + "\n"


def read_script(path: Path) -> Script:
    """The script in a file."""
    try:
        with path.open("rb") as file:
            data = file.read(SCRIPT_BYTES_MAX + 1)
        if len(data) > SCRIPT_BYTES_MAX:
            raise UsageError(f"{path}: no script is larger than {SCRIPT_BYTES_MAX >> 20} MiB")
        text = data.decode()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a script: not UTF-8 text") from None
    except ValueError:
        raise UsageError(f"{path}: cannot be read: no file has such a name") from None
    return script_of(text, str(path))


def script_of(text: str, name: str = "script") -> Script:
    """The script in a text; raises UsageError, `name:line: ...`, for what is none."""
    lines = tuple(escaped(text.replace("\r\n", "\n")).splitlines())
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        if _is_blank(lines[at]):
            at += 1
            continue
        begins = at
        said = []
        while at < len(lines) and lines[at].strip() and lines[at].rstrip() != RULE:
            if not _is_blank(lines[at]):
                said.append(_said(lines[at], at + 1, name))
                ends = at + 1
            at += 1
        if not said:
            raise UsageError(f"{name}:{at + 1}: {RULE} stands below a command")
        output = None
        if at < len(lines) and lines[at].rstrip() == RULE:
            start = at = at + 1
            while at < len(lines) and lines[at].strip():
                at += 1
            output = lines[start:at]
        blocks.append(Block(tuple(said), output, begins, ends, at if output is not None else ends))
    _check_order(blocks, name)
    return Script(name, lines, tuple(blocks))


def _is_blank(line: str) -> bool:
    line = line.strip()
    return not line or is_remark(line, 0)


def _said(line: str, number: int, name: str) -> Said:
    try:
        return Said(number, line.strip(), read_command(line.strip()))
    except UsageError as error:
        raise UsageError(f"{name}:{number}: {error}") from None


def _check_order(blocks: Iterable[Block], name: str) -> None:
    """A scenario comes first, and what is put in stands with it."""
    before: Command | None = None
    for said in (each for block in blocks for each in block.said):
        command = said.command
        if before is None and not isinstance(command, Begin):
            raise UsageError(f"{name}:{said.line}: no scenario yet: write `scenario NAME` first")
        if isinstance(command, SetUp) and not isinstance(command, Begin) and not isinstance(before, SetUp):
            raise UsageError(f"{name}:{said.line}: the nodes have begun: this stands right after `scenario`")
        before = command
    if before is None:
        raise UsageError(f"{name}:1: an empty script: write `scenario NAME` first")


def split_in_acts(script: Script) -> list[Script]:
    """A script for each `scenario` of it."""
    acts: list[list[Block]] = []
    for block in script.blocks:
        if block.begins_act:
            acts.append([])
        acts[-1].append(block)
    return [replace(script, blocks=tuple(blocks)) for blocks in acts]
