"""What `talkgen demo` is told: where it listens, how much it does, and for whom."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import Path

from talkgen.errors import InputError

HOST, PORT = "127.0.0.1", 7860
WAITING = 30
MOST_MB, MOST_SECONDS = 200.0, 300.0
KEEP_HOURS = 6.0
SHORTEST_SECRET = 8
"""Characters of a shared secret; a shorter one is soon guessed."""


@dataclass(frozen=True)
class Settings:
    """How the page is served. Checked when made; raises InputError.

    host, port : what the server listens on; port 0 is any free one
    workers : commands that run at the same time, None: one for two processors
    waiting : visitors' requests that may wait; one more is refused
    most_mb, most_seconds : of an uploaded file, megabytes (10^6 bytes) and length
    keep_hours : how long a visitor's files stay after they were last used
    auth : (user, password) of each who may come in; empty: everybody
    secret : what a visitor must know, None: nothing
    open_page : whether the page is opened in this machine's browser
    root : folder for all files of the server, None: a new one under the temporary folder
    """

    host: str = HOST
    port: int = PORT
    workers: int | None = None
    waiting: int = WAITING
    most_mb: float = MOST_MB
    most_seconds: float = MOST_SECONDS
    keep_hours: float = KEEP_HOURS
    auth: tuple[tuple[str, str], ...] = ()
    secret: str | None = None
    open_page: bool = False
    root: Path | None = None

    def __post_init__(self) -> None:
        if not self.host or any(c.isspace() or c in "/:@" for c in self.host.strip("[]")) != (
            _is_v6(self.host)
        ):
            raise InputError(f"`host` is {self.host!r}, a name or an address is needed")
        if not 0 <= self.port <= 65535:
            raise InputError(f"`port` is {self.port}, a number from 0 (any free one) to 65535")
        if self.workers is not None and not 1 <= self.workers <= 256:
            raise InputError(f"`workers` is {self.workers}, a number from 1 to 256 is needed")
        if not 1 <= self.waiting <= 10_000:
            raise InputError(f"`waiting` is {self.waiting}, a number from 1 to 10000 is needed")
        for name, value, unit in (
            ("most_mb", self.most_mb, "megabytes"),
            ("most_seconds", self.most_seconds, "seconds"),
            ("keep_hours", self.keep_hours, "hours"),
        ):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"`{name}` is {value:g}, {unit} above zero are needed")
        names = [user for user, _ in self.auth]
        if twice := sorted({user for user in names if names.count(user) > 1}):
            raise InputError(f"`auth` names {twice[0]!r} twice; give each user one password")
        if any(not user.strip() or not password for user, password in self.auth):
            raise InputError("`auth` has an empty user or password; USER:PASSWORD is needed")
        if self.secret is not None and len(self.secret) < SHORTEST_SECRET:
            raise InputError(
                f"`secret` has {len(self.secret)} characters, at least {SHORTEST_SECRET} are needed"
            )

    @property
    def most_bytes(self) -> int:
        """Largest uploaded file in bytes."""
        return round(self.most_mb * 1e6)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def is_guarded(self) -> bool:
        """Whether a visitor must show a password or the secret."""
        return bool(self.auth or self.secret)


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).version == 6
    except ValueError:
        return False
