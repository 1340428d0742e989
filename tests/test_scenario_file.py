"""Scenario files: every value can be written, and what is written reads back equal."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import (
    AddDelay,
    Clocks,
    Constant,
    Crash,
    Cut,
    DiskModel,
    Heal,
    LogNormal,
    Mend,
    Network,
    Normal,
    Note,
    Partition,
    Regions,
    Restart,
    Uniform,
    UsageError,
    ms,
    seconds,
    us,
)
from simclock.experiments.catalog import entries
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.seeds import SEED_MAX
from simclock.experiments.scenario_files.file import read_scenario_file, settings_from_toml
from simclock.experiments.scenario_files.latency_forms import latency_from_text
from simclock.experiments.scenario_files.text import whole_settings, write_settings

EVERY_VALUE = """
scenario = "phold"
seed = 7
nodes = 5
duration = "1m30s"

[parameters]
tokens = 3

[network]
latency = { model = "uniform", low = "1ms", high = "5.5ms" }
loss = 0.01
duplication = 1
order = "fifo"

[clocks]
offset = "20ms"
drift = "50ppm"

[disk]
sync = "1ms"

[[faults]]
kind = "crash"
at = "10s"
node = 0

[[faults]]
kind = "restart"
at = "11s"
node = "leader"

[[faults]]
kind = "partition"
at = "12s"
groups = [["leader"], [0, 1, 2, 3, 4]]

[[faults]]
kind = "cut"
at = "13s"
source = 0
target = "leader"

[[faults]]
kind = "mend"
at = "14s"
source = 0
target = 1

[[faults]]
kind = "heal"
at = "15s"

[[faults]]
kind = "note"
at = "16s"
text = "quiet from here"
"""


def read(text: str, folder: Path = Path()) -> Settings:
    return settings_from_toml(tomllib.loads(text), "x.toml", folder)[1]


def test_every_value_of_a_scenario_can_be_written(tmp_path):
    path = tmp_path / "every.toml"
    path.write_text(EVERY_VALUE, encoding="utf-8")
    entry, settings = read_scenario_file(path)
    assert entry.name == "phold"
    assert settings == Settings(
        seed=7,
        nodes=5,
        duration_ns=seconds(90),
        parameters={"tokens": 3},
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=us(5500)), loss=0.01, duplication=1.0, order="fifo"),
        clocks=Clocks(offset_ns_max=ms(20), drift_ppb_max=50_000),
        disk=DiskModel(sync_ns=ms(1)),
        faults=(
            Crash(at_ns=seconds(10), node=0),
            Restart(at_ns=seconds(11), node="leader"),
            Partition(at_ns=seconds(12), groups=(("leader",), (0, 1, 2, 3, 4))),
            Cut(at_ns=seconds(13), source=0, target="leader"),
            Mend(at_ns=seconds(14), source=0, target=1),
            Heal(at_ns=seconds(15)),
            Note(at_ns=seconds(16), text="quiet from here"),
        ),
    )


def test_what_is_left_out_is_as_the_scenario_has_it():
    settings = read('scenario = "everything"\n[network]\nloss = 0.5')
    own = make_scenario(entries()["everything"], Settings())
    assert settings.network == replace(own.network, loss=0.5)
    assert (settings.faults, settings.clocks, settings.disk) == (None, None, None)
    assert make_scenario(entries()["everything"], settings).faults == own.faults


def test_an_empty_list_of_faults_means_none():
    settings = read('scenario = "everything"\nfaults = []')
    assert make_scenario(entries()["everything"], settings).faults == ()


def test_a_python_scenario_is_found_beside_the_file(tmp_path):
    source = "from simclock.experiments.catalog.synthetic.scenario import phold\ndef mine(settings):\n"
    (tmp_path / "beside.py").write_text(f"{source}    return phold(settings)\n", encoding="utf-8")
    path = tmp_path / "x.toml"
    path.write_text('scenario = "beside.py:mine"\nnodes = 3\nseed = 5', encoding="utf-8")
    entry, settings = read_scenario_file(path)
    assert make_scenario(entry, settings).nodes == 3


LATENCIES = (
    ('"5ms"', Constant(delay_ns=ms(5))),
    ('{ model = "constant", delay = "5ms" }', Constant(delay_ns=ms(5))),
    ('"uniform 1ms..5ms"', Uniform(low_ns=ms(1), high_ns=ms(5))),
    (
        '{ model = "normal", mean = "10ms", deviation = "2ms", floor = "1ms" }',
        Normal(mean_ns=ms(10), deviation_ns=ms(2), floor_ns=ms(1)),
    ),
    (
        '{ model = "log-normal", median = "10ms", sigma = 0.5, floor = "1ms" }',
        LogNormal(median_ns=ms(10), sigma="0.5", floor_ns=ms(1)),
    ),
    (
        '{ model = "regions", file = "rtt.csv", placement = ["paris", "oslo"], jitter = 7, local = "300us" }',
        Regions(
            one_way_ns={("paris", "oslo"): ms(15), ("oslo", "paris"): us(15500)},
            placement=("paris", "oslo"),
            jitter_percent=7,
            local_ns=us(300),
            source="rtt.csv",
        ),
    ),
)


@pytest.mark.parametrize(("text", "latency"), LATENCIES, ids=[text for text, _ in LATENCIES])
def test_latency_models(tmp_path, text, latency):
    (tmp_path / "rtt.csv").write_text("from,to,ms\nparis,oslo,30\noslo,paris,31\n", encoding="utf-8")
    settings = read(f'scenario = "phold"\nnodes = 2\n[network]\nlatency = {text}', tmp_path)
    assert settings.network is not None and settings.network.latency == latency


times = st.integers(0, 10**15)
names = st.text(min_size=1, max_size=8).filter(lambda text: not text.isdecimal())
nodes = st.integers(0, 9) | names
optional_node = st.none() | nodes
models = st.one_of(
    st.builds(Constant, delay_ns=times),
    st.tuples(times, times).map(lambda ends: Uniform(low_ns=min(ends), high_ns=max(ends))),
    st.builds(Normal, mean_ns=times, deviation_ns=times, floor_ns=times),
    st.builds(
        LogNormal, median_ns=times, sigma=st.decimals(0, 5, places=3).map(lambda sigma: f"{sigma:f}"), floor_ns=times
    ),
)


@given(models)
def test_a_latency_reads_back_from_its_text(latency):
    assert latency_from_text(str(latency), "--latency") == latency


@st.composite
def regions(draw):
    places = draw(st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True))
    figures = {(source, target): draw(times) for source in places for target in places}
    return Regions(
        one_way_ns=figures,
        placement=draw(st.lists(st.sampled_from(places), min_size=1, max_size=5)),
        jitter_percent=draw(st.integers(0, 1000)),
        local_ns=draw(times),
        source=draw(st.text(max_size=5)),
    )


faults = st.one_of(
    st.builds(Crash, at_ns=times, node=nodes),
    st.builds(Restart, at_ns=times, node=nodes),
    st.builds(Cut, at_ns=times, source=nodes, target=nodes),
    st.builds(Mend, at_ns=times, source=nodes, target=nodes),
    st.builds(Partition, at_ns=times, groups=st.lists(st.lists(nodes, max_size=3).map(tuple), max_size=3).map(tuple)),
    st.builds(Heal, at_ns=times),
    st.builds(AddDelay, at_ns=times, delay_ns=times, source=optional_node, target=optional_node),
    st.builds(Note, at_ns=times, text=st.text(max_size=9)),
)
optional = st.none()
any_settings = st.builds(
    Settings,
    seed=st.integers(0, SEED_MAX),
    nodes=optional | st.integers(1, 1 << 20),
    duration_ns=optional | st.integers(1, 10**15),
    network=optional
    | st.builds(
        Network,
        latency=models | regions(),
        loss=st.floats(0, 1),
        duplication=st.floats(0, 1),
        order=st.sampled_from(["any", "fifo"]),
        bytes_per_s=st.integers(0, 10**15),
        corruption=st.floats(0, 1),
        undetected_corruption=st.floats(0, 1),
    ),
    clocks=optional
    | st.builds(
        Clocks,
        offset_ns_max=times,
        drift_ppb_max=st.integers(0, 10**8),
        wander_ppb_max=st.integers(0, 10**8),
        wander_every_ns=st.integers(10**7, 10**15),
    ),
    disk=optional | st.builds(DiskModel, sync_ns=times),
    faults=optional | st.lists(faults, max_size=4).map(tuple),
    parameters=st.just({}) | st.integers(1, 100).map(lambda tokens: {"tokens": tokens}),
)


@given(any_settings)
def test_settings_read_back_equal(settings):
    assert read(write_settings("phold", settings)) == settings


def test_a_list_stands_in_one_line_and_a_fault_in_a_paragraph():
    crash = Crash(at_ns=ms(5), node=0)
    split = Partition(at_ns=ms(7), groups=(("leader",), (0, 1), ()))
    written = write_settings("phold", Settings(duration_ns=ms(9), disk=DiskModel(sync_ns=0), faults=(crash, split)))
    assert (
        written
        == """\
scenario = "phold"
seed = 0
duration = "9ms"

[disk]
sync = "0s"

[[faults]]
kind = "crash"
at = "5ms"
node = 0

[[faults]]
kind = "partition"
at = "7ms"
groups = [["leader"], [0, 1], []]
"""
    )


@pytest.mark.parametrize("text", ["a\n]", "[\n", ",\n", ',\n]"', "\x00\x7f\u2028", "\\", "ü", "# no"])
def test_any_text_in_a_file_is_read_back(text):
    settings = Settings(parameters={"bug": text, "sizes": [text, text]})
    written = write_settings("leases", settings)
    assert tomllib.loads(written)["parameters"] == settings.parameters


def test_what_toml_has_no_word_for_is_refused():
    with pytest.raises(UsageError, match=r"cannot be written in TOML"):
        write_settings("phold", Settings(parameters={"tokens": None}))


@pytest.mark.parametrize("name", list(entries()))
def test_any_number_of_nodes_makes_a_scenario_or_is_refused_in_one_line(name):
    made = 0
    for nodes in (1, 2, 3, 4, 5, 9):
        try:
            made += make_scenario(entries()[name], Settings(seed=1, nodes=nodes)).nodes >= nodes
        except UsageError as error:
            assert "\n" not in str(error) and ":" in str(error)
    assert made >= (1 if name == "ping-pong-specification" else 3)


@pytest.mark.parametrize("name", list(entries()))
def test_a_catalog_scenario_written_whole_is_the_same_scenario(name):
    entry = entries()[name]
    scenario = make_scenario(entry, Settings(seed=3))
    written = write_settings(name, whole_settings(Settings(seed=3), scenario))
    again = make_scenario(entry, read(written))
    assert (str(again), again.faults) == (str(scenario), scenario.faults)
    assert (again.network.loss, again.clocks, again.disk) == (scenario.network.loss, scenario.clocks, scenario.disk)


WRONG = (
    ('scenario = "phold"\nsede = 3', "x.toml: unknown key 'sede': did you mean 'seed'?"),
    ('scenario = "fold"', "x.toml: unknown scenario 'fold': did you mean 'phold'?"),
    ("seed = 3", 'x.toml: scenario is missing: write scenario = "phold"'),
    ("scenario = 3", 'x.toml: scenario: 3 is not text: write scenario = "phold"'),
    ('scenario = "phold"\nseed = "x"', "x.toml: seed: 'x' is not a whole number: write seed = 7"),
    ('scenario = "phold"\nnodes = 0', "x.toml: nodes: 0 is not a number of nodes: 1 to 1048576"),
    ('scenario = "phold"\nduration = 30', 'x.toml: duration: 30 has no unit: write it as "30ms" or "30s"'),
    ('scenario = "phold"\nduration = "-3s"', "x.toml: duration: -3s is negative: a duration is zero or more"),
    ('scenario = "phold"\nduration = "0s"', "x.toml: duration: 0 is not a duration"),
    ('scenario = "phold"\nduration = "99999999h"', "x.toml: duration: '99999999h' is more than ten years"),
    ('scenario = "phold"\n[network]\nlos = 0.1', "x.toml: network: unknown key 'los': did you mean 'loss'?"),
    ('scenario = "phold"\n[network]\nloss = 1.5', "x.toml: network.loss: 1.5 is not a probability"),
    ('scenario = "phold"\n[network]\nloss = nan', "x.toml: network.loss: nan is not a probability"),
    (
        'scenario = "phold"\n[network]\norder = "fif"',
        "x.toml: network.order: unknown order 'fif': did you mean 'fifo'?",
    ),
    ('scenario = "phold"\n[network]\nlatency = 5', "x.toml: network.latency: 5 is not a latency"),
    ('scenario = "phold"\n[network]\nlatency = "5"', "x.toml: network.latency: cannot read '5' as a time"),
    (
        'scenario = "phold"\n[network.latency]\nmodel = "normall"',
        "x.toml: network.latency.model: unknown model 'normall'",
    ),
    (
        'scenario = "phold"\n[network.latency]\nmodel = "uniform"\nlow = "1ms"\nhihg = "2ms"',
        "x.toml: network.latency: unknown key 'hihg': did you mean 'high'?",
    ),
    (
        'scenario = "phold"\n[network.latency]\nmodel = "uniform"\nlow = "3ms"\nhigh = "2ms"',
        "x.toml: network.high: 2ms is less than low, 3ms",
    ),
    (
        'scenario = "phold"\n[network.latency]\nmodel = "regions"\nplacement = ["a"]\nfile = "none.csv"',
        "x.toml: network.latency.file: cannot read none.csv",
    ),
    ('scenario = "phold"\n[clocks]\ndrift = 50', 'x.toml: clocks.drift: 50 is not text: write drift = "50ppm"'),
    ('scenario = "phold"\n[parameters]\ntokns = 1', "unknown parameter of phold 'tokns': did you mean 'tokens'?"),
    ('scenario = "phold"\n[parameters]\ntokens = "1"', "x.toml: parameters.tokens: '1' is not a whole number"),
    ('scenario = "phold"\nfaults = 3', "x.toml: faults: 3 is not an array"),
    (
        'scenario = "phold"\n[[faults]]\nkind = "crush"',
        "x.toml: faults[0].kind: unknown kind 'crush': did you mean 'crash'?",
    ),
    ('scenario = "phold"\n[[faults]]\nkind = "crash"\nat = "1s"', "x.toml: faults[0].node is missing"),
    (
        'scenario = "phold"\n[[faults]]\nkind = "crash"\nat = "1s"\nnode = "3"',
        "x.toml: faults[0].node: '3' is not a node",
    ),
    (
        'scenario = "phold"\n[[faults]]\nkind = "heal"\nat = "1s"\nnode = 3',
        "x.toml: faults[0]: unknown key 'node': use kind or at",
    ),
    (
        'scenario = "phold"\n[[faults]]\nkind = "partition"\nat = "1s"\ngroups = [0, 1]',
        "x.toml: faults[0].groups[0]: 0 is not a group of nodes",
    ),
)


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_one_line_with_file_key_and_mend(text, message):
    with pytest.raises(UsageError) as error:
        read(text)
    assert message in str(error.value)
    assert str(error.value).startswith("x.toml: ")
    assert "\n" not in str(error.value)
