"""A run as one string: what it holds comes back, the run is the same, and a code that does not fit is one line."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import Crash, Heal, Partition, Restart, UsageError, ms, replay, seconds
from simclock.experiments.command_line import main
from simclock.experiments.entries.settings import Settings
from simclock.experiments.runs.replay_code import CodeMaker, ReplayCode, is_replay_code, read_replay_code
from simclock.experiments.runs.source import find_source

CLAIM = """
from simclock import Message, Network, Node, Scenario, Uniform, always, ms, seconds


class Claim(Message):
    pass


class Claimant(Node):
    def on_start(self):
        self.set_timer("patience", self.random.uniform_ns(ms(20), ms(300)))

    def on_timer(self, timer):
        self.observe("leader")
        self.broadcast(Claim())

    def on_message(self, source, message):
        self.cancel_timer("patience")


class Careless(Claimant):
    def on_message(self, source, message):
        {}[source]


def claim(seed, node=Claimant):
    return Scenario(
        name="claim",
        nodes=3,
        seed=seed,
        build=lambda number: node(),
        duration_ns=seconds(1),
        network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9))),
        observers=(always("one leader", lambda nodes: len(nodes.values("leader")) <= 1),),
    )


def careless(seed):
    return claim(seed, Careless)
"""
SETTINGS = Settings(
    seed=1 << 62,
    nodes=5,
    duration_ns=seconds(3),
    nemesis="none",
    faults=(
        Partition(at_ns=ms(3), groups=((0,), (1, 2))),
        Heal(at_ns=ms(9)),
        Crash(at_ns=ms(10), node=1),
        Restart(at_ns=ms(12), node=1),
    ),
    parameters={"clients": 2},
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "claim.py").write_text(CLAIM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def simclock(*words):
    """The command, in this process: its status."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def pasted(text):
    return re.search(r"simclock run --replay (sc1-\S+)", text)[1]


# What a code holds.


def test_all_settings_come_back():
    source = find_source(CodeMaker(name="raft-kv").code(SETTINGS))
    assert (source.name, source.settings) == ("raft-kv", SETTINGS)


def test_a_code_is_short():
    assert len(CodeMaker(name="raft-kv").code(SETTINGS)) < 400


def test_what_is_set_of_the_network_comes_back():
    plain = find_source("raft-kv-wan")
    network = plain.scenario().network
    settings = Settings(seed=3, network=network.__class__(latency=network.latency, loss=0.25))
    code = CodeMaker(name="raft-kv-wan", own=network).code(settings)
    assert find_source(code).settings.network == settings.network
    assert len(code) < 300, "the latency is the scenario's own"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        read_replay_code(f"sc1-{text}")
    except UsageError as error:
        assert "\n" not in str(error)


@given(st.data())
def test_one_wrong_character_is_seen(data):
    code = ReplayCode({"scenario": "phold", "seed": 1}, "git abc", "0" * 16).text()
    place = data.draw(st.integers(4, len(code) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != code[place]))
    changed = f"{code[:place]}{other}{code[place + 1 :]}"
    try:
        assert read_replay_code(changed) == read_replay_code(code), "unused bits of the last character"
    except UsageError as error:
        assert "the replay code is damaged" in str(error)


def test_a_code_that_a_mail_has_broken_into_lines_is_read():
    code = ReplayCode({"scenario": "phold", "seed": 1}, "git abc", "0" * 16).text()
    assert read_replay_code(f"{code[:20]}\n  {code[20:]} ") == read_replay_code(code)


def test_what_is_a_code():
    assert is_replay_code("sc1-abc") and is_replay_code("sc22-abc")
    assert not any(map(is_replay_code, ("raft-kv", "sc.py:claim", "scenario.toml", "sc1")))


# On the command line.


def test_a_failure_is_one_string_that_runs_the_same(here, capsys):
    assert simclock("run", "claim.py:claim", "--seed", 11) == 1
    first = capsys.readouterr().out
    code = pasted(first)
    assert simclock("run", "--replay", code) == 1
    again = capsys.readouterr()
    assert "the same run to the last bit" in again.out
    digest = re.search(r"digest +(\w+)", first)[1]
    assert digest in again.out
    assert again.err == ""
    assert simclock("replay", code) == 1
    assert digest in capsys.readouterr().out
    assert replay(code).digest == digest


def test_a_valid_run_needs_no_code(here, capsys):
    assert simclock("run", "claim.py:claim", "--seed", 3) == 0
    assert "paste" not in capsys.readouterr().out


def test_settings_of_the_command_line_are_in_the_code(here, capsys):
    assert simclock("run", "claim.py:claim", "--seed", 5, "--loss", 0.9, "--nodes", 4, "--no-guard") == 1
    code = pasted(capsys.readouterr().out)
    held = read_replay_code(code)
    assert (held.document["nodes"], held.document["network"]["loss"], held.guard) == (4, 0.9, False)
    assert held.broken == "one leader"
    assert simclock("run", "--replay", code) == 1
    assert "the same run to the last bit" in capsys.readouterr().out


def test_code_that_raises_has_a_code_too(here, capsys):
    assert simclock("run", "claim.py:careless", "--seed", 1) == 4
    told = capsys.readouterr().err
    assert simclock("run", "--replay", pasted(told)) == 4
    assert "KeyError" in capsys.readouterr().err


def test_a_sweep_tells_a_code_for_each_failure(here, capsys):
    assert simclock("sweep", "claim.py:claim", "--seeds", "10:12", "--jobs", 1) == 1
    told = capsys.readouterr().err
    assert told.count("or paste: simclock run --replay sc1-") == 1
    assert simclock("run", "--replay", pasted(told)) == 1


def test_shrink_gives_the_smaller_scenario_as_a_code(here, capsys):
    assert simclock("shrink", "claim.py:claim", "--seed", 11, "--jobs", 1) == 0
    held = read_replay_code(pasted(capsys.readouterr().out))
    assert held.document["duration"] != "1s"
    assert held.document["faults"] == []


def test_a_code_may_be_shrunk_and_swept(here, capsys):
    simclock("run", "claim.py:claim", "--seed", 11)
    code = pasted(capsys.readouterr().out)
    assert simclock("shrink", code, "--jobs", 1, "--max-runs", 20) == 0
    assert simclock("sweep", code, "--seeds", "11:13", "--jobs", 1) == 1


# What does not fit.


def refused(capsys, *words):
    assert simclock("run", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def code_of(document, **more):
    return ReplayCode(document, "git abc", "0" * 16, **more).text()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("sc1-AAAA", "sc1-AAAA: the replay code is damaged: paste all of it, from sc1- on"),
        ("sc1-", "sc1-: the replay code is damaged"),
        ("sc1-abc!def", "sc1-abc!def: the replay code is damaged"),
        ("sc9-AAAA", "sc9-AAAA: it is of another version of simclock, whose codes begin with sc1-"),
        ("raft-kv", "raft-kv: it is no replay code, which begins with sc1-"),
        (code_of({"scenario": "raft-kx", "seed": 1}), "unknown scenario 'raft-kx'"),
        (code_of({"scenario": "raft-kv", "seed": 1, "parameters": {"client": 2}}), "did you mean 'clients'?"),
        (code_of({"scenario": "gone.py:claim", "seed": 1}), "gone.py: there is no such file (the replay code does not"),
        (code_of({"scenario": "claim.py:claym", "seed": 1}), "claim.py: unknown name 'claym'"),
        (code_of({"seed": 1}), "scenario"),
        (code_of({"scenario": "raft-kv", "seed": "x"}), "seed"),
        (code_of({"scenario": "notebook:claim", "seed": 1}), "its scenario lives in a notebook: run it there"),
        (code_of({"seed": 1}, test="test_x.py::test_y"), "it is of a test: `pytest --simclock-replay` takes it"),
    ],
)  # fmt: skip
def test_a_code_that_does_not_fit_is_refused_in_one_line(here, capsys, code, problem):
    assert problem in refused(capsys, "--replay", code)


def test_a_code_and_a_scenario_are_one_too_many(here, capsys):
    assert "leave SCENARIO out" in refused(capsys, "raft-kv", "--replay", code_of({"scenario": "raft-kv", "seed": 1}))
    assert "Missing argument 'SCENARIO'" in refused(capsys)


def test_code_that_has_changed_since_is_told_and_run(here):
    def command(*words):
        program = [sys.executable, "-c", "from simclock.experiments.start import main; main()", *words]
        return subprocess.run(program, capture_output=True, text=True, timeout=100, check=False, cwd=here)

    code = pasted(command("run", "claim.py:claim", "--seed", "11").stdout)
    (here / "claim.py").write_text(CLAIM.replace("ms(300)", "ms(30000)"), encoding="utf-8")
    again = command("run", "--replay", code)
    assert "the code has changed since this was made" in again.stderr
    assert "ANOTHER RUN: then one leader broke, digest" in again.stdout
    assert again.returncode == 3, "nobody leads any more"
    with pytest.warns(UserWarning, match="the code has changed since"):
        replay(code)
