"""Studies and pictures: a table is printed for readers and for programs, and a picture is the same bytes every time."""

import json
import os
import subprocess
import sys
from functools import partial

import pytest
from click.testing import CliRunner, Result

from simclock import Scenario, ms
from simclock.actors import Node
from simclock.experiments import catalog
from simclock.experiments.command_line import main
from simclock.experiments.entries.entry import Entry
from simclock.experiments.entries.studies import Study, StudySettings, cell
from simclock.experiments.entries.topic import Topic
from simclock.experiments.entries.verdict import judge_invariants
from simclock.experiments.telling.recorded import Recorded, recorded


def rows(settings: StudySettings):
    for size in range(settings.parameters["sizes"]):
        yield size, 1 + size * 0.5 + settings.seed, size > 1


def draw(measured, axes) -> None:
    axes.plot([row[0] for row in measured], [row[1] for row in measured])
    axes.set_xlabel("size")


@pytest.fixture
def halves(monkeypatch) -> Study:
    study = Study(
        name="halves",
        summary="how much a half is",
        project=3,
        headers=("size", "half [s]", "big"),
        rows=rows,
        notes=lambda measured: [f"{len(measured)} sizes"],
        plot=draw,
        parameters={"sizes": 3},
    )
    monkeypatch.setattr(catalog, "topics", lambda: (Topic(name="halves", studies=(study,)),))
    return study


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.usefixtures("halves")
def test_a_study_prints_a_table_and_its_notes():
    result = simclock("study", "halves", "--format", "github")
    assert result.stdout.splitlines()[2:] == [
        "|      0 |          1 | no    |",
        "|      1 |        1.5 | no    |",
        "|      2 |          2 | yes   |",
        "3 sizes",
    ]


@pytest.mark.usefixtures("halves")
def test_a_program_reads_plain_values():
    found = json.loads(simclock("study", "halves", "--format", "json", "--set", "sizes=2").stdout)
    assert found == [{"size": 0, "half [s]": 1.0, "big": False}, {"size": 1, "half [s]": 1.5, "big": False}]


@pytest.mark.usefixtures("halves")
def test_the_list_names_every_study_and_tells_about_one():
    line = simclock("study").stdout.splitlines()[2]
    assert line.split() == ["halves", "3", "how", "much", "a", "half", "is"]
    assert "default    --set sizes=3" in simclock("list", "halves").stdout
    whole = json.loads(simclock("study", "--format", "json").stdout)[0]
    assert (whole["parameters"], whole["project"]) == ("sizes=3", 3)


@pytest.mark.usefixtures("halves")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("halfs",), "study: unknown study 'halfs': did you mean 'halves'?"),
        (("halves", "--set", "size=2"), "--set: unknown parameter of halves 'size': did you mean 'sizes'?"),
        (("halves", "--plot", "x.png"), "--plot: x.png is not a picture: its name must end in .svg"),
        (("halves", "--plot", "/nowhere/x.svg"), "--plot: cannot write /nowhere/x.svg: No such file or directory"),
    ],
)
def test_bad_input_gets_one_line(arguments, told):
    result = simclock("study", *arguments)
    assert result.exit_code == 2 and result.stderr.splitlines()[-1] == f"simclock: {told}"


@pytest.mark.usefixtures("halves")
def test_a_picture_is_the_same_bytes_every_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        assert simclock("study", "halves", "--plot", tmp_path / name).exit_code == 0
    first = (tmp_path / "a.svg").read_bytes()
    assert first.startswith(b"<?xml") and b">size</text>" in first and first == (tmp_path / "b.svg").read_bytes()


@pytest.mark.usefixtures("halves")
def test_without_matplotlib_the_table_is_printed_and_one_line_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = simclock("study", "halves", "--plot", tmp_path / "x.svg")
    assert result.exit_code == 2 and "3 sizes" in result.stdout
    assert result.stderr == "simclock: --plot: needs matplotlib, which is not here: pip install 'simclock[plot]'\n"


@pytest.mark.parametrize(
    "words", ["study metadata-size --set nodes=10 --set samples=1", "run clock-drift --duration 30s"]
)
def test_who_closes_the_pipe_has_the_picture(words, tmp_path):
    """`| head -1`: it is drawn before anything is printed."""
    pytest.importorskip("matplotlib")
    program = "from simclock.experiments.command_line import main; main()"
    picture = tmp_path / "x.svg"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split(), "--plot", picture],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        check=False,
    )
    os.close(writer)
    assert done.returncode and b"Traceback" not in done.stderr, done.stderr
    assert picture.read_bytes().rstrip().endswith(b"</svg>")


def test_cells_are_read_easily():
    values = (None, True, 12345, 12345.6, 0.123456, "text")
    assert [cell(each) for each in values] == ["", "yes", "12,345", "12,346", "0.1235", "text"]


class Counter(Node):
    def on_start(self) -> None:
        self.set_timer("count", ms(1))
        self.observe("other", 0)

    def on_timer(self, timer: str) -> None:
        self.observe("count", self.clock.monotonic_ns() // ms(1))
        self.set_timer("count", ms(1))


def counting(settings) -> Scenario:
    return Scenario(
        name="counting",
        seed=settings.seed,
        nodes=2,
        build=lambda node: Counter(),
        duration_ns=ms(3),
        observers=(partial(Recorded, ("count",)),),
    )


def test_a_run_tells_its_story_and_is_drawn(monkeypatch, tmp_path):
    entry = Entry(
        name="counting",
        summary="counts",
        make=counting,
        judge=judge_invariants,
        story=lambda result: (f"node {each.node} counts {each.value}" for each in recorded(result)),
        plot=lambda result, axes: axes.plot([each.value for each in recorded(result)]),
    )
    monkeypatch.setattr(catalog, "topics", lambda: (Topic(name="counting", entries=(entry,)),))
    picture = tmp_path / "x.svg"
    lines = simclock("run", "counting", "--plot", picture).stdout.splitlines()
    assert lines[:4] == [f"node {node} counts {count}" for count in (1, 2) for node in (0, 1)]
    assert lines[4].startswith("counting:") or lines[4].startswith("counting")
    assert picture.read_bytes().startswith(b"<?xml")
    assert "node 0 counts" not in simclock("run", "counting", "--no-story").stdout
