"""How a Ray worker died, in one line, from what Ray knows.

Ray tells the exit status of a worker that left by `sys.exit`; of one that was ended from without, or by `os._exit`, it
sees only the connection close, and guesses at length. Here nothing is guessed: what is not known is called so.
"""

from __future__ import annotations

import re
from pathlib import Path

_EXIT_CODE = re.compile(r"exit code (\d+)")
_PROCESS_ID = re.compile(r"^\s*pid: (\d+)", re.MULTILINE)
_SIGNAL = re.compile(r"\*\*\* (SIG[A-Z]+) received")
_CLOSED = "connection error code"
_LAST_WORDS_BYTES = 1 << 20


def how_it_died(error: BaseException, logs: str | None = None) -> str:
    """One line about a RayError of a worker's death; `logs` is Ray's folder of logs on this machine."""
    text = str(error)
    kind = type(error).__name__
    if getattr(error, "_actor_init_failed", False) or "died because of an error raised in its creation task" in text:
        return f"it could not start: {last_line(text)}"
    if kind == "OutOfMemoryError" or "NODE_OUT_OF_MEMORY" in text or "memory monitor" in text:
        return "Ray ended it because the machine was running out of memory"
    if kind == "NodeDiedError" or "node has died" in text or "node died" in text:
        return "the machine of the cluster that it was on is gone"
    if kind == "RuntimeEnvSetupError":
        return f"its runtime environment could not be made there: {last_line(text)}"
    if kind == "OwnerDiedError":
        return "the process that owned its answer is gone"
    if found := _EXIT_CODE.search(text):
        return f"its process ended itself with exit status {found[1]}"
    if (found := _PROCESS_ID.search(text)) and (name := _signal_in_log(found[1], logs)):
        return f"its process was killed by {name}"
    if _CLOSED in text or kind in ("WorkerCrashedError", "ActorDiedError"):
        return (
            "its process was gone at once, exit status unknown: os._exit, a crash of native code, kill -9, or the "
            "system for want of memory"
        )
    return first_line(text) or kind


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """The last line that says something: where a traceback names the exception."""
    return first_line("\n".join(reversed(text.splitlines())))


def _signal_in_log(process_id: str, logs: str | None) -> str:
    """A signal that Ray's own handler has written to the worker's log before it died."""
    for log in Path(logs).glob(f"worker-*-{process_id}.err") if logs else ():
        try:
            with log.open("rb") as stream:
                found = _SIGNAL.search(stream.read(_LAST_WORDS_BYTES).decode(errors="replace"))
        except OSError:
            continue
        if found:
            return found[1]
    return ""
