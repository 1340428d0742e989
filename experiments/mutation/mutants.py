"""The mutants of a source: each changes one token, an argument's place, or leaves out one statement.

Law 1: what there is follows from the source alone, in the order of the source; which are taken, from the seed alone.
       The first hundred of a sample of two hundred are the sample of one hundred.
Law 2: what cannot change a run is left alone: annotations, docstrings, assertions, what is raised and the `if` that
       only raises (a right program with right settings reaches none of them), patterns, texts.
Law 3: the judge is not under test, nor is the question: what derives from `Observer`, functions that say that they
       return a `Scenario`, and what such a one is made with.
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from simclock import stream

COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
}
ARITHMETIC = {"+": "-", "-": "+", "*": "//", "//": "*", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "|": "&", "&": "|"}
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}
OBSERVER, SCENARIO = "Observer", "Scenario"
SMALL_MAX = 16
"""A whole number up to this is moved by one, a larger one is doubled and halved: one more nanosecond shows nowhere."""

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Div: "/",
    ast.Mod: "%",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitAnd: "&",
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one source."""

    number: int
    """Its place in the sample, in the order of files and lines."""
    file: str
    """As the user named it."""
    line: int
    kind: str
    """Such as `comparison` or `dropped statement`."""
    start: int
    """Where the change begins, in bytes of the source in UTF-8."""
    end: int
    replacement: str

    def source(self, original: str) -> str:
        """The changed source."""
        text = original.encode()
        return (text[: self.start] + self.replacement.encode() + text[self.end :]).decode()

    def diff(self, original: str) -> str:
        """The change as a unified diff, a line of context around it."""
        before, after = original.splitlines(), self.source(original).splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.file, self.file, n=1, lineterm=""))


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change, before it is anybody's."""

    kind: str
    start: int
    end: int
    replacement: str


def changes(source: str) -> list[Change]:
    """Every change of this source, in its order. Raises SyntaxError where it is no Python."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    found = {(each.start, each.end, each.replacement): each for each in reversed(finder.found)}
    return [found[key] for key in sorted(found)]


def sample(sources: Sequence[tuple[str, str]], count: int | None, seed: int) -> tuple[list[Mutant], int]:
    """So many mutants of these (file, source), or all of them; and how many there are."""
    every = [(place, change) for place, (_, source) in enumerate(sources) for change in changes(source)]
    luck = stream(seed, "mutants")
    left = list(range(len(every)))
    shuffled = (left.pop(luck.randrange(len(left))) for _ in range(len(every)))
    compiling = (number for number in shuffled if _compiles(sources[every[number][0]][1], every[number][1]))
    chosen = sorted(islice(compiling, count))
    mutants = []
    for number, index in enumerate(chosen):
        place, change = every[index]
        file, source = sources[place]
        line = source.encode()[: change.start].count(b"\n") + 1
        mutants.append(Mutant(number=number, file=file, line=line, **vars(change)))
    return mutants, len(every)


def _compiles(source: str, change: Change) -> bool:
    mutant = Mutant(number=0, file="", line=0, **vars(change))
    try:
        compile(mutant.source(source), "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


class _Text:
    """A source as bytes, with its tokens: where an operator stands is not in the syntax tree."""

    def __init__(self, source: str) -> None:
        self.bytes = source.encode()
        lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line.encode()))
        self._tokens = [
            (self._starts[row - 1] + len(lines[row - 1][:column].encode()), token.string)
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type in (tokenize.OP, tokenize.NAME)
            for row, column in (token.start,)
        ]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None, "it was parsed"
        first = self._starts[node.lineno - 1] + node.col_offset
        return first, self._starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.bytes[start:end].decode()

    def operator(self, words: str, start: int, end: int) -> tuple[int, int]:
        """Where this operator, of one or two words, stands between two operands."""
        parts = words.split()
        within = [(at, text) for at, text in self._tokens if start <= at < end]
        for index, (at, text) in enumerate(within):
            if text == parts[0] or text == f"{parts[0]}=":  # of an augmented assignment too
                last_at, last = within[index + len(parts) - 1]
                return at, last_at + len(last)
        raise AssertionError(f"{words} stands between its operands")


def _name(node: ast.expr | None) -> str:
    """`Scenario` of `Scenario`, `simclock.Scenario` and `"Scenario"`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rpartition(".")[2]
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


class _Finder(ast.NodeVisitor):
    """Walks over a source and collects what may be changed."""

    def __init__(self, source: str) -> None:
        self.found: list[Change] = []
        self._text = _Text(source)
        self._functions = 0
        self._observers = {OBSERVER}

    def _change(self, kind: str, where: ast.expr | ast.stmt | tuple[int, int], replacement: str) -> None:
        start, end = where if isinstance(where, tuple) else self._text.span(where)
        self.found.append(Change(kind=kind, start=start, end=end, replacement=replacement))

    # What is left alone.

    def _leave(self, node: ast.AST) -> None:
        return

    visit_Assert = visit_JoinedStr = visit_Import = visit_ImportFrom = visit_Raise = _leave
    visit_arg = _leave  # an annotation

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._drop(node, node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_match_case(self, node: ast.match_case) -> None:
        if node.guard is not None:
            self._negate(node.guard)
            self.visit(node.guard)
        for statement in node.body:
            self.visit(statement)

    # Statements.

    def _walk_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if _name(node.returns) == SCENARIO:
            return
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._functions += 1
        for statement in node.body:
            self.visit(statement)
        self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = _walk_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if not self._observers.isdisjoint(map(_name, node.bases)):
            self._observers.add(node.name)
            return
        outside, self._functions = self._functions, 0
        for statement in node.body:
            self.visit(statement)
        self._functions = outside

    def _drop(self, node: ast.stmt, *targets: ast.expr) -> None:
        """Leave a statement out, within functions, where what it binds is not a name that others need."""
        if self._functions and not any(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets):
            self._change("dropped statement", node, "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._drop(node)
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if any(name.startswith("__") for name in names):
            return
        self._drop(node, *node.targets)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._drop(node)
        self._arithmetic(node.op, self._text.span(node.target)[1], self._text.span(node.value)[0], "=")
        self.generic_visit(node)

    def _visit_plain(self, node: ast.stmt) -> None:
        self._drop(node)

    visit_Delete = visit_Break = visit_Continue = _visit_plain

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self._drop(node)
        self.generic_visit(node)

    def _visit_branch(self, node: ast.If | ast.While | ast.IfExp) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, ast.If) and [type(each) for each in (*node.body, *node.orelse)] == [ast.Raise]:
            return
        self._negate(node.test)
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = _visit_branch

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    # Expressions.

    def _negate(self, test: ast.expr) -> None:
        """A comparison has its opposite among its own changes, and so has what is negated already."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            self._change("negated condition", test, f"(not ({self._text.of(test)}))")

    def visit_Compare(self, node: ast.Compare) -> None:
        for (left, right), op in zip(pairwise((node.left, *node.comparators)), node.ops, strict=True):
            words = _OPERATORS[type(op)]
            where = self._text.operator(words, self._text.span(left)[1], self._text.span(right)[0])
            for other in COMPARISONS[words]:
                self._change("comparison", where, other)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in pairwise(node.values):
            where = self._text.operator(word, self._text.span(left)[1], self._text.span(right)[0])
            self._change("and, or", where, other)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._change("negated condition", node, f"bool({self._text.of(node.operand)})")
        elif isinstance(node.op, ast.USub):
            self._change("arithmetic", node, f"({self._text.of(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._arithmetic(node.op, self._text.span(node.left)[1], self._text.span(node.right)[0])
        self.generic_visit(node)

    def _arithmetic(self, op: ast.operator, start: int, end: int, after: str = "") -> None:
        words = _OPERATORS.get(type(op))
        if words in ARITHMETIC:
            self._change("arithmetic", self._text.operator(words + after, start, end), ARITHMETIC[words] + after)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._change("constant", node, str(not value))
        elif isinstance(value, int):
            small = value <= SMALL_MAX
            for other in (value + 1, value - 1) if small else (value * 2, value // 2):
                self._change("off by one" if small else "constant", node, str(other) if other >= 0 else f"({other})")
        elif isinstance(value, float):
            self._change("constant", node, repr(value + 1.0))

    def visit_Call(self, node: ast.Call) -> None:
        if _name(node.func) == SCENARIO:
            return
        if isinstance(node.func, ast.Name) and node.func.id in OPPOSITES:
            self._change("opposite function", node.func, OPPOSITES[node.func.id])
        for first, second in pairwise(node.args):
            texts = self._text.of(first), self._text.of(second)
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred) and texts[0] != texts[1]:
                (start, first_end), (second_start, end) = self._text.span(first), self._text.span(second)
                between = self._text.bytes[first_end:second_start].decode()
                self._change("swapped arguments", (start, end), f"{texts[1]}{between}{texts[0]}")
        self.generic_visit(node)
