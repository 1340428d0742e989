"""What the shell completes, by click's own machinery, and what help tells of a scenario."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from simclock.experiments.catalog import entries
from simclock.experiments.command_line import COMMANDS, COMPLETION, main

RUNS_WHEN_LOOKED_AT = "raise SystemExit('it was run')\n"


def completed(words: str) -> list[str]:
    """What bash would offer for the last word, which may be empty."""
    asked = {COMPLETION: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    result = CliRunner().invoke(main, [], env=asked)
    assert result.exit_code == 0 and result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("simclock sw", ["plain,sweep"]),
        ("simclock run raft-k", ["plain,raft-kv", "plain,raft-kv-wan"]),
        ("simclock run --seed 3 raft-kv-", ["plain,raft-kv-wan"]),
        ("simclock show pho", ["plain,phold"]),
        ("simclock sweep --seeds 0:3 pho", ["plain,phold"]),
        ("simclock compare phold ever", ["plain,everything"]),
        ("simclock list raft-h", ["plain,raft-hunt"]),
        ("simclock study byz", ["plain,byzantine-clocks"]),
        ("simclock run leases --fen", ["plain,--fencing"]),
        ("simclock shrink leases@3 --fen", ["plain,--fencing"]),
        ("simclock run raft-kv --give", ["plain,--give-up"]),
        ("simclock run leases --seed 3 --fencing o", ["plain,on", "plain,off"]),
        ("simclock run leases --fencing=of", ["plain,off"]),
        ("simclock run leases --fencing off --trouble p", ["plain,pause", "plain,partition"]),
        ("simclock run truetime --commit-wait f", ["plain,false"]),
        ("simclock run leases --placement ray:", ["plain,ray:4", "plain,ray:hosts=2"]),
        ("simclock compare phold --placements inline,wi", ["plain,inline,windows", "plain,inline,windows:hosts=2"]),
        ("simclock run ./mine", ["file,./mine"]),
        ("simclock run leases --bug ", []),
        ("simclock run phold --fen", []),
        ("simclock run nothing --fen", []),
        ("simclock replay 3:17 --fen", []),
        ("simclock nothing raft", []),
    ],
)
def test_the_shell_completes(words, offered):
    assert completed(words) == offered


def test_every_scenario_and_command_is_offered():
    assert [line.partition(",")[2] for line in completed("simclock run ")] == list(entries())
    assert [line.partition(",")[2] for line in completed("simclock ")] == list(COMMANDS)


def test_a_file_of_a_scenario_completes_its_parameters_and_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text('scenario = "leases"\n', encoding="utf-8")
    (tmp_path / "code.py").write_text(RUNS_WHEN_LOOKED_AT, encoding="utf-8")
    (tmp_path / "code.toml").write_text('scenario = "code.py:x"\n', encoding="utf-8")
    (tmp_path / "broken.toml").write_text("scenario = \n", encoding="utf-8")
    assert completed("simclock run mine.toml --fen") == ["plain,--fencing"]
    for named in ("code.py:x", "code.toml", "broken.toml", "missing.toml"):
        assert completed(f"simclock run {named} --pl") == ["plain,--placement", "plain,--plot"]


@pytest.mark.parametrize(
    ("shell", "said"), [("bash", "complete -o"), ("zsh", "#compdef simclock"), ("fish", "--command")]
)
def test_each_shell_gets_its_script(shell, said):
    result = CliRunner().invoke(main, [], prog_name="simclock", env={COMPLETION: f"{shell}_source"})
    assert result.exit_code == 0 and said in result.stdout and COMPLETION in result.stdout


def test_a_shell_that_is_not_known_is_bad_usage():
    result = CliRunner().invoke(main, [], env={COMPLETION: "nushell_source"})
    assert result.exit_code == 2 and COMPLETION in result.stderr


@pytest.mark.parametrize("words", [("leases", "--help"), ("--help", "leases"), ("--seed", "3", "leases", "-h")])
def test_help_shows_the_parameters_of_the_scenario(words):
    shown = CliRunner().invoke(main, ["run", *words])
    assert shown.exit_code == 0
    parameters = shown.stdout.partition("Parameters of the scenario:\n")[2]
    assert "--fencing [on|off]" in parameters and "[default: on]" in parameters and "--term TIME" in parameters
    assert "--term" not in CliRunner().invoke(main, ["run", "--help"]).stdout
    assert "--fencing" in CliRunner().invoke(main, ["replay", "leases@7", "--help"]).stdout
    assert CliRunner().invoke(main, ["replay", "3:17", "--help"]).exit_code == 0


def test_help_on_an_unknown_scenario_says_so():
    wrong = CliRunner().invoke(main, ["run", "leasse", "--help"])
    assert wrong.exit_code == 2 and wrong.stderr == "simclock: unknown scenario 'leasse': did you mean 'leases'?\n"


def test_help_does_not_run_the_code_that_a_file_names(tmp_path):
    (tmp_path / "code.py").write_text(RUNS_WHEN_LOOKED_AT, encoding="utf-8")
    file = tmp_path / "code.toml"
    file.write_text('scenario = "code.py:x"\n', encoding="utf-8")
    shown = CliRunner().invoke(main, ["show", str(file), "--help"])
    assert shown.exit_code == 0 and "Parameters of the scenario" not in shown.stdout


def test_help_and_commands_are_listed_without_a_topic():
    code = (
        "import sys\n"
        "from simclock.experiments.command_line import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "wrong = [m for m in sys.modules if m.startswith('simclock.experiments.c') and m.count('.') > 2]\n"
        "sys.exit(str(wrong) if wrong else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "  check-determinism " in done.stdout
