"""Who imports whom, read from the sources with `ast`: what the tests of layers and rooms ask."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

LAYERS = ("simclock", "actors", "protocols", "experiments")  # each imports only what stands before it
FACADE = "simclock/__init__.py"  # names what lies above it, and imports nothing before it is asked


@dataclass(frozen=True)
class Import:
    module: str  # absolute and dotted
    line: int
    deferred: bool  # inside a function or under TYPE_CHECKING, so not run when the file is imported
    for_types: bool = False  # under TYPE_CHECKING, so never run

    @property
    def package(self) -> str:
        """The top folder it lies in: `simclock.actors.node` is in actors/, `simclock.kernel.host` in simclock/."""
        first, _, rest = self.module.partition(".")
        room = rest.partition(".")[0]
        return room if first == "simclock" and room in LAYERS else first


class _ImportVisitor(ast.NodeVisitor):
    def __init__(self, package: tuple[str, ...]) -> None:
        self.package = package  # of the file, what relative imports start from
        self.found: list[Import] = []
        self.deferred = False
        self.for_types = False

    def _add(self, module: str, node: ast.AST) -> None:
        self.found.append(Import(module, node.lineno, self.deferred, self.for_types))  # type: ignore[attr-defined]

    def _visit_deferred(self, nodes: list[ast.stmt] | list[ast.expr]) -> None:
        before, self.deferred = self.deferred, True
        for node in nodes:
            self.visit(node)
        self.deferred = before

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        # `from . import x` in a.b is a.b.x. A level too many leaves the top package, which Python refuses
        # when it runs; here it lands on the root, as its author meant.
        start = self.package[: max(1, len(self.package) - node.level + 1)] if node.level else ()
        for alias in node.names:
            self._add(".".join((*start, *filter(None, [node.module]), alias.name)), node)

    def visit_Call(self, node: ast.Call) -> None:
        # importlib.import_module("ray"), import_module("ray"), __import__("ray")
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name in ("import_module", "__import__"):
            match node.args:
                case [ast.Constant(value=str(module)), *_]:
                    self._add(module, node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        match node.test:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                before, self.for_types = self.for_types, True
                self._visit_deferred(node.body)
                self.for_types = before
                for statement in node.orelse:
                    self.visit(statement)
            case _:
                self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for now in (*node.decorator_list, node.args):  # these are evaluated where the function is defined
            self.visit(now)
        self._visit_deferred(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._visit_deferred([node.body])


def imports_of(file: Path, root: Path) -> tuple[Import, ...]:
    folders = file.relative_to(root).parent.parts
    package = folders if folders[:1] == ("simclock",) else ("simclock", *folders)
    return _imports(file.read_text(encoding="utf-8"), package)


@cache
def _imports(text: str, package: tuple[str, ...]) -> tuple[Import, ...]:
    """Several rules ask it of all sources, and to read one with `ast` takes time."""
    visitor = _ImportVisitor(package)
    visitor.visit(ast.parse(text))
    return tuple(visitor.found)


def sources(root: Path, package: str) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def module_of(file: Path, root: Path) -> str:
    """The dotted name of a file; `actors/node.py` is simclock.actors.node."""
    parts = file.relative_to(root).with_suffix("").parts
    parts = parts if parts[0] == LAYERS[0] else (LAYERS[0], *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Graph:
    """The modules of ours below a root, and what each imports of ours, with a name of the facade taken for its home."""

    def __init__(self, root: Path) -> None:
        self.files = {module_of(file, root): file for layer in LAYERS for file in sources(root, layer)}
        facade = self.files.get(LAYERS[0])
        self._homes: dict[str, str] = {}
        if facade is not None:
            offered = (found.module for found in imports_of(facade, root))
            self._homes = {f"{LAYERS[0]}.{home.rpartition('.')[2]}": home for home in offered}
        self.imports = {
            module: list(self._ours(module, imports_of(file, root)))
            for module, file in self.files.items()
            if module != LAYERS[0]
        }

    def _ours(self, module: str, imports: Iterable[Import]) -> Iterator[Import]:
        for found in imports:
            target = found.module if found.module in self.files else self._homes.get(found.module, found.module)
            while target and target not in self.files:  # what is asked of a module is not one
                target = target.rpartition(".")[0]
            if target not in ("", module, LAYERS[0]):
                yield replace(found, module=target)

    def circles(self) -> list[list[str]]:
        """Modules that import each other, also for types alone and inside functions: each circle once, in order."""
        reached: dict[str, set[str]] = {}
        edges = {module: {found.module for found in imports} for module, imports in self.imports.items()}
        for module in edges:
            seen: set[str] = set()
            ahead = [module]
            while ahead:
                ahead.extend(new := edges.get(ahead.pop(), set()) - seen)
                seen |= new
            reached[module] = seen
        circles = {
            tuple(sorted(other for other in seen if module in reached.get(other, ())))
            for module, seen in reached.items()
            if module in seen
        }
        return [list(circle) for circle in sorted(circles)]
