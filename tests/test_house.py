"""The rooms stay apart and small: no circles, few imports inside functions, topics and engines that know no topic.

Every rule has a list of exceptions, which may only shrink: what a list names and the rule no longer finds fails too.
The rules are themselves tested below, on small trees known to be bad.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from import_graph import LAYERS, Graph, sources

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = "simclock.experiments"
CATALOG = f"{EXPERIMENTS}.catalog"
ENGINES = (
    "causality",
    "checkers",
    "comparing",
    "consensus",
    "entries",
    "mutation",
    "nemesis",
    "runs",
    "scenario_files",
    "scripts",
    "shrinking",
    "stepping",
    "telling",
    "traces",
    "viewing",
    "watching",
)
NO_ENGINE_KNOWS = (CATALOG, f"{EXPERIMENTS}.commands", f"{EXPERIMENTS}.command_line")
LAID_OVER = ("seed", "duration_ns", "network", "clocks", "disk", "faults", "adaptive", "fail_when_quiet", "parameters")
"""Settings that are laid over any scenario."""
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

Found = dict[str, str]
"""What breaks a rule, under the name that a list of exceptions has for it -> where, and how it is mended."""

# What still breaks a rule. Take out what you have mended; put nothing in.

IN_A_CIRCLE: set[str] = set()

RAY = "it needs Ray, which takes seconds to import and most runs do without"
START = "a start is mostly imports, and this one may not be needed"
ONE_OF_TWO = "of the two kernels a process has one"
SIMPY = "it needs simpy, which only who measures has installed"

DEFERRED = {
    "simclock.actors.placements.auto -> simclock.actors.placements.ray.session": RAY,
    "simclock.actors.placements.placement -> simclock.actors.placements.ray.scheduler": RAY,
    "simclock.actors.placements.steered -> simclock.actors.placements.ray.steered": RAY,
    "simclock.actors.placements.workers -> simclock.actors.placements.ray_tasks": RAY,
    "simclock.experiments.bench.loads -> simclock.experiments.bench.simpy_engines": SIMPY,
    "simclock.experiments.bench.parts -> simclock.actors.placements.ray.session": RAY,
    "simclock.experiments.command_line -> simclock.experiments.commands.completion": START,
    "simclock.experiments.command_line -> simclock.kernel.core": START,
    "simclock.experiments.comparing.comparing -> simclock.actors.placements.ray.session": RAY,
    "simclock.experiments.comparing.prediction -> simclock.actors.placements.ray.session": RAY,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db16": START,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db17": START,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db18": START,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db19": START,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db20": START,
    "simclock.experiments.commands.lab -> simclock.experiments.labs.db23": START,
    "simclock.experiments.commands.shrink -> simclock.actors.placements.ray.session": RAY,
    "simclock.experiments.commands.run -> simclock.experiments.commands.played": START,
    "simclock.experiments.hash_seeded -> simclock.errors": START,
    "simclock.experiments.pytest_plugin -> simclock.actors.placements.workers": START,
    "simclock.experiments.pytest_plugin -> simclock.actors.run": START,
    "simclock.experiments.pytest_plugin -> simclock.errors": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.hash_seeded": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.pytest_calls": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.pytest_nemesis": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.pytest_page": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.pytest_script_files": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.pytest_seeds": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.runs.code_version": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.runs.replay_code": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.runs.seeds": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.scenario_files.file": START,
    "simclock.experiments.pytest_plugin -> simclock.experiments.shrinking.call": START,
    "simclock.experiments.pytest_plugin -> simclock.hash_seed": START,
    "simclock.experiments.pytest_script_files -> simclock.experiments.pytest_scripts": START,
    "simclock.experiments.shrinking.trials -> simclock.actors.placements.ray_tasks": RAY,
    "simclock.experiments.start -> simclock.experiments.command_line": START,
    "simclock.kernel.core -> simclock.kernel": ONE_OF_TWO,  # its extension, which no graph of sources has
    "simclock.kernel.core -> simclock.kernel._kernel": ONE_OF_TWO,
}
"""Imports inside a function -> why they are there."""

TOPIC_IMPORTS_TOPIC: set[str] = set()

ENGINE_KNOWS = {
    "simclock.experiments.scenario_files.file -> simclock.experiments.catalog",
}

LONG_FILES = {
    "simclock/kernel/scheduler.py",
    "tests/test_bad_input.py",
    "tests/test_clock_drift.py",
    "tests/test_kernel.py",
    "tests/test_kernel_laws.py",
    "tests/test_linearizability.py",
    "tests/test_linearizability_properties.py",
    "tests/test_raft_paper.py",
    "tests/test_reference_simulator.py",
    "tests/test_sweep.py",
}

LONG_FUNCTIONS: set[str] = set()

LAYS_OVER: set[str] = set()


def circles(root: Path) -> Found:
    """No module needs, directly or through others, one that needs it; also not for types, or inside a function."""
    return {
        module: f"{module}: is in a circle with {', '.join(other for other in circle if other != module)}"
        for circle in Graph(root).circles()
        for module in circle
    }


def deferred(root: Path) -> Found:
    """What is ours is imported at the top, but for Ray and start-up time."""
    found: Found = {}
    for module, imports in Graph(root).imports.items():
        for each in imports:
            if each.deferred and not each.for_types:
                found[f"{module} -> {each.module}"] = f"{module}:{each.line}: imports {each.module} inside a function"
    return found


def _topic(module: str) -> str | None:
    """The folder of the catalog that a module is in."""
    return module.removeprefix(f"{CATALOG}.").partition(".")[0] if module.startswith(f"{CATALOG}.") else None


def topics(root: Path) -> Found:
    """A topic imports no other; what two share is a protocol's, a checker's or another room's."""
    found: Found = {}
    for module, imports in Graph(root).imports.items():
        for each in imports:
            mine, other = _topic(module), _topic(each.module)
            if mine and other and mine != other:
                found[f"{mine} -> {other}"] = f"{module}:{each.line}: imports {each.module} of another topic"
    return found


def engines(root: Path) -> Found:
    """An engine is given its topic: it neither imports one, or a command, nor has the name of its module in a text."""
    graph = Graph(root)
    found: Found = {}
    for module, imports in graph.imports.items():
        if module.removeprefix(f"{EXPERIMENTS}.").partition(".")[0] not in ENGINES:
            continue
        named = [(each.line, each.module) for each in imports]
        for node in ast.walk(ast.parse(graph.files[module].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                named.append((node.lineno, node.value))
        for line, name in named:
            for room in NO_ENGINE_KNOWS:
                if name == room or name.startswith(f"{room}."):
                    found[f"{module} -> {room}"] = f"{module}:{line}: an engine knows {name}"
    return found


def laid_over(root: Path) -> Found:
    """A maker lays no setting over its scenario: `make_scenario` does, over what was made."""
    graph = Graph(root)
    found: Found = {}
    for module in filter(_topic, graph.imports):
        for call in _calls_of_makers(ast.parse(graph.files[module].read_text(encoding="utf-8"))):
            for keyword in call.keywords:
                read = {ast.unparse(each) for each in ast.walk(keyword.value) if isinstance(each, ast.Attribute)}
                if keyword.arg in LAID_OVER and f"settings.{keyword.arg}" in read:
                    found[f"{module}:{keyword.arg}"] = f"{module}:{call.lineno}: lays over settings.{keyword.arg}"
    return found


def _calls_of_makers(tree: ast.Module) -> Iterator[ast.Call]:
    """What functions of Settings call to make a scenario, or another of one."""
    makers = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
    calls = (call for maker in makers if "settings: Settings" in ast.unparse(maker.args) for call in ast.walk(maker))
    for call in calls:
        text = ast.unparse(call)
        made = text.startswith(("Scenario(", "replace(")) and not text.startswith("replace(settings")
        if isinstance(call, ast.Call) and made:
            yield call


def file_sizes(root: Path) -> Found:
    """A file can be read at one sitting."""
    found: Found = {}
    for folder in (*LAYERS, "tests"):
        for file in sources(root, folder):
            lines = len(file.read_text(encoding="utf-8").splitlines())
            if lines > FILE_LINES_MAX:
                name = file.relative_to(root).as_posix()
                found[name] = f"{name}: {lines} lines, at most {FILE_LINES_MAX}"
    return found


def function_sizes(root: Path) -> Found:
    """A function can be seen at one look."""
    found: Found = {}
    for folder in (*LAYERS, "tests"):
        for file in sources(root, folder):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > FUNCTION_LINES_MAX:
                        name = f"{file.relative_to(root).as_posix()}:{node.name}"
                        found[name] = f"{name}: {lines} lines, at most {FUNCTION_LINES_MAX}"
    return found


RULES: dict[Callable[[Path], Found], Collection[str]] = {
    circles: IN_A_CIRCLE,
    deferred: DEFERRED,
    topics: TOPIC_IMPORTS_TOPIC,
    engines: ENGINE_KNOWS,
    laid_over: LAYS_OVER,
    file_sizes: LONG_FILES,
    function_sizes: LONG_FUNCTIONS,
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house(rule: Callable[[Path], Found]) -> None:
    found = rule(ROOT)
    assert sorted(how for name, how in found.items() if name not in RULES[rule]) == []
    assert sorted(set(RULES[rule]) - set(found)) == [], "mended: take it out of the list of exceptions"


def test_there_is_something_to_check() -> None:
    graph = Graph(ROOT)
    assert len(graph.files) > 300
    rooms = {module.removeprefix(f"{EXPERIMENTS}.").partition(".")[0] for module in graph.files}
    assert rooms >= set(ENGINES), "an engine that has moved is not looked at"
    assert "simclock.kernel.host" in {each.module for each in graph.imports["simclock.actors.placements.inline"]}
    assert len({_topic(module) for module in graph.files}) > 10


@pytest.mark.parametrize("name", ["raft-kv", "phold"])
def test_no_digest_needs_an_assert(name: str) -> None:
    """`python -O` leaves asserts out."""
    goldens = (ROOT / "tests" / "goldens" / "catalog.txt").read_text(encoding="utf-8").splitlines()
    (recorded,) = [line.split()[1] for line in goldens if line.startswith(f"{name}:1 ")]
    program = (
        "from simclock.experiments.command_line import main; import sys; "
        "print(__debug__, file=sys.stderr); sys.argv[0] = 'simclock'; main()"
    )
    command = [sys.executable, "-O", "-c", program, "run", name, "--seed", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert (run.returncode, run.stderr.split()[:1]) == (0, ["False"]), run.stderr
    assert recorded in run.stdout.split()


# The rules themselves: each bad tree must be found by its rule and named as its list would name it.

BAD: dict[str, tuple[Callable[[Path], Found], dict[str, str], set[str]]] = {
    "a circle of two": (
        circles,
        {"simclock/a.py": "import simclock.b", "simclock/b.py": "from simclock import a"},
        {"simclock.a", "simclock.b"},
    ),
    "a circle for types": (
        circles,
        {"actors/a.py": "if TYPE_CHECKING:\n    from simclock.actors.b import B", "actors/b.py": "from . import a"},
        {"simclock.actors.a", "simclock.actors.b"},
    ),
    "a circle through the facade": (
        circles,
        {
            "simclock/__init__.py": "if TYPE_CHECKING:\n    from simclock.scenario import Scenario as Scenario",
            "simclock/scenario.py": "import simclock.trace",
            "simclock/trace.py": "from simclock import Scenario",
            "simclock/apart.py": "from simclock import Scenario",
        },
        {"simclock.scenario", "simclock.trace"},
    ),
    "an import in a function": (
        deferred,
        {"protocols/a.py": "def f():\n    from simclock.protocols.b import g, h", "protocols/b.py": "import os"},
        {"simclock.protocols.a -> simclock.protocols.b"},
    ),
    "a topic's neighbour": (
        topics,
        {
            "experiments/catalog/x/a.py": "from simclock.experiments.catalog.y import b",
            "experiments/catalog/y/b.py": "",
        },
        {"x -> y"},
    ),
    "an engine's topic": (
        engines,
        {"experiments/runs/a.py": "import simclock.experiments.catalog.x.b", "experiments/catalog/x/b.py": ""},
        {f"{EXPERIMENTS}.runs.a -> {CATALOG}"},
    ),
    "an engine's topic by name": (
        engines,
        {"experiments/entries/a.py": 'ALL = [f"simclock.experiments.catalog.{name}" for name in "xy"]'},
        {f"{EXPERIMENTS}.entries.a -> {CATALOG}"},
    ),
    "an engine's command": (
        engines,
        {"experiments/traces/a.py": "from ..commands import b", "experiments/commands/b.py": ""},
        {f"{EXPERIMENTS}.traces.a -> {EXPERIMENTS}.commands"},
    ),
    "a setting laid over in a topic": (
        laid_over,
        {
            "experiments/catalog/x/a.py": "def a(settings: Settings):\n"
            " return Scenario(network=settings.network or NETWORK, faults=plan(settings.seed), seed=1)"
        },
        {f"{CATALOG}.x.a:network"},
    ),
    "a long file": (file_sizes, {"simclock/a.py": "\n" * 501, "simclock/b.py": "\n" * 500}, {"simclock/a.py"}),
    "a long function": (
        function_sizes,
        {"tests/a.py": "class A:\n def f(self):\n" + "  1\n" * 70 + " async def g(self):\n" + "  1\n" * 69},
        {"tests/a.py:f"},
    ),
}

GOOD = {
    "a line of three": {
        "simclock/a.py": "import simclock.b",
        "simclock/b.py": "import simclock.c",
        "simclock/c.py": "",
    },
    "a package and its parts": {"simclock/a/__init__.py": "from . import b", "simclock/a/b.py": "import os"},
    "Python's own in a function": {"actors/a.py": "def f():\n    import tarfile"},
    "a topic's own": {"experiments/catalog/x/a.py": "from . import b", "experiments/catalog/x/b.py": ""},
    "a topic in prose": {"experiments/runs/a.py": '"""As simclock.experiments.catalog has them."""'},
    "a command's engine": {"experiments/commands/a.py": "from ..runs import b", "experiments/runs/b.py": ""},
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("rule", "files", "named"), BAD.values(), ids=BAD)
def test_a_rule_finds(tmp_path: Path, rule: Callable[[Path], Found], files: dict[str, str], named: set[str]) -> None:
    write(tmp_path, files)
    assert {each.__name__: set(each(tmp_path)) for each in RULES if each(tmp_path)} == {rule.__name__: named}


@pytest.mark.parametrize("files", GOOD.values(), ids=GOOD)
def test_the_rules_pass(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    assert [how for rule in RULES for how in rule(tmp_path).values()] == []
