"""One request as the guard sees it: its cookies, its body by measure, and short answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

API = "/gradio_api"
"""What Gradio's own routes begin with."""


class Refused(Exception):
    """A request that ends here: its status, and the line that says why."""

    def __init__(self, status: int, text: str = "not found") -> None:
        super().__init__(text)
        self.status = status


class Ask:
    """One request.

    visitor : who asks, once that is known; new_cookie : what their browser shall keep
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        try:
            self.query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=50)
        except ValueError:
            raise Refused(400, "the address has too many fields") from None
        self.visitor = ""
        self.new_cookie: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether a file of the root is asked for."""
        return self.path.startswith(f"{API}/file=")

    @property
    def is_call(self) -> bool:
        """Whether a handler is called, and not a file sent."""
        return self.method == "POST" and self.path.startswith(API) and self.path != f"{API}/upload"

    @property
    def stated_bytes(self) -> int:
        """Bytes of the body as the request states them, 0 where it does not."""
        stated = self.headers.get("content-length", "")
        return int(stated) if stated.isascii() and stated.isdigit() else 0

    def cookie(self, name: str) -> str:
        """Return a cookie's value, empty without it; odd ones of other programs do no harm."""
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.partition("=")
            if key.strip() == name:
                return value.strip()
        return ""

    def keep(self, name: str, value: str) -> tuple[bytes, bytes]:
        """Return the header that makes a browser keep a cookie, out of reach of scripts."""
        secure = "; Secure" if self.scope.get("scheme") == "https" else ""
        return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}".encode()


async def whole(ask: Ask, receive: Receive, most: int) -> bytes:
    """Return a request's body; raise Refused as soon as it is larger than `most` bytes."""
    body, more = b"", True
    while more:
        if max(ask.stated_bytes, len(body)) > most:
            raise Refused(413, f"the request is larger than {most} bytes, the most taken here")
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "the request broke off")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if len(body) > most:
        raise Refused(413, f"the request is larger than {most} bytes, the most taken here")
    return body


def replay(ask: Ask, body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` in place of the one that was read."""
    kept = [(name, value) for name, value in ask.scope["headers"] if name != b"content-length"]
    ask.scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


async def say(
    send: Send, status: int, text: str, *more: tuple[bytes, bytes], kind: str = "text/plain"
) -> None:
    """Answer with a text and some more headers."""
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
