"""Stands before Gradio: who asks, what they may have, and how much they may send.

Every request gets a visitor, known by a cookie that scripts cannot read. A visitor may fetch, and
name as input, what they uploaded, what was made for them and what the server itself told them of;
anything else below the root is to them as if it were not there. Routes that the page does not need
are closed, and bodies are measured while they come in.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from talkgen.apps import media
from talkgen.apps.ask import API, Ask, Message, Receive, Refused, Scope, Send, replay, say, whole
from talkgen.apps.door import Door, same
from talkgen.apps.files import Files
from talkgen.apps.settings import Settings
from talkgen.apps.uploads import FILES, VISITOR
from talkgen.errors import InputError

COOKIE = "talkgen_visitor"
MOST_JSON = 4_000_000
"""Bytes of a request that is no upload."""
MOST_KEPT = 20_000
"""Sessions and runs whose visitor is remembered."""
ITS_FILES, ALL_FILES = 10, 100
"""How many of the largest uploads a visitor, and all together, may have lying here."""
LEAST_FREE = 500_000_000
"""Bytes that uploads leave free on the disk."""

_GET = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|logout|secret)?"
    r"|/(assets|static|svelte)/.+"
    rf"|{API}/(info/?|openapi\.json|user/?|login_check/?|app_id/?|startup-events|theme\.css)"
    rf"|{API}/(heartbeat/[^/]+|queue/(data|status)|upload_progress|call/(v2/)?[^/]+/[^/]+)"
    rf"|{API}/file=.+"
)
_POST = re.compile(
    r"/(login/?|secret)"
    rf"|{API}/(queue/join|run/[^/]+/?|api/[^/]+/?|call/(v2/)?[^/]+/?|cancel|reset/?|upload)"
)
_STATIC = re.compile(r"/(assets|static|svelte)/.+|/(theme\.css|favicon\.ico|robots\.txt)")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
"""What a browser may load: nothing from another host."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}


class TooLargeError(Exception):
    """More came in than is taken."""


class Guard:
    """ASGI middleware; see the module. One for each server.

    settings : of the server; files : whose files are whose
    """

    def __init__(self, app: Any, settings: Settings, files: Files) -> None:
        self.app, self.settings, self.files = app, settings, files
        self.door = Door(settings.secret, settings.port, passwords=bool(settings.auth))
        self.cookie = f"{COOKIE}_{settings.port}"  # browsers send it to all ports of a host
        self._key = secrets.token_bytes(32)
        self._whose: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = False
        ask: Ask | None = None

        async def answer(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message = self._dressed(ask, message)
            await send(message)

        try:
            ask = Ask(scope)
            await self._admit(ask, receive, answer)
        except (Refused, TooLargeError) as refused:
            if began:
                raise
            status = refused.status if isinstance(refused, Refused) else 413
            if ask is not None and ask.is_call:  # the page's script reads JSON
                line = json.dumps({"detail": str(refused), "error": str(refused)})
                await say(answer, status, line, kind="application/json")
            else:
                await say(answer, status, str(refused))

    async def _admit(self, ask: Ask, receive: Receive, answer: Send) -> None:
        known = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(ask.method)
        if known is None or not known.fullmatch(ask.path) or "deep_link" in ask.query:
            raise Refused(404)
        self._check_site(ask)
        self._recognize(ask)
        ask.scope[VISITOR], ask.scope[FILES] = ask.visitor, self.files
        if _STATIC.fullmatch(ask.path):
            await self.app(ask.scope, receive, answer)
        elif self.door.is_shown(ask) or not self.door.is_open(ask):
            await self.door.knock(ask, receive, answer)
        elif ask.is_file:
            if not self.files.may(ask.visitor, ask.path[len(f"{API}/file=") :]):
                raise Refused(404)
            await self.app(ask.scope, receive, answer)
        elif ask.path == f"{API}/upload":
            await self._take_upload(ask, receive, answer)
        elif ask.path.rstrip("/") == "/login":
            body = await whole(ask, receive, MOST_JSON)
            await self.app(ask.scope, replay(ask, body, receive), answer)
        elif ask.method == "POST":
            await self._take_call(ask, receive, answer)
        else:
            self._check_stream(ask)
            await self.app(ask.scope, receive, self._heard(ask, answer))

    # who asks

    def _check_site(self, ask: Ask) -> None:
        """Raise Refused for a request that another site's page makes in the visitor's name."""
        host = ask.headers.get("host", "")
        if self.settings.is_local and not self.settings.is_guarded and not _is_here(host):
            raise Refused(403, "this server answers its own machine; --host lets others in")
        fetch, origin = ask.headers.get("sec-fetch-site", ""), ask.headers.get("origin")
        if fetch in ("cross-site", "same-site"):  # of another site: only links to the page
            opens = ask.headers.get("sec-fetch-mode") == "navigate" and ask.method == "GET"
            good = opens and not ask.path.startswith(API)
        else:
            known = {host, ask.headers.get("x-forwarded-host", host)}
            good = bool(fetch) or origin is None or urlsplit(origin).netloc in known
        if not good:
            raise Refused(403, "this address answers only its own page")

    def _recognize(self, ask: Ask) -> None:
        """Name the visitor by their cookie; a new one, or another user, gets a new cookie."""
        token, _, seal = ask.cookie(self.cookie).partition(".")
        good = bool(_TOKEN.fullmatch(token)) and same(seal, self._sealed("cookie", token))
        if not good or ask.path.rstrip("/") in ("/login", "/logout"):
            token = secrets.token_urlsafe(24)
            if not _STATIC.fullmatch(ask.path):
                ask.new_cookie = f"{token}.{self._sealed('cookie', token)}"
        ask.visitor = self._sealed("visitor", token)  # stands in paths: must not tell the cookie

    def _sealed(self, purpose: str, text: str) -> str:
        message = f"{purpose}:{text}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:32]

    # whose is it

    def _check_stream(self, ask: Ask) -> None:
        """Let nobody listen to another visitor's window or run."""
        for kind in ("session_hash", "upload_id"):
            for name in ask.query.get(kind, []):
                self._claim(ask, kind, name)
        parts = ask.path.split("/")
        if parts[-2] == "heartbeat":
            self._claim(ask, "session_hash", parts[-1])
        is_run = ask.path.startswith(f"{API}/call/")
        if is_run and self._whose.get(f"event_id:{parts[-1]}") != ask.visitor:
            raise Refused(404)

    def _claim(self, ask: Ask, kind: str, name: Any) -> None:
        """Note something as the visitor's; raise Refused where it is another's."""
        good = isinstance(name, str) and bool(_NAME.fullmatch(name))
        if not good or self._note(f"{kind}:{name}", ask.visitor) != ask.visitor:
            raise Refused(404)

    def _note(self, key: str, visitor: str) -> str:
        owner = self._whose.setdefault(key, visitor)
        self._whose.move_to_end(key)
        while len(self._whose) > MOST_KEPT:
            self._whose.popitem(last=False)
        return owner

    # what they send

    async def _take_call(self, ask: Ask, receive: Receive, answer: Send) -> None:
        """Pass on a call whose files are all the visitor's."""
        try:
            sent = json.loads(await whole(ask, receive, MOST_JSON) or b"{}")
            body = json.dumps(sent).encode()  # what was checked is what is read
        except (ValueError, RecursionError):
            raise Refused(400, "the request is no JSON") from None
        if not isinstance(sent, dict):
            raise Refused(400, "the request is no JSON object")
        for kind in ("session_hash", "event_id"):
            if sent.get(kind) is not None:
                self._claim(ask, kind, sent[kind])
        for name, text in _texts(sent):
            self._check_given(ask, name, text)
        await self.app(ask.scope, replay(ask, body, receive), self._heard(ask, answer))

    def _check_given(self, ask: Ask, name: str, text: str) -> None:
        """Raise Refused for a file that is not the visitor's, wherever in a call it is named."""
        plain = unquote(text)
        if name == "path":  # of a file that is gone, the handler says so next to its field
            good = self.files.may(ask.visitor, text) or self.files.is_gone(text)
        elif name == "url" and re.match(r"[a-zA-Z][\w+.-]*://", plain):
            place = _path_of(plain)
            good = self.files.may(ask.visitor, place) or self.files.is_gone(place)
        elif self.files.root.name in plain:
            place = _path_of(plain) or text
            good = self.files.may(ask.visitor, place) or self.files.is_gone(place)
        else:
            return
        if not good:
            raise Refused(403, "a file is named that is not yours; upload it first")

    async def _take_upload(self, ask: Ask, receive: Receive, answer: Send) -> None:
        """Pass on an upload as far as it is not too large, and look at what came."""
        for name in ask.query.get("upload_id", []):
            self._claim(ask, "upload_id", name)
        room = await asyncio.to_thread(self._room, ask.visitor)
        line = f"the file is larger than {self.settings.most_mb:g} MB, the most taken here"
        if ask.stated_bytes > room:
            raise TooLargeError(line)
        taken = 0

        async def measured() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > room:
                raise TooLargeError(line)
            return message

        start: Message = {}
        body = b""

        async def held(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if start["status"] == 200:
                await asyncio.to_thread(self._look, ask.visitor, json.loads(body))
            await answer(start)
            await answer({"type": "http.response.body", "body": body})

        await self.app(ask.scope, measured, held)

    def _room(self, visitor: str) -> int:
        """Return how many bytes may come in; raise Refused where there is no place left."""
        most: int = self.settings.most_bytes
        hours = f"{self.settings.keep_hours:g} h"
        if self.files.num_bytes(visitor) > ITS_FILES * most:
            size = f"{ITS_FILES * self.settings.most_mb:g} MB"
            raise Refused(507, f"your files here have more than {size}; they go after {hours}")
        free = shutil.disk_usage(self.files.root).free
        if free < LEAST_FREE + most or self.files.num_bytes() > ALL_FILES * most:
            raise Refused(507, "there is no room for more files here now; try again later")
        return most + 100_000  # the form around the file

    def _look(self, visitor: str, paths: list[str]) -> None:
        """Note whose the new files are; what is no media is emptied, and the reason kept."""
        for path in paths:
            try:
                media.look(self.files.real(path), self.settings.most_seconds)
            except InputError as error:
                self.files.refuse(path, str(error))
            self.files.give(visitor, path)

    # what they are told

    def _heard(self, ask: Ask, answer: Send) -> Send:
        """Note the files and runs that the server tells the visitor of: they are theirs."""
        needles = [self.files.root.name.encode()]
        if ask.method == "POST":
            needles.append(b'"event_id"')

        async def listen(message: Message) -> None:
            body = message.get("body", b"")
            if any(needle in body for needle in needles):
                for line in body.split(b"\n"):
                    self._learn(ask, line.removeprefix(b"data:").strip())
            await answer(message)

        return listen

    def _learn(self, ask: Ask, line: bytes) -> None:
        if not line.startswith((b"{", b"[")):
            return
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return
        for name, text in _texts(told):
            if name == "event_id" and _NAME.fullmatch(text):
                self._note(f"event_id:{text}", ask.visitor)
            elif text.startswith(str(self.files.root) + os.sep):
                self.files.give(ask.visitor, text)

    def _dressed(self, ask: Ask | None, message: Message) -> Message:
        """Return the start of an answer with what browsers shall heed."""
        is_file = ask is not None and ask.is_file
        ours = {**HEADERS, "content-security-policy": POLICY}
        if is_file:
            ours["content-security-policy"] = "default-src 'none'; sandbox"
        if ask is None or not _STATIC.fullmatch(ask.path):
            ours["cache-control"] = "private, no-cache" if is_file else "no-store"
        headers = [(k, v) for k, v in message.get("headers", []) if k.decode().lower() not in ours]
        headers += [(name.encode(), value.encode()) for name, value in ours.items()]
        if ask is not None and ask.new_cookie is not None:
            headers.append(ask.keep(self.cookie, ask.new_cookie))
        return {**message, "headers": headers}


def _is_here(host: str) -> bool:
    """Return whether a Host header names this machine itself."""
    name = re.sub(r":\d+$", "", host).lower()
    return name in ("localhost", "[::1]") or re.fullmatch(r"127(\.\d+){3}", name) is not None


def _path_of(url: str) -> str:
    """Return the file that an address of ours serves, empty for any other."""
    return url.partition(f"{API}/file=")[2]


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text of a JSON value with the key it stands under, keys too."""
    waiting = [("", value)]
    while waiting:
        name, part = waiting.pop()
        if isinstance(part, str):
            yield name, part
        elif isinstance(part, dict):
            yield from (("", key) for key in part)
            waiting.extend(part.items())
        elif isinstance(part, list):
            waiting.extend((name, one) for one in part)
