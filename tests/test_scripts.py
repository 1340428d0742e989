"""Scripts: what is said and refused, which messages are meant, what is expected, and what a step is as text."""

from __future__ import annotations

from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from simclock.actors.steering.steps import (
    Cut,
    CutLink,
    Mend,
    Pass,
)
from simclock.errors import UsageError
from simclock.experiments.command_line import main
from simclock.experiments.scripts.commands import (
    AskNode,
    ExpectState,
    FireTimer,
    Messages,
    OnMessages,
    TearCrash,
)
from simclock.experiments.scripts.grammar import COMMANDS, read_command
from simclock.experiments.scripts.play import Play
from simclock.experiments.scripts.setting import setting_of
from simclock.experiments.scripts.text import script_of
from simclock.experiments.scripts.values import same, value_text
from simclock.experiments.scripts.words import words_of
from simclock.protocols.raft import AppendEntries, Role

pytest_plugins = ["pytester"]

PLUGIN = "simclock.experiments.pytest_plugin"
SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def play(text: str, folder: Path = Path()) -> Play:
    played = Play(script_of(text), partial(setting_of, folder=folder))
    for _ in played.blocks():
        pass
    return played


def printed(text: str) -> list[str]:
    """The lines of a script's last block."""
    return list([*Play(script_of(text), setting_of).blocks()][-1].lines)


# What may be said.

SAID = {
    "deliver #12": OnMessages("deliver", Messages(12)),
    "deliver 0->1 Vote #12": OnMessages("deliver", Messages(12, 0, 1, "Vote")),
    "deliver 0->1 Vote term=2 first": OnMessages("deliver", Messages(None, 0, 1, "Vote", (("term", "2"),), "first")),
    "drop *->3 all": OnMessages("drop", Messages(None, None, 3, which="all")),
    "drop all # of them": OnMessages("drop", Messages(which="all")),
    'duplicate 0->1 Say text="a b"': OnMessages("duplicate", Messages(None, 0, 1, "Say", (("text", '"a b"'),))),
    "fire 2 (link, 1)": FireTimer(2, "(link, 1)"),
    "pass 300ms": Pass(300_000_000),
    "pass 1.5 s": Pass(1_500_000_000),
    "torn crash 1": TearCrash(1),
    "torn crash 1 keeps 2 torn": TearCrash(1, 2, True),
    "cut 0 1 | 2": Cut(((0, 1), (2,))),
    "cut 0->2": CutLink(0, 2),
    "mend": Mend(),
    "ask 0 propose x": AskNode(0, "propose", ("x",)),
    "ask 0 propose(b'x', 2, deep=(1, 'a'))": AskNode(0, "propose", (b"x", 2), (("deep", (1, "a")),)),
    "ask 1 say 'two words' loud=true": AskNode(1, "say", ("two words",), (("loud", True),)),
    "expect 0 match[1] >= 2": ExpectState(0, "match[1]", ">=", "2"),
    "expect all log == (1:a, 2:b)": ExpectState("all", "log", "==", "(1:a, 2:b)"),
}

NOT_SAID = {
    "delivr 0->1": "unknown command 'delivr': did you mean 'deliver'?",
    "deliver": "something is missing: write `deliver SOURCE->TARGET",
    "deliver Vote": "'Vote' names no message",
    "deliver 0->1 Vote Vote": "'Vote' names no message",
    "deliver #one": "something is missing",
    "deliver #1x": "'#1x' is no number of a message",
    "deliver first": "which link?",
    "fire 2": "something is missing: write `fire NODE TIMER`",
    "fire two election": "'two' is no node: nodes are numbers",
    "pass soon": "write `pass 300ms`",
    "pass -3s": "write `pass 300ms`",
    "crash": "something is missing: write `crash NODE`",
    "crash 1 2": "'2' is too much: write `crash NODE`",
    "torn 1": "a crash may be torn, and nothing else",
    "torn crash 1 keeps": "something is missing",
    "torn crash 1 keeps 2 broken": "write `torn crash NODE",
    "cut 0 1": "from whom?",
    "cut 0 | ": "a group is empty",
    "cut 0 | 0": "a node stands in two groups",
    "ask 0": "something is missing",
    "ask 0 propose(": "is not closed",
    "ask 0 propose(x)": "are no values",
    "stabilize max=0": "max=0: 1 to 100000",
    "tell maybe": "'maybe' is neither on nor off",
    "expect": "something is missing",
    "expect 1 role": "that is nothing to expect",
    "expect 1 role = leader": "that is nothing to expect",
    "expect someone up": "'someone' is no node",
    'ask 0 say "hello': "is not closed",
    "scenario": "something is missing: write `scenario NAME",
    "scenario raft-script three": "'three' is no setting",
    "bug": "something is missing: write `bug ID`",
    "replace RaftServer": "'RaftServer' is no replacement",
}


@pytest.mark.parametrize("line", SAID)
def test_what_a_line_says(line: str) -> None:
    assert read_command(line) == SAID[line]


@pytest.mark.parametrize("line", NOT_SAID)
def test_what_no_line_says(line: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read_command(line)
    assert NOT_SAID[line] in str(refusal.value) and "\n" not in str(refusal.value)


def test_every_command_has_its_form_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "scripts.md").read_text(encoding="utf-8")
    assert [verb for verb in COMMANDS if f" {verb} " not in page] == []


@given(st.text(max_size=40))
def test_any_line_is_said_or_refused_in_a_line(line: str) -> None:
    words = line.replace("\n", " ").replace("\r", " ").strip()
    try:
        if words_of(words):
            read_command(words)
    except UsageError as refusal:
        assert str(refusal)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "script:1: an empty script: write `scenario NAME` first"),
        ("# nothing\n", "script:1: an empty script"),
        ("crash 1\n", "script:1: no scenario yet: write `scenario NAME` first"),
        ("scenario raft-script\ncrash 1\nbug RAFT-01\n", "script:3: the nodes have begun"),
        ("----\n", "script:1: ---- stands below a command"),
        ("scenario raft-script\n\nfly 1\n", "script:3: unknown command 'fly'"),
    ],
)
def test_texts_that_are_no_scripts(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem.replace("(", r"\(")):
        script_of(text)


ASKING = "scenario raft-script client=true\n"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("scenario raft-scrip", "script:1: unknown scenario 'raft-scrip': did you mean 'raft-script'?"),
        ("scenario raft-script server=3", "script:1: raft-script: unknown parameter of raft-script 'server'"),
        ("scenario raft-script servers=0", "script:1: raft-script servers: 0 is too small: 1 or more"),
        ("scenario raft-script\nbug RAFT-050", "script:2: unknown bug 'RAFT-050': did you mean 'RAFT-05'?"),
        ("scenario ping-pong\nbug RAFT-05", "script:2: bug: ping-pong takes no row of the zoo"),
        ("scenario raft-script\nfire 3 election", "script:2: there is no node 3: nodes are 0 to 2"),
        ("scenario raft-script\nfire 0 hartbeat", "script:2: timer hartbeat of node 0 is not set: set are election"),
        ("scenario raft-script\ndeliver 0->1", "script:2: there is no such message: none is pending"),
        (
            "scenario raft-script\nfire 0 election\ndeliver #7",
            "script:3: there is no such message: pending are #0 0->1",
        ),
        (
            "scenario raft-script\nfire 0 election\nfire 0 election\ndeliver 0->1 RequestVote",
            "script:4: that names 2 messages, #0 0->1 RequestVote(term=1, candidate_id=0, last_log_index=0, "
            "last_log_term=0); #2 0->1 RequestVote(term=2, candidate_id=0, last_log_index=0, last_log_term=0): "
            "write a number, a field, or first, last or all",
        ),
        ("scenario raft-script\ncrash 1\ncrash 1", "script:3: crash 1: not possible: node 1 is down. Possible: "),
        ("scenario raft-script\nrestart 1", "script:2: restart 1: not possible: node 1 is up. Possible: "),
        ("scenario raft-script\nmend", "script:2: mend: not possible: no such link is cut"),
        ("scenario raft-script\ntorn crash 0 keeps 3", "the disk of node 0 has 0 operations that are not synced"),
        (
            "scenario raft-script\nask 0 proposes x",
            "script:2: node 0: unknown method 'proposes': did you mean 'propose'?",
        ),
        ("scenario raft-script\nask 0 propose", "node 0: propose(command): missing a required argument: 'command'"),
        (
            "scenario raft-script\nexpect 0 roll == leader",
            "script:2: node 0: unknown name 'roll': did you mean 'role'?",
        ),
        ("scenario raft-script\nexpect 0 role < 3", "script:2: follower < 3: only numbers have an order"),
        ("scenario raft-script\nexpect 9 up", "script:2: there is no node 9: nodes are 0 to 2"),
        ("scenario raft-script reads=lease", "raft.reads: a lease rests on servers that ignore candidates"),
        (f"{ASKING}ask 3 put 9 x 1", "script:2: node 3: put: 9 is no server: servers are 0 to 2"),
        (f"{ASKING}ask 3 put 0 'a b' 1", "node 3: put: 'a b' is not one word without a comma"),
        (f"{ASKING}ask 3 get 0 x by=sight", "node 3: get: by: 'sight' is no way to read: query or log"),
        (f"{ASKING}ask 3 change 0 add=(1, x)", "node 3: change: "),
        (f"{ASKING}ask 3 change 0 remove=3", "node 3: change: 3 is no server: servers are 0 to 2"),
        (f"{ASKING}ask 3 transfer 0 true", "node 3: transfer: True is no server: servers are 0 to 2"),
        (f"{ASKING}ask 3 transfer 0", "node 3: transfer(server, target): missing a required argument: 'target'"),
        ("scenario phold nodes=200", "script:1: phold: 200 nodes are too many for a script: 100 at most"),
    ],
)
def test_what_is_impossible_says_what_was_possible(lines: str, problem: str) -> None:
    with pytest.raises(UsageError) as refusal:
        play(lines)
    assert problem in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_stabilize_is_bounded() -> None:
    with pytest.raises(UsageError, match=r"script:3: after 2 deliveries . messages are still pending"):
        play("scenario raft-script\nfire 0 election\nstabilize max=2")


# Which messages, and what is expected.

BEGUN = "scenario raft-script\nfire 0 election\nfire 0 election\n\n"


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ("0->1 first", [0]),
        ("0->1 last", [2]),
        ("0->1 RequestVote term=2", [2]),
        ("0->* last", [3]),
        ("*->2 RequestVote all", [1, 3]),
        ("0->2 term=1", [1]),
        ("#3", [3]),
        ("all", [0, 1, 2, 3]),
    ],
)
def test_which_messages_are_meant(which: str, numbers: list[int]) -> None:
    played = play(f"{BEGUN}drop {which}")
    assert [number for number in range(4) if number not in played.acts[0].stage.world.pending] == numbers


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ("0 role == candidate", None),
        ("0 role == leader", "0 has role candidate"),
        ("0 role != candidate", "0 has role candidate"),
        ("0 term >= 2", None),
        ("0 term > 2", "0 has term 2"),
        ("0 votes has 0", None),
        ("0 votes == {0}", None),
        ("0 disk.vote == (2,0)", None),
        ("0 disk.vote[0] == 2", None),
        ("0 log.last_index == 0", None),
        ("all role == follower", "0 has role candidate"),
        ("any role == candidate", None),
        ("none role == leader", None),
        ("none role == candidate", "so it is at 0"),
        ("0 told candidate", None),
        ("0 told candidate 2", None),
        ("0 told candidate 3", "0 has told candidate 1, 2"),
        ("1 not told candidate", None),
        ("1 told leader", "1 has told started"),
        ("all up", None),
        ("1 down", "1 is up"),
        ("1 timer election", None),
        ("1 no timer election", "1 has the timers election"),
        ("message 0->1 RequestVote term=2", None),
        ("no message 1->*", None),
        ("no message 0->1 term=1", "pending: #0 0->1 RequestVote("),
        ("quiet", "pending: #0 0->1"),
        ("holds", None),
        ("violation Election Safety", "no property is violated"),
    ],
)
def test_what_is_expected(expected: str, why: str | None) -> None:
    played = play(f"{BEGUN}expect {expected}")
    if why is None:
        assert played.failing == []
    else:
        (failing,) = played.failing
        assert failing.line == 5 and failing.why.startswith(why)


def test_a_number_in_the_place_of_text_and_bytes() -> None:
    assert printed("scenario raft-script servers=1\nfire 0 election\n\nask 0 propose 7")[0].endswith(
        "log (1:-) -> (1:-, 1:7), commit 1 -> 2"
    )
    assert 'screen () -> ("7")' in printed("scenario causal-script\n\nask 0 say 7")[0]


LEADS = f"{ASKING}fire 0 election\nstabilize\nask 3 put 0 x 1\nstabilize\n"


def test_what_a_client_heard_is_judged_at_the_end_of_an_act() -> None:
    """A server that invents an answer: the judge sees it, which takes the clock for its limits."""
    stale = f"{LEADS}pass 1ms\nask 3 get 1 x\nstabilize\n"
    assert play(f"{stale}expect holds").failing == []
    wrong = stale.replace("client=true\n", "client=true\nbug DISS-6.4b\n").replace(
        "ask 3 put 0 x 1\nstabilize", PUT_ALONE
    )
    assert play(f"{wrong}expect violation linearizability").failing == []


PUT_ALONE = "ask 3 put 0 x 1\ndeliver 3->0\ndeliver 0->2\ndeliver 2->0\ndeliver 0->3"


def test_a_journal_is_in_its_snapshot() -> None:
    away = "crash 2\nask 3 put 0 y 2\nstabilize\nask 0 compact\nrestart 2\ndrop all\nfire 0 heartbeat\nstabilize\n"
    text = f"{LEADS}{away}"
    expected = 'expect 2 state_machine.commands == ["put x 1", "put y 2"]\nexpect 2 snapshot == 3:1\nexpect holds'
    assert play(f"{text}{expected}").failing == []


def test_torn_crash_leaves_what_it_says() -> None:
    text = "scenario raft-script servers=1\nbug RAFT-25\nfire 0 election\n\n"
    assert "0 disk: vote = (1, 0)" in printed(f"{text}torn crash 0 keeps 1")
    assert any("Corrupt" in line for line in printed(f"{text}torn crash 0"))


def test_values_are_compared_as_they_are_written() -> None:
    assert value_text(AppendEntries(1, 0, 0, 0, (), 2)) == "AppendEntries(1, 0, 0, 0, (), 2)"
    assert value_text({2, 10, 1}) == "{1, 2, 10}" and value_text(Role.LEADER) == "leader"
    assert value_text(b"") == "-" and value_text(b"a b") == '"a b"' and value_text(b"\xff") == "0xff"
    assert value_text("none") == '"none"' and value_text(None) == "none" and value_text("7") == '"7"'
    assert same(("a", 1), "( a,1 )") and same("a", '"a"') and not same("a b", "a  c")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.tuples(inner, inner)))
def test_a_value_is_what_is_written_of_it(value: object) -> None:
    assert same(value, value_text(value)) and "\n" not in value_text(value)


# The command, and pytest.


def test_exit_statuses(tmp_path: Path) -> None:
    def status(text: str, *more: object) -> int:
        file = tmp_path / "a.txt"
        file.write_text(text, encoding="utf-8")
        return simclock("script", file, *more).exit_code

    twice = "fire 0 election\nfire 1 election\ndeliver *->2 all\ndeliver 2->* all\n"
    assert status("scenario raft-script\n") == 0
    assert status("scenario raft-script\nexpect 0 role == leader\n") == 1
    assert status(f"scenario raft-script\nbug PAPER-5.2\n{twice}") == 1
    assert status(f"scenario raft-script\nbug PAPER-5.2\n{twice}expect violation Election Safety\n") == 0
    assert status(f"scenario raft-script\nbug PAPER-5.2\n{twice}expect violation Vote Once\n") == 1
    assert status("scenario raft-script\ncrash 7\n") == 2
    assert status("scenario dynamo-script\n") == 3
    assert status("scenario raft-script\n", "--act", 2) == 2
    assert status("scenario raft-script\n\nscenario raft-script\n", "--trace", tmp_path / "t") == 2


def test_a_script_is_no_scenario(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("scenario raft-script\n", encoding="utf-8")
    for command in (["sweep", "--seeds", "0:2"], ["show"]):
        done = simclock(*command, file)
        assert done.exit_code == 2 and f"is for `simclock script {file}`" in done.stderr


def test_a_trace_is_read_by_diff(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(
        "scenario raft-script\nfire 0 election\nstabilize\n\nscenario raft-script\nfire 1 election\n", "utf-8"
    )
    for act in (1, 2):
        assert simclock("script", file, "--act", act, "--trace", tmp_path / f"{act}.jsonl").exit_code == 0
    assert simclock("diff", tmp_path / "1.jsonl", tmp_path / "1.jsonl").exit_code == 0
    assert simclock("diff", tmp_path / "1.jsonl", tmp_path / "2.jsonl").exit_code == 1


NAMED = [
    "raft-stale-vote",
    "snapshot-chandy-lamport",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("raft-read-index", "chat-lamport-race", "leases-ten-second-pause")
    ),
]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("placement", ["windows", "windows:hosts=2"])
def test_a_script_is_the_same_in_parts(name: str, placement: str) -> None:
    script = Path(__file__).parent / "scripts" / f"{name}.txt"
    here, there = simclock("script", script), simclock("script", script, "--placement", placement)
    assert there.exit_code == 0 and there.output == here.output


@pytest.mark.ray
@pytest.mark.slow
def test_a_script_is_the_same_on_ray(ray: None) -> None:
    script = Path(__file__).parent / "scripts" / "raft-stale-vote.txt"
    here, there = simclock("script", script), simclock("script", script, "--placement", "ray:hosts=2")
    assert there.exit_code == 0 and there.output == here.output


def test_rewriting_changes_outputs_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    said = (
        "# why\nscenario raft-script servers=1\n\nfire 0 election # at once\n----\nwhat was there\nbefore\n\ntell off\n"
    )
    file.write_text(said, encoding="utf-8")
    assert simclock("script", file, "--rewrite").exit_code == 0
    once = file.read_text(encoding="utf-8")
    assert simclock("script", file, "--rewrite").exit_code == 0
    assert file.read_text(encoding="utf-8") == once
    kept = [line for block in script_of(once).blocks for said in block.said for line in [said.text]]
    assert kept == ["scenario raft-script servers=1", "fire 0 election # at once", "tell off"]
    assert "what was there" not in once and once.startswith("# why\n")


def test_a_users_scripts_are_tests(pytester: pytest.Pytester) -> None:
    def says(*more: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*_plugin(), "-p", "no:cacheprovider", *more)

    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nsimclock_scripts = ["stories/*.txt"]\n')
    stories = pytester.mkdir("stories")
    file = stories / "one.txt"
    file.write_text("scenario raft-script\n\nfire 0 election\n----\nsomething else\n", encoding="utf-8")
    (stories / "deep").mkdir()
    (stories / "deep" / "two.txt").write_text("no script\n", encoding="utf-8")
    failed = says()
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*--simclock-rewrite records it anew*", "-something else"])
    says("--simclock-rewrite").assert_outcomes(passed=1)
    says().assert_outcomes(passed=1)
    file.write_text("scenario raft-script\n\nexpect 0 role == leader\n", encoding="utf-8")
    failed = says("--simclock-rewrite")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*one.txt:3: expect 0 role == leader: not so: 0 has role follower*"])


def test_other_texts_are_left_alone(pytester: pytest.Pytester) -> None:
    """A project that says nothing of scripts may have other texts there."""
    folder = pytester.mkdir("tests") / "scripts"
    folder.mkdir()
    (folder / "notes.txt").write_text("deliver the parcel\n", encoding="utf-8")
    (folder / "one.txt").write_text("# why\nscenario raft-script\n\nexpect all up\n----\nok\n", encoding="utf-8")
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")
    says = pytester.runpytest_inprocess(*_plugin(), "-p", "no:cacheprovider")
    says.assert_outcomes(failed=1)  # what the scenario printed is not recorded
    says.stdout.fnmatch_lines(["*one.txt*"])
    pytester.runpytest_inprocess(*_plugin(), "-p", "no:cacheprovider", "--simclock-rewrite").assert_outcomes(passed=1)


def _plugin() -> tuple[str, ...]:
    return () if any(each.name == "simclock" for each in entry_points(group="pytest11")) else ("-p", PLUGIN)


def test_scripts_tell_of_right_and_wrong_classes() -> None:
    """Some hold and some break, so that neither is said of everything; each file says why it is told."""
    texts = [path.read_text(encoding="utf-8") for path in SCRIPTS]
    assert len(texts) >= 30 and all(text.startswith("# ") for text in texts)
    assert sum("expect holds" in text for text in texts) == len(texts)
    assert sum("expect violation" in text for text in texts) >= 25
