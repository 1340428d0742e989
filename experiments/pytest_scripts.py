"""Scripts as tests: a file is one test, which fails where what is printed is not what was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simclock.errors import HandlerError, UsageError
from simclock.experiments.scripts.acting import outcome_of
from simclock.experiments.scripts.play import Play
from simclock.experiments.scripts.setting import setting_of
from simclock.experiments.scripts.text import read_script

DIFFERENCES_MAX = 60
"""Lines of a difference that are shown."""


class ScriptFile(pytest.File):
    """A file with a script."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test."""
        yield ScriptTest.from_parent(self, name=self.path.stem)


class ScriptFailed(Exception):
    """What is not as it should be, in lines."""


class ScriptTest(pytest.Item):
    """One script: what it prints is compared with what stands in the file, or is put there."""

    def runtest(self) -> None:
        """Play it."""
        script = read_script(self.path)
        play = Play(script, partial(setting_of, folder=self.path.parent))
        outputs = [told.lines for told in play.blocks()]
        problems = [f"{self._place}:{each.line}: {each.text}: not so: {each.why}" for each in play.failing]
        problems += [line for act in play.acts for line in outcome_of(act).problems]
        text, now = "\n".join(script.lines) + "\n", script.rewritten(outputs)
        if self._rewrites:
            if text != now:
                self.path.write_text(now, encoding="utf-8", newline="\n")
        elif text != now:
            problems += self._difference(text, now)
        if problems:
            raise ScriptFailed("\n".join(problems))

    @property
    def _rewrites(self) -> bool:
        return bool(self.config.getoption("--simclock-rewrite") or self.config.getoption("--rewrite", False))

    @property
    def _place(self) -> str:
        return os.path.relpath(self.path)

    def _difference(self, text: str, now: str) -> Iterator[str]:
        lines = list(unified_diff(text.splitlines(), now.splitlines(), "recorded", "printed now", lineterm="", n=2))
        yield f"{self._place}: what is printed is not what was recorded; --simclock-rewrite records it anew"
        yield from lines[:DIFFERENCES_MAX]
        if len(lines) > DIFFERENCES_MAX:
            yield f"... {len(lines) - DIFFERENCES_MAX} more lines"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Without frames: a script has none."""
        if isinstance(excinfo.value, ScriptFailed | UsageError | HandlerError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """What a report calls it."""
        return self.path, 0, f"script {self._place}"
