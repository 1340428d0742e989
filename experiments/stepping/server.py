"""The page for stepping, served on the loopback alone, to who has the token of its address.

Laws: it listens on 127.0.0.1, on a port that the system chooses. Every address begins with a random token; a request
without it, or for another host's name (a page elsewhere whose name was made to lead here), is refused, and so is a
command that is not JSON, which a page elsewhere cannot send. One request is answered at a time; a connection over which
nothing is asked (browsers open such) holds up nobody.
"""

from __future__ import annotations

import hmac
import html
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from simclock.errors import HandlerError, UsageError
from simclock.experiments.stepping.branches import Branches
from simclock.experiments.stepping.told import told
from simclock.experiments.stepping.words import obey
from simclock.experiments.viewing.page import page, static_text
from simclock.experiments.viewing.seen import Seen

STATIC = Path(__file__).parent / "static"
LOOPBACK = "127.0.0.1"
BODY_MAX = 10_000
SECURITY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; "
    "img-src data:"
)


class StepServer(ThreadingHTTPServer):
    """Serves one session."""

    daemon_threads = True

    def __init__(self, branches: Branches, picture: Any) -> None:
        """`picture` makes the Seen of a world: what has happened on the way to it."""
        super().__init__((LOOPBACK, 0), _Handler)
        self.branches = branches
        self.picture = picture
        self.token = secrets.token_urlsafe(24)
        self.one_at_a_time = Lock()

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """What to open; who knows it may step."""
        return f"http://{self.host}/{self.token}/"

    def drawn(self) -> str:
        """The picture of the way to where one stands."""
        seen: Seen = self.picture(self.branches.here.world)
        return page(seen.name, [seen])


class _Handler(BaseHTTPRequestHandler):
    server: StepServer
    timeout = 10

    def do_GET(self) -> None:
        with self.server.one_at_a_time:
            self._get()

    def do_POST(self) -> None:
        with self.server.one_at_a_time:
            self._post()

    def _get(self) -> None:
        match self._asked():
            case "":
                self._answer(_page(self.server.branches), "text/html")
            case "state":
                self._json(told(self.server.branches))
            case "picture":
                self._answer(self.server.drawn(), "text/html", secure=False)
            case "script":
                self._answer(self.server.branches.script(), "text/plain")
            case str():
                self._refuse(HTTPStatus.NOT_FOUND)

    def _post(self) -> None:
        if self._asked() != "do":
            return
        length = self.headers.get("Content-Length", "")
        is_json = self.headers.get_content_type() == "application/json"
        if not is_json or not length.isdecimal() or int(length) > BODY_MAX:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        try:
            line = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, str):
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        message = ""
        try:
            obey(self.server.branches, line)
        except HandlerError as error:
            message = f"the code fails there: {error}"
        except UsageError as error:
            message = str(error)
        self._json({**told(self.server.branches), "message": message})

    def _asked(self) -> str | None:
        """What is behind the token; None, and an answer, where it is not asked for as it has to be."""
        _, token, *rest = [*self.path.partition("?")[0].split("/"), ""][:3]
        if self.headers.get("Host") != self.server.host or not hmac.compare_digest(
            token.encode(), self.server.token.encode()
        ):
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        return rest[0]

    def _json(self, value: Any) -> None:
        self._answer(json.dumps(value), "application/json")

    def _answer(self, text: str, kind: str, *, secure: bool = True) -> None:
        data = text.encode("utf-8", "replace")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        if secure:  # the picture says so itself
            self.send_header("Content-Security-Policy", SECURITY)
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the token stands in every line."""


def _page(branches: Branches) -> str:
    form = (STATIC / "step.html").read_text(encoding="utf-8")
    script = (STATIC / "step.js").read_text(encoding="utf-8")
    style = static_text("viewer.css") + (STATIC / "step.css").read_text(encoding="utf-8")
    parts = {"TITLE": html.escape(f"{branches.label}, by hand"), "STYLE": style, "SCRIPT": script}
    pieces = form.split("@@")
    return "".join(parts[piece] if place % 2 else piece for place, piece in enumerate(pieces))
