"""Who may do more than look: whoever has shown the token. Sessions live in memory and end with the server."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from orchestrator.errors import UsageError

LEAST_CHARACTERS = 16
"""Whoever reaches the server may try tokens as fast as it answers: 16 characters cannot be tried out."""

LARGEST_FILE_BYTES = 4096
SESSION_S = 12 * 3600.0
MOST_SESSIONS = 256
VARIABLE = "DYNOFARM_TOKEN"
COOKIE = "dynofarm_session"
_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe())" > token; chmod 600 token'


@dataclass(frozen=True)
class Session:
    """Somebody who logged in. `form_key` stands in every form of theirs; other sites cannot read it."""

    form_key: str
    until_s: float


class Access:
    """What needs the token. Without one there is nothing but looking. `closed`: looking needs it, too.

    Safe for many threads. Only digests of what is secret are kept and compared, in constant time.
    """

    def __init__(self, token: str | None = None, *, closed: bool = False, clock: Callable[[], float] = monotonic):
        self._token = _digest(token) if token is not None else None
        self.closed = closed
        self._clock = clock
        self._turn = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    @property
    def can_act(self) -> bool:
        """Whether there are actions at all."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(self._token, _digest(given))

    def log_in(self, given: str) -> str | None:
        """The key of a new session, for a cookie; None for a wrong token."""
        if not self.is_token(given):
            return None
        key = secrets.token_urlsafe(32)
        with self._turn:
            now = self._clock()
            self._sessions = {one: session for one, session in self._sessions.items() if session.until_s > now}
            while len(self._sessions) >= MOST_SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[_digest(key)] = Session(secrets.token_urlsafe(32), now + SESSION_S)
        return key

    def session(self, key: str | None) -> Session | None:
        """The session of a cookie; None where it is over, or was never ours."""
        if not key:
            return None
        with self._turn:
            found = self._sessions.get(_digest(key))
        return found if found is not None and found.until_s > self._clock() else None

    def log_out(self, key: str | None) -> None:
        if key:
            with self._turn:
                self._sessions.pop(_digest(key), None)

    def bears_token(self, authorization: str | None) -> bool:
        """Whether a header says `Bearer` and the token: for programs that fetch `/metrics`."""
        scheme, _, given = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(given.strip())


def is_form_key(session: Session, given: str) -> bool:
    return hmac.compare_digest(_digest(session.form_key), _digest(given))


def read_token(file: Path | None, variable: str | None) -> str | None:
    """The token in a file's first line, else that of the variable; None where there is neither.

    `UsageError` for a file that cannot be read or that others may read, and for a token that can be guessed.
    """
    if file is None:
        return _checked(variable, f"the variable {VARIABLE}") if variable else None
    try:
        if file.stat().st_mode & 0o077:
            raise UsageError(f"{file} may be read by others, and it holds a token", f"chmod 600 {file}")
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE_BYTES)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}", f"make one: {_MAKE_ONE}") from None
    return _checked(content.decode("utf-8", "replace").partition("\n")[0], str(file))


def _checked(token: str, where: str) -> str:
    token = token.strip()
    if len(token) < LEAST_CHARACTERS or not (token.isascii() and token.isprintable()):
        raise UsageError(
            f"the token in {where} is not one line of at least {LEAST_CHARACTERS} plain characters",
            f"make one: {_MAKE_ONE}",
        )
    return token


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
