"""What a notebook shows: docs/notebook.ipynb is run and shows what it holds; values escape what they show."""

import os
import pickle
import re
import traceback
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from simclock import (
    HandlerError,
    Message,
    Network,
    Node,
    Observer,
    Scenario,
    Uniform,
    UsageError,
    always,
    compare,
    ms,
    replay,
    run,
    seconds,
    sweep,
)
from simclock.experiments.comparing.comparison import Measurement, Spot, comparison_of

PAGE = Path(__file__).parent.parent / "docs" / "notebook.ipynb"
RAY = "ray"
CHANGES = re.compile(r"sc1-[\w-]+|\d+\.\d\d s\b|ipykernel_\d+/\d+\.py|\S+/ipykernel_\S+:\d+|0x[0-9a-f]+")
"""What another machine, another process or another day shows otherwise: codes, wall times, where cells are kept."""


def shown(cell):
    """What a cell shows, as text."""
    texts = []
    for output in cell.outputs:
        match output.output_type:
            case "stream":  # what Ray logs; no cell prints
                continue
            case "error":
                texts.append("\n".join(output.traceback))
            case _:
                texts.append(output.data.get("text/html") or output.data["text/plain"])
    return CHANGES.sub("_", "\n".join(texts))


TRIES = 3
"""A kernel's ports are chosen before it listens there: where another process is quicker, it dies at its start."""


def execute(with_ray):
    notebook = nbformat.read(PAGE, as_version=4)
    if not with_ray:
        notebook.cells = [cell for cell in notebook.cells if RAY not in cell.metadata.get("tags", ())]
    for left in reversed(range(TRIES)):
        try:
            NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(PAGE.parent)}}).execute()
            break
        except RuntimeError as error:
            if left == 0 or "Kernel died before replying" not in str(error):
                raise
    return notebook


def check(executed):
    kept = {cell.id: cell for cell in nbformat.read(PAGE, as_version=4).cells}
    for cell in executed.cells:
        if cell.cell_type == "code":
            assert shown(cell) == shown(kept[cell.id]), cell.source


@pytest.mark.slow
def test_the_notebook_shows_what_it_holds():
    check(execute(with_ray=False))


@pytest.mark.ray
@pytest.mark.slow
def test_the_notebook_runs_on_ray_too(rewrite):
    executed = execute(with_ray=True)
    if rewrite:
        for cell in executed.cells:
            if cell.cell_type == "code":
                cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]
                cell.metadata.pop("execution", None)
        nbformat.write(executed, PAGE)
    check(executed)


# What is shown, without a notebook.


class Ping(Message):
    pass


class Chatty(Node):
    def on_start(self):
        self.broadcast(Ping())

    def on_message(self, source, message):
        self.observe("<b>heard</b>", f"<script>{source}")


class Broken(Chatty):
    def on_message(self, source, message):
        self.observe("heard", {}[source])


def chatting(seed, node=Chatty):
    return Scenario(
        name="chat <i>",
        nodes=2,
        seed=seed,
        build=lambda number: node(),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(always("no & more", lambda nodes: nodes.now.node == seed % 3),),
    )


def test_a_result_shows_its_verdict_digest_and_what_was_seen_with_all_text_escaped():
    result = run(chatting(1), replay="simclock run 'chat & more'")
    text = result._repr_html_()
    for part in (
        "\N{HEAVY BALLOT X} violated",
        "<b>chat &lt;i&gt;: seed 1, 2 nodes, 1s;",
        "no &amp; more violated at",
        "&lt;b&gt;heard&lt;/b&gt; &#x27;&lt;script&gt;",
        result.digest,
        "simclock run &#x27;chat &amp; more&#x27;",
    ):
        assert part in text
    assert "<script>" not in text and "<i>" not in text


class Keeps(Observer):
    """Keeps a text of 200 characters, or of one more."""

    def report(self):
        return "a" * 199 + "bc"[: self.kept]


class Fits(Keeps):
    kept = 1


class IsTooLong(Keeps):
    kept = 2


def test_what_an_observer_kept_is_shown_whole_where_it_is_short():
    text = run(replace(chatting(1), observers=(Fits, IsTooLong)))._repr_html_()
    assert "ab<" in text and "ab...<" in text and "bc" not in text


def test_a_sweep_is_a_value_that_shows_what_is_not_valid_and_what_replays_it():
    found = sweep(chatting, "0:3")
    assert (found.verdicts["violated"], found.status, [each.seed for each in found.failing]) == (
        3,
        "violated",
        [0, 1, 2],
    )
    text = found._repr_html_()
    assert text.count("<tr>") == 2 + 1 + 3
    assert f"replay(&quot;{found.code(1)}&quot;" in text
    assert "<script>" not in text
    assert str(found).splitlines()[0].endswith("chatting, seeds 0:3: 3 violated")
    assert replay(found.code(1), chatting).digest == run(chatting(1)).digest


def test_a_comparison_shows_its_table_with_all_text_escaped():
    found = compare({"chat <i>": chatting(1)}, placements=("inline", "windows:2"), repeats=2)
    text = found._repr_html_()
    assert text.count("<tr>") == 1 + 1 + 2 and "one for each scenario" in text
    assert text.count(run(chatting(1)).digest[:12]) == 2 and '<td style="text-align:left">windows:2</td>' in text
    assert "chat &lt;i&gt;" in text and "<i>" not in text


def test_a_comparison_whose_digests_differ_says_so():
    def measurement(placement, digest):
        return Measurement(name="chat", nodes=2, placement=placement, round=1, digest=digest, wall_s=1.0)

    spots = [Spot("chat", 2, "inline"), Spot("chat", 2, "ray")]
    text = comparison_of(spots, 1, [measurement("inline", "aa"), measurement("ray", "bb")])._repr_html_()
    assert "digests differ" in text and "inline aa, ray bb" in text and "NO" in text


def test_a_sweep_in_which_much_fails_shows_some():
    assert "20 of 30 that are not valid" in sweep(chatting, range(30))._repr_html_()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: sweep(chatting(1), 3), "sweep: a Scenario has one seed: give a function"),
        (lambda: sweep(chatting, "3-4"), "seeds: '3-4' is not a list of seeds"),
        (lambda: sweep(chatting, [1, -1]), "seeds: -1 is not a seed"),
        (lambda: sweep(chatting, 2).code(7), "seed 7 is none of 0:2"),
    ],
)
def test_misuse_of_a_sweep_is_one_line(make, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        make()


def test_a_scenario_that_no_file_has_is_named_so_by_its_code():
    def own(seed):
        return chatting(seed)

    code = sweep(own, 1).code(0)
    with pytest.raises(
        UsageError, match=r"^sc1-\S+: its scenario lives in a notebook: run it there, by replay\(code, .*own\)$"
    ):
        replay(code)
    assert replay(code, own).digest == run(own(0)).digest


def test_a_failing_node_is_shown_by_its_own_frames_first_and_by_none_of_ours():
    with pytest.raises(HandlerError) as caught:
        run(chatting(1, Broken))
    lines = "\n".join(caught.value._render_traceback_()).splitlines()
    assert re.fullmatch(r'  File ".*test_notebook.py", line \d+, in on_message', lines[0])
    assert lines[1].strip() == 'self.observe("heard", {}[source])'
    assert any(line.startswith("HandlerError: node") for line in lines)
    assert not any("kernel" in line for line in lines)
    raised = traceback.format_exception(caught.value)
    assert not any(f"{os.sep}kernel{os.sep}" in line for line in raised), raised
    assert 'self.observe("heard", {}[source])' in raised[-1] or 'self.observe("heard", {}[source])' in "".join(
        raised[-4:]
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_bad_usage_is_shown_in_one_line():
    with pytest.raises(UsageError) as caught:
        Scenario(name="x", nodes=0, build=lambda node: Chatty())
    assert caught.value._render_traceback_() == ["UsageError: nodes: 0 is not a number of nodes: 1 to 1048576"]
