"""Scripts in the place of runs: run, replayed, traced, drawn, compared and asked why."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simclock.experiments.command_line import main


def simclock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of what an explorer finds."""
    file = tmp_path_factory.mktemp("found") / "two-leaders.txt"
    timers = ("--timers", "election=2", "--timers", "heartbeat=0")
    done = simclock("explore", "raft-script", "--bug", "PAPER-5.2c", "--model", "fifo", *timers, "--out", file)
    assert done.exit_code == 1
    return file


def test_a_script_is_run_and_replayed_as_any_run(found: Path) -> None:
    ran, replayed, told = simclock("run", found), simclock("replay", found), simclock("script", found)
    assert (ran.exit_code, replayed.exit_code) == (0, 0)
    assert "Election Safety is violated, as expected" in ran.output
    (digest,) = (line for line in ran.output.splitlines() if "digest" in line)
    assert digest in told.output and digest in replayed.output
    assert "the same to the last bit" in replayed.output
    assert simclock("run", found, "--placement", "windows:hosts=2").output == ran.output


def test_a_script_that_does_not_do_as_it_says_has_the_status_of_script(tmp_path: Path, found: Path) -> None:
    unexpected = tmp_path / "unexpected.txt"
    unexpected.write_text(found.read_text("utf-8").replace("expect violation", "# expect violation"), "utf-8")
    assert [simclock(command, unexpected).exit_code for command in ("script", "run", "replay")] == [1, 1, 1]
    unmet = tmp_path / "unmet.txt"
    unmet.write_text("scenario raft-script\nexpect 0 current_term == 7\n", "utf-8")
    ran = simclock("run", unmet)
    assert ran.exit_code == simclock("script", unmet).exit_code == 1
    assert "unmet.txt:2" in ran.output


def test_a_script_is_traced_drawn_and_compared_as_any_run(tmp_path: Path, found: Path) -> None:
    written = tmp_path / "trace.jsonl"
    assert simclock("run", found, "--trace", written, "--plot", tmp_path / "run.svg").exit_code == 0
    by_script = tmp_path / "by-script.jsonl"
    simclock("script", found, "--trace", by_script)
    assert written.read_bytes() == by_script.read_bytes()
    assert (tmp_path / "run.svg").read_text("utf-8").startswith("<svg")
    told = simclock("trace", found).output
    assert "timer election" in told and "at 1s" in told, "events stand at their Lamport clocks"
    assert simclock("trace", found, "--format", "svg", "--out", tmp_path / "trace.svg").exit_code == 0
    assert simclock("diff", found, found).exit_code == 0
    assert simclock("diff", found, written).exit_code == 0
    other = tmp_path / "other.txt"
    other.write_text(found.read_text("utf-8").replace("fire 0 election", "fire 2 election"), "utf-8")
    parted = simclock("diff", found, other)
    assert parted.exit_code == 1 and "election" in parted.output


def test_why_a_script_violates_something(found: Path) -> None:
    done = simclock("why", found)
    assert done.exit_code == 0 and "Election Safety violated" in done.output
    assert "timer election" in done.output and "start" in done.output.splitlines()[-1]
    assert simclock("why", found, "0#2").output.startswith("why     0#2")


def test_what_a_script_does_not_take_is_one_line(tmp_path: Path, found: Path) -> None:
    two = tmp_path / "two.txt"
    two.write_text("scenario raft-script\n\nscenario raft-script\n", "utf-8")
    assert simclock("run", two).exit_code == 0
    for command, said in (
        (["run", found, "--seed", "3"], "a script says itself what is played"),
        (["run", found, "--format", "json"], "leave --format out"),
        (["replay", found, "--until", "3s"], "leave --until out"),
        (["why", found, "--seed", "3"], "a script says itself what is played"),
        (["run", two, "--trace", tmp_path / "t"], "it has 2 scenarios"),
        (["trace", two], "a trace is of one"),
        (["diff", two, two], "a trace is of one"),
    ):
        done = simclock(*command)
        assert (done.exit_code, said in done.stderr, done.stderr.count("\n")) == (2, True, 1), command
