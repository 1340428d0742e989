"""The shared document: copies converge, a recording is replayed with its own causality, and what is wrong is found."""

import gzip
import json
import re
import zlib
from itertools import chain

import pytest
from click.testing import CliRunner

from simclock import Crash, Network, Uniform, UsageError, ms, seconds, stream
from simclock.actors import Placement, run
from simclock.experiments.catalog import entries
from simclock.experiments.catalog.shared_document.recordings import read_recording
from simclock.experiments.command_line import main
from simclock.experiments.commands.run import run as run_command
from simclock.experiments.entries.entry import make_scenario
from simclock.experiments.entries.settings import Settings
from simclock.experiments.entries.verdict import UNKNOWN, VALID, VIOLATED
from simclock.protocols.crdts.sequence import Sequence

ENTRY = entries()["shared-document"]


def play(seed=0, **settings):
    return run(make_scenario(ENTRY, Settings(seed=seed, **settings)))


def test_copies_converge_through_joining_leaving_and_halves():
    for seed in range(2):
        result = play(seed)
        verdict = ENTRY.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        assert "4 copies are equal" in verdict.lines[1]
        reached = ENTRY.sometimes(result)
        assert all(reached.values()), f"seed {seed}: {reached}"
        assert sum(copy.rejoined for copy in result.final.values()) >= 2, f"seed {seed}"
        # Phrases are typed at cursors that follow their element: most come out whole.
        assert result.final[0].text.count("quick brown fox") >= 3


def test_fifo_in_its_place_is_found():
    result = play(1, parameters={"delivery": "fifo"})
    verdict = ENTRY.judge(result)
    assert verdict.status == VIOLATED and result.violations[0].property == "Causal Order"


def test_copies_that_differ_are_found():
    result = play(2, duration_ns=seconds(25))
    assert ENTRY.judge(result).status == VALID
    result.final[1] = result.final[1]._replace(text=result.final[1].text + "?")
    verdict = ENTRY.judge(result)
    assert verdict.status == VIOLATED and verdict.properties == ("Convergence",)


def test_a_crash_does_not_stop_the_others():
    result = play(4, faults=(Crash(at_ns=seconds(6), node=1),))
    assert ENTRY.judge(result).status == VALID


def lossy(loss):
    return Network(latency=Uniform(low_ns=ms(20), high_ns=ms(120)), loss=loss, duplication=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_copies_are_equal_where_half_of_all_messages_are_lost(seed):
    verdict = ENTRY.judge(play(seed, network=lossy(0.5)))
    assert verdict.status == VALID, verdict.lines


def test_loss_adds_little_more_than_the_exchange_that_mends_it():
    """A fifth of all messages is lost, so nearly every one waits: for about one tick, one request and its answer."""
    readers = [copy for copy in play(0, network=lossy(0.2)).final.values() if copy.reads_along]
    assert readers
    for reader in readers:
        assert reader.deliveries > 300 and sum(reader.delays_ns) < ms(500) * reader.deliveries


def test_what_a_crashed_copy_had_counted_is_reported():
    crashes = tuple(Crash(at_ns=seconds(5), node=node) for node in range(4))
    result = play(0, network=lossy(0.2), faults=crashes)
    broadcast = result.reports["DeliveryOrder"].counts["broadcast"]
    rows = dict(ENTRY.describe(result))
    assert rows["edits"] == f"{broadcast - 1} by 3 people", "all but the newcomer's first"
    assert [copy.text for copy in result.fallen[0]] == [None]


@pytest.mark.parametrize("seed", range(2))
def test_no_more_is_held_back_than_is_delivered(seed):
    for copy in play(seed, network=lossy(0.3)).lives:
        assert 0 < copy.held_count <= copy.deliveries


def test_the_report_names_what_was_asked_for():
    rows = dict(ENTRY.describe(play(0, duration_ns=seconds(3), faults=())))
    assert "high-water mark" in rows["held back"] and "until all had them" in rows["kept"]
    assert "mean" in rows["delay added"] and "vector clock" in rows["metadata"]


def test_the_same_everywhere(same_everywhere):
    scenario = make_scenario(ENTRY, Settings(seed=3, duration_ns=seconds(6)))
    assert same_everywhere(scenario).reports["DeliveryOrder"].counts["delivered"] > 200


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.usefixtures("ray")
def test_the_same_on_ray():
    scenario = make_scenario(ENTRY, Settings(seed=5, duration_ns=seconds(1)))
    assert run(scenario, Placement(kind="ray", hosts=2)).digest == run(scenario).digest


# Recordings.


def recording(folder, table, packed=True):
    path = folder / "recording.json.gz"
    data = json.dumps(table).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


SMALL = {
    "kind": "concurrent",
    "numAgents": 2,
    "endContent": "Hi\U0001f600, you!",
    "txns": [
        {"parents": [], "agent": 0, "patches": [[0, 0, "Hi\U0001f600"]]},
        {"parents": [0], "agent": 0, "patches": [[3, 0, "!"]]},
        # Agent 1 has seen only the first: its comma stands at 3 of "Hi" and the emoji, which has no "!" yet.
        {"parents": [0], "agent": 1, "patches": [[2, 1, ""]]},
        {"parents": [2], "agent": 1, "patches": [[2, 0, "\U0001f600, "]]},
        {"parents": [1, 3], "agent": 0, "patches": [[5, 0, "yoo"]]},
        {"parents": [4], "agent": 1, "patches": [[7, 1, "u"]]},
    ],
}


@pytest.mark.parametrize("packed", [True, False])
def test_positions_are_those_of_the_text_as_it_was(tmp_path, packed):
    path = recording(tmp_path, SMALL, packed)
    for seed in range(5):
        result = play(seed, parameters={"recording": str(path), "stroke_ns": ms(1)})
        verdict = ENTRY.judge(result)
        assert verdict.status == VALID, f"seed {seed}: {verdict.lines}"
        assert {copy.text for copy in result.final.values()} == {SMALL["endContent"]}
        assert result.stopped == "every copy has every keystroke"


def test_a_replay_reports_all_that_is_asked_for(tmp_path):
    """Held back, high-water mark, delay, bytes of metadata for each operation, and whether the end is the file's."""
    path = recording(tmp_path, made_up(120))
    result = CliRunner().invoke(main, ["run", "shared-document", "--seed", "5", "--recording", str(path)])
    assert result.exit_code == 0, result.output
    for line in (
        r"  edits +120 by 2 people$",
        r"  held back +[1-9]\d* of 240 deliveries \(\d+%\), high-water mark [1-9]\d* at a member$",
        r"  delay added +at who only reads: mean \S+ms over all deliveries; of the held ones median \S+s, max \S+s$",
        r"  metadata +\d+\.\d B per operation: \d+\.\d B of vector clock, \d+\.\d B of ids and encoding$",
        r" +Convergence: 3 copies are equal, ",
        r" +Ends As Recorded: the text is the recording's endContent$",
    ):
        assert re.search(line, result.output, re.MULTILINE), (line, result.output)
    rows = dict(ENTRY.describe(play(nodes=2, parameters={"recording": str(path)})))
    assert rows["delay added"] == "not measured: nobody only reads along"


def test_one_copy_with_another_end_is_found(tmp_path):
    path = recording(tmp_path, SMALL)
    result = play(parameters={"recording": str(path)})
    result.final[2] = result.final[2]._replace(text="Hi")
    verdict = ENTRY.judge(result)
    assert verdict.properties == ("Convergence", "Ends As Recorded")
    assert verdict.lines[0].startswith("Convergence violated: "), "what broke comes first"
    assert "Ends As Recorded violated: not the endContent at node 2" in verdict.lines


def test_another_end_than_recorded_is_found(tmp_path):
    path = recording(tmp_path, {**SMALL, "endContent": "Hi, you!"})
    verdict = ENTRY.judge(play(parameters={"recording": str(path)}))
    assert verdict.status == VIOLATED and verdict.properties == ("Ends As Recorded",)


def test_a_replay_that_is_cut_short_is_unknown(tmp_path):
    path = recording(tmp_path, SMALL)
    verdict = ENTRY.judge(play(duration_ns=ms(1), parameters={"recording": str(path)}))
    assert verdict.status == UNKNOWN and "not complete" in " ".join(verdict.lines)


def made_up(strokes, seed=1, patches=(1,)):
    """A recording of two people who read each other late, with the text that a replay in one place ends with.

    A transaction has one of these numbers of patches.
    """
    luck = stream(seed, "recording")
    copies, operations, seen = [Sequence(0), Sequence(1)], [[], []], [0, 0]
    transactions, latest, numbers = [], [None, None], [[], []]
    for number in range(strokes):
        who = luck.randrange(2)
        if luck.randrange(3) == 0:
            until = luck.randrange(seen[who], len(operations[1 - who]) + 1)
            for operation in chain.from_iterable(operations[1 - who][seen[who] : until]):
                copies[who].apply(operation)
            seen[who] = until
        changes = []
        operations[who].append([])
        for _ in range(luck.choice(patches)):
            size = len(copies[who])
            patch = (
                [luck.randrange(size), 1, ""] if size and luck.randrange(9) == 0 else [luck.randrange(size + 1), 0, "x"]
            )
            patch[2] = patch[2] and chr(97 + number % 26)
            changes.append(patch)
            operations[who][-1].append(
                copies[who].delete(patch[0]) if patch[1] else copies[who].insert(patch[0], patch[2])
            )
        parents = [latest[who]] if latest[who] is not None else []
        if seen[who]:
            parents.append(numbers[1 - who][seen[who] - 1])
        transactions.append({"parents": parents, "agent": who, "patches": changes})
        latest[who] = number
        numbers[who].append(number)
    for operation in chain.from_iterable(operations[1][seen[0] :]):
        copies[0].apply(operation)
    return {"numAgents": 2, "endContent": str(copies[0]), "txns": transactions}


def test_a_longer_recording_over_a_bad_network(tmp_path):
    path = recording(tmp_path, made_up(600))
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(200)), loss=0.1, duplication=0.1)
    result = play(5, nodes=4, network=network, parameters={"recording": str(path), "held_max": 40})
    verdict = ENTRY.judge(result)
    assert verdict.status == VALID, verdict.lines
    assert sum(copy.held_count for copy in result.final.values()) > 100
    assert sum(copy.resent for copy in result.final.values()) > 50


def test_a_transaction_may_have_no_patch_or_several(tmp_path):
    """They apply in sequence: the second stands at a position of the text as the first has left it."""
    table = {
        **SMALL,
        "endContent": "Hello you!",
        "txns": [
            {"parents": [], "agent": 0, "patches": [[0, 0, "Hallo"], [1, 1, "e"], [5, 0, "!"]]},
            {"parents": [], "agent": 1, "patches": []},
            {"parents": [0, 1], "agent": 1, "patches": [[5, 1, " "], [6, 0, "you!!"], [10, 1, ""]]},
            {"parents": [2], "agent": 0, "patches": []},
        ],
    }
    result = play(parameters={"recording": str(recording(tmp_path, table))})
    assert ENTRY.judge(result).status == VALID and {copy.text for copy in result.final.values()} == {"Hello you!"}
    assert dict(ENTRY.describe(result))["edits"] == "4 by 2 people"
    assert sum(copy.bytes_text for copy in result.final.values()) == 5 + 1 + 1 + 1 + 5


@pytest.mark.parametrize("seed", range(3))
def test_patches_of_one_transaction_are_replayed_among_others(tmp_path, seed):
    path = recording(tmp_path, made_up(150, seed, patches=(0, 1, 1, 2, 3)))
    verdict = ENTRY.judge(play(seed, parameters={"recording": str(path)}))
    assert verdict.status == VALID, verdict.lines


@pytest.mark.external
@pytest.mark.slow
def test_the_real_keystrokes_of_two_people(external_data):
    """josephg/editing-traces: every replica ends with exactly `endContent`."""
    path = external_data / "editing" / "friendsforever.json.gz"
    assert len(read_recording(str(path)).strokes[0]) == 12_124
    result = play(parameters={"recording": str(path)})
    verdict = ENTRY.judge(result)
    assert verdict.status == VALID, verdict.lines
    assert {copy.text for copy in result.final.values()} == {read_recording(str(path)).end}
    assert sum(copy.edits for copy in result.final.values()) == 26_078


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"txns": [{"parents": [], "agent": 0}]}, "KeyError"),
        (
            {"txns": [{"parents": [], "agent": 2, "patches": [[0, 0, "x"]]}]},
            "agent: 2 is not a whole number from 0 to 1",
        ),
        ({"txns": [{"parents": [], "agent": -1, "patches": [[0, 0, "x"]]}]}, "agent: -1 is not"),
        ({"txns": [SMALL["txns"][0], {"parents": [-1], "agent": 1, "patches": [[0, 0, "x"]]}]}, "parent: -1 is not"),
        ({"txns": [{"parents": [0], "agent": 0, "patches": [[0, 0, "x"]]}]}, "txns[0]: parent: 0 is not"),
        ({"txns": [{"parents": [], "agent": 0, "patches": [[0, 0, "x"], [0, 0]]}]}, "txns[0]: [0, 0] is not a patch"),
        ({"txns": [{"parents": [], "agent": 0, "patches": [[0, 0, "x"], [0, -1, ""]]}]}, "deleted: -1 is not"),
        ({"txns": [{"parents": [], "agent": 0, "patches": "xyz"}]}, "txns[0]: patches: 'xyz' is not a list"),
        ({"txns": [{"parents": [], "agent": 0, "patches": [[0, 0, None]]}]}, "are not a position and a text"),
        ({"txns": [{"parents": [], "agent": 0, "patches": [[0, -2, "x"]]}]}, "deleted: -2 is not"),
        ({"txns": 5}, "TypeError"),
        ({"endContent": None}, "endContent is no text"),
        ({"numAgents": 10**9}, "numAgents: 1000000000 is not"),
        (
            {"txns": [SMALL["txns"][0], {"parents": [], "agent": 0, "patches": [[0, 0, "x"]]}]},
            "must follow one",
        ),
        ({"numAgents": None}, "numAgents: None is not"),
    ],
)
def test_what_is_no_recording(tmp_path, change, says):
    path = recording(tmp_path, {**SMALL, **change})
    result = CliRunner().invoke(main, ["run", "shared-document", "--set", f"recording={path}"])
    assert result.exit_code == 2 and says in result.output and "numAgents" in result.output
    assert result.output.count("\n") == 1, result.output


@pytest.mark.parametrize(
    ("patch", "says"),
    [([7, 3, ""], "delete 3 at 7: the sequence has 4"), ([-1, 0, "x"], "insert at -1: the sequence has 4")],
)
def test_a_position_beyond_the_text_names_the_file_and_the_transaction(tmp_path, patch, says):
    changed = {"parents": [1], "agent": 0, "patches": [patch]}
    path = recording(tmp_path, {**SMALL, "txns": [*SMALL["txns"][:2], changed]})
    result = CliRunner().invoke(main, ["run", "shared-document", "--recording", str(path)])
    assert result.exit_code == 2 and f"recording: {path}, txns[2]: {says}" in result.output, result.output
    assert result.output.count("\n") == 1


def test_a_damaged_byte_of_a_recording_is_one_line_wherever_it_is(tmp_path):
    """The header, the deflated blocks (zlib.error) and the checksum fail in different ways."""
    whole = gzip.compress(json.dumps(SMALL).encode(), mtime=0)
    with pytest.raises(zlib.error):
        gzip.decompress(flipped(whole, 10))
    path = tmp_path / "damaged.json.gz"
    for place in range(2, len(whole)):
        path.write_bytes(flipped(whole, place))
        read_recording.cache_clear()
        try:
            assert read_recording(str(path)).end == SMALL["endContent"], "a byte of the header that says nothing"
        except UsageError as error:
            assert str(error).startswith(f"recording: {'cannot read ' if 'cannot' in str(error) else ''}{path}")
    path.write_bytes(flipped(whole, 10))
    result = CliRunner().invoke(main, ["run", "shared-document", "--recording", str(path)])
    assert result.exit_code == 2 and f"recording: {path} is no JSON, gzipped or not" in result.output
    assert result.output.count("\n") == 1, result.output


def test_a_recording_that_is_nested_too_deep_is_one_line(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    result = CliRunner().invoke(main, ["run", "shared-document", "--recording", str(path)])
    assert result.exit_code == 2 and "is no JSON" in result.output and result.output.count("\n") == 1


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--recording", "nowhere.json"], "recording: cannot read nowhere.json: No such file"),
        (["--recording", __file__], "is no JSON, gzipped or not"),
        (["--delivery", "total"], "delivery: unknown order of delivery 'total': use causal or fifo"),
        (["--set", "window=0"], "window: 0 is too small"),
        (["--nodes", "1"], "nodes: 1 is not a group"),
    ],
)
def test_bad_input(arguments, says):
    result = CliRunner().invoke(main, ["run", "shared-document", *arguments])
    assert result.exit_code == 2 and says in result.output and result.output.count("\n") == 1


def test_no_parameter_has_the_name_of_an_option_of_run():
    """`--trace FILE` writes a trace: a recording given by a parameter of that name was once overwritten."""
    options = {name.lstrip("-") for parameter in run_command.params for name in parameter.opts}
    for name in ("shared-document", "chat", "chat-hunt", "causal-hunt"):
        parameters = entries()[name].parameters
        assert not options & {*parameters, *(each.removesuffix("_ns") for each in parameters)}, name
