"""The shared secret: who knows it comes in, and need not show it again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from urllib.parse import parse_qs, urlencode

from talkgen.apps.ask import API, Ask, Receive, Refused, Send, say, whole

COOKIE = "talkgen_secret"
WRONG_S = 1.0
"""Seconds that a wrong secret waits for its answer."""


def same(given: str, wanted: str) -> bool:
    """Return whether two texts are the same, in a time that does not tell how far."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


class Door:
    """Lets in who knows the secret, by `?secret=`, by `Authorization: Bearer`, or by its page.

    secret : None lets everybody in; passwords : whether `/login` has its own guard
    port : of the server; browsers send cookies to all ports of a host
    """

    def __init__(self, secret: str | None, port: int, *, passwords: bool = False) -> None:
        self._secret, self._passwords = secret, passwords
        self._cookie = f"{COOKIE}_{port}"
        key = secrets.token_bytes(32)
        self._pass = hmac.new(key, (secret or "").encode(), hashlib.sha256).hexdigest()

    def is_shown(self, ask: Ask) -> bool:
        """Return whether the request is about the secret itself."""
        return ask.path == "/secret" or (self._secret is not None and "secret" in ask.query)

    def is_open(self, ask: Ask) -> bool:
        """Return whether the request may come in."""
        if self._secret is None or ask.path == f"{API}/startup-events":
            return True
        if self._passwords and ask.method == "POST" and ask.path.rstrip("/") == "/login":
            return True
        kind, _, bearer = ask.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(bearer.strip(), self._secret):
            return True
        return same(ask.cookie(self._cookie), self._pass)

    async def knock(self, ask: Ask, receive: Receive, send: Send) -> None:
        """Answer who is not in yet: let them in, or ask for the secret."""
        if self._secret is None:
            raise Refused(404)
        if ask.method == "POST" and ask.path == "/secret":
            fields = parse_qs((await whole(ask, receive, 2000)).decode("utf-8", "replace"))
            shown = fields.get("secret", [""])
        else:
            shown = ask.query.get("secret", [])
        if any(same(text, self._secret) for text in shown):
            await self.enter(ask, send)
            return
        if shown or "authorization" in ask.headers:
            await asyncio.sleep(WRONG_S)
        if ask.path in ("/", "/secret"):
            wrong = "This is not the secret." if shown else ""
            await say(send, 401, _page(wrong), kind="text/html")
            return
        raise Refused(401, "a secret is needed: send `Authorization: Bearer SECRET`")

    async def enter(self, ask: Ask, send: Send) -> None:
        """Note in a cookie that the visitor knows the secret; show the page without it."""
        left = {name: v for name, v in ask.query.items() if name != "secret"}
        place = "./" + (f"?{urlencode(left, doseq=True)}" if left else "")
        await say(send, 303, "", (b"location", place.encode()), ask.keep(self._cookie, self._pass))


def _page(wrong: str) -> str:
    line = f'<p role="alert" id="wrong">{wrong}</p>' if wrong else ""
    mark = ' aria-invalid="true" aria-describedby="wrong"' if wrong else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>talkgen</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 ui-sans-serif, system-ui, sans-serif;
  --line: light-dark(#8a96a3, #5b6b7a); --teal: light-dark(#0f766e, #2dd4bf); }}
body {{ display: grid; place-content: center; min-height: 90vh; margin: 1rem;
  background: light-dark(#f4f6f8, #0e1216); color: light-dark(#17202a, #e3e8ee); }}
form {{ display: grid; gap: .75rem; width: min(20rem, 90vw); }}
h1 {{ margin: 0; font-size: 1.5rem; }}
input, button {{ font: inherit; padding: .55rem .75rem; border-radius: 6px; }}
input {{ border: 1px solid var(--line); background: light-dark(#fff, #10161b); color: inherit; }}
button {{ border: 0; background: var(--teal); color: light-dark(#fff, #04211e); font-weight: 600; }}
:focus-visible {{ outline: 3px solid var(--teal); outline-offset: 2px; }}
[role=alert] {{ margin: 0; color: light-dark(#b3261e, #ff8a80); }}
</style></head>
<body><main><form method="post" action="secret"><h1>talkgen</h1>
<label for="secret">This page asks for a secret</label>
<input id="secret" name="secret" type="password" required autofocus{mark}>{line}
<button>Open</button></form></main></body></html>"""
