"""A source, compiled with counters: how often the place that was changed ran, and how much a run has done.

Law: a run of a mutant ends. What it may do is counted, not timed, so that a mutant without an end is the same hang on
every machine: turns of the loops in the files under test, and messages and timers that nodes have handled; where tests
judge, and no run of nodes does, calls of the functions in these files count as turns, since the loop may be another's.

This module imports nothing of ours: what is replaced must not have been imported before.
"""

from __future__ import annotations

import ast
import builtins
import os
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any, NamedTuple

RAN = "__simclock_ran__"
TURN = "__simclock_turn__"
TURNS_MAX = 2_000_000
"""Turns of loops in one run, at least; where the right code makes many, a multiple of that."""


class Hang(BaseException):
    """A run has done far more than the right code does. No `except Exception` of the code under test catches it."""


class UnderTest(BaseException):
    """What is under test is imported where it must not be yet."""


class Counters:
    """What is counted of one run."""

    def __init__(self) -> None:
        self.ran = 0
        """How often the changed place ran."""
        self.turns = 0
        self.handled = 0
        self.begin()

    def begin(self, turns_max: int = TURNS_MAX, handled_max: int | None = None) -> None:
        """A run begins, which may do so much; what ran before, at the import, stays counted."""
        self.turns = self.handled = 0
        self.turns_max, self.handled_max = turns_max, handled_max

    def run_once(self) -> None:
        """The changed place runs now."""
        self.ran += 1

    def turn(self) -> None:
        """A loop turns."""
        self.turns += 1
        if self.turns > self.turns_max:
            raise Hang(f"more than {self.turns_max:,} turns of loops")

    @property
    def hung(self) -> bool:
        """Whether loops have turned more often than they may, whatever became of the exception."""
        return self.turns > self.turns_max

    def handle(self) -> None:
        """A node handles a message or a timer."""
        self.handled += 1
        if self.handled_max is not None and self.handled > self.handled_max:
            raise Hang(f"more than {self.handled_max:,} messages and timers handled")


class Replacement(NamedTuple):
    """What is compiled in place of a file."""

    source: str
    span: tuple[int, int] | None = None
    """Where the change stands in it, in bytes; None: nothing is changed."""
    calls: bool = False
    """Whether a call of a function counts as a turn of a loop."""


def install(replacements: Mapping[str, Replacement | None]) -> tuple[Counters, set[str]]:
    """Have these files, by their real paths, compiled so whenever they are imported; None: that is refused.

    Gives the counters, and the files that have been imported so far, which grows.
    """
    counters, imported = Counters(), set[str]()
    setattr(builtins, RAN, counters.run_once)
    setattr(builtins, TURN, counters.turn)
    usual = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        path = os.path.realpath(loader.path)
        if path not in replacements:
            return usual(loader, fullname)
        replacement = replacements[path]
        if replacement is None:
            raise UnderTest(path)
        imported.add(path)
        code: CodeType = compile(instrumented(replacement), loader.path, "exec", dont_inherit=True)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment] # a path finder would not see files
    return counters, imported


def instrumented(replacement: Replacement) -> ast.Module:
    """The tree of that source, counting."""
    tree = ast.parse(replacement.source)
    target = None if replacement.span is None else _innermost(tree, replacement.source, *replacement.span)
    counting: ast.Module = _Counting(target, replacement.calls).visit(tree)
    return ast.fix_missing_locations(counting)


def _innermost(tree: ast.AST, source: str, start: int, end: int) -> ast.expr | ast.stmt:
    """The smallest statement, or expression whose value is taken, that covers these bytes."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    found: ast.expr | ast.stmt | None = None
    size = len(source.encode()) + 1
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt) or isinstance(node, ast.Slice | ast.Starred):
            continue
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        assert node.end_lineno is not None and node.end_col_offset is not None, "it was parsed"
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[node.end_lineno - 1] + node.end_col_offset
        if first <= start and end <= last and last - first < size:
            found, size = node, last - first
    assert found is not None, "the change stands in a statement"
    return found


def _call(name: str) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[], keywords=[])


class _Counting(ast.NodeTransformer):
    """Puts the calls in that count."""

    def __init__(self, target: ast.expr | ast.stmt | None, calls: bool) -> None:
        self._target = target
        self._calls = calls

    def visit(self, node: ast.AST) -> Any:
        node = self.generic_visit(node)
        if isinstance(node, ast.For | ast.While):
            node.body.insert(0, ast.Expr(_call(TURN)))
        if self._calls and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body.insert(0 if ast.get_docstring(node, clean=False) is None else 1, ast.Expr(_call(TURN)))
        if node is not self._target:
            return node
        if isinstance(node, ast.expr):
            return ast.BoolOp(op=ast.Or(), values=[_call(RAN), node])  # which is None, so the value is the other's
        return [ast.Expr(_call(RAN)), node]
