"""A key agent in this process, for a board that fetches from its relay: one key, one server, one signature.

The board's `ssh` asks it over the forwarded channel (`auth-agent@openssh.com`). It names no key and signs nothing until
that `ssh` has proved to which server it talks: OpenSSH 8.9 and later sends `session-bind@openssh.com`, with the host
key and with the server's own signature of the session. An older `ssh` sends nothing of the kind, and is refused: what
it wants signed does not tell where it logs in. Formats: draft-ietf-sshm-ssh-agent and OpenSSH's PROTOCOL.agent.
"""

import logging
import struct
import threading
from dataclasses import dataclass
from typing import Protocol

from paramiko.agent import Agent, AgentKey
from paramiko.message import Message
from paramiko.pkey import PKey
from paramiko.transport import Transport

from orchestrator.transport.faults import FAULTS
from orchestrator.transport.login_request import LoginRequest, Reader, Refused, wire_string

FAILURE, SUCCESS = b"\x05", b"\x06"
REQUEST_IDENTITIES, IDENTITIES_ANSWER = 11, 12
SIGN_REQUEST, SIGN_RESPONSE = 13, 14
EXTENSION = 27
SESSION_BIND = b"session-bind@openssh.com"

RSA_FLAGS = {b"rsa-sha2-256": 2, b"rsa-sha2-512": 4}
"""What the client asks for with an RSA key; SHA-1, which is no flag at all, is not signed."""

MESSAGE_LIMIT_BYTES = 256 * 1024
"""OpenSSH's own agent takes no more."""
TALKS_AT_ONCE = 4
SILENCE_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Login:
    """How one logs in to a server. `key` can sign; `host_key` is the one that was accepted for the server."""

    host: str
    port: int
    user: str
    key: PKey
    host_key: PKey

    @property
    def host_key_line(self) -> str:
        """Its type and its base64, as they stand in a line of known_hosts."""
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"


def login_of(transport: Transport, host: str, port: int) -> Login | None:
    """How this session was let in; None where it was by other means than a key."""
    handler = transport.auth_handler
    if handler is None or handler.private_key is None or not handler.username or not transport.is_authenticated():
        return None
    try:
        host_key = transport.get_remote_server_key()
    except FAULTS:
        return None  # the session ended this moment
    return Login(host, port, handler.username, handler.private_key, host_key)


class Stream(Protocol):
    """What a talk needs of a channel, or of a socket."""

    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def close(self) -> None: ...


class KeyAgent:
    """Lends one login for one fetch. Signs at most once; nothing after `revoke`."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.refusals: list[str] = []
        """Why it did not sign, a sentence each."""
        self._left = 1
        self._talks = 0
        self._guard = threading.Lock()

    def attend(self, stream: Stream) -> None:
        """Answer on a channel that the board opened, in a thread of its own. Called in paramiko's thread."""
        threading.Thread(target=self._attend, args=(stream,), name="key agent", daemon=True).start()

    def revoke(self) -> None:
        """Sign nothing more."""
        with self._guard:
            self._left = 0

    def take_signature(self) -> bool:
        """The right to sign once; False when it is used up or revoked."""
        with self._guard:
            self._left -= 1
            return self._left >= 0

    @property
    def is_over(self) -> bool:
        with self._guard:
            return self._left <= 0

    def _attend(self, stream: Stream) -> None:
        with self._guard:
            admitted = self._left > 0 and self._talks < TALKS_AT_ONCE
            self._talks += admitted
        try:
            if admitted:
                _talk(stream, Talk(self))
        finally:
            with self._guard:
                self._talks -= admitted
            try:
                stream.close()
            except FAULTS as error:
                log.debug("key agent: %s", error)


class Talk:
    """One client's connection to the agent. Bound to one session with the server, once, or to none."""

    def __init__(self, agent: KeyAgent) -> None:
        self._agent = agent
        self._session_id: bytes | None = None
        self._spoilt = False

    def answer(self, message: bytes) -> bytes:
        """The answer to one message, both without their length. Whatever is not understood fails, and signs nothing."""
        try:
            reader = Reader(message)
            kind = reader.byte()
            if kind == EXTENSION:
                return self._bind(reader)
            if kind == REQUEST_IDENTITIES:
                reader.end()
                return self._identities()
            if kind == SIGN_REQUEST:
                return self._sign(reader)
            self._agent.refusals.append("it was asked for something other than a login")
        except Refused as refused:
            self._agent.refusals.append(str(refused))
        return FAILURE

    def _bind(self, reader: Reader) -> bytes:
        if reader.string() != SESSION_BIND:
            raise Refused("an extension that is not known here")
        host_key, session_id, signature = reader.string(), reader.string(), reader.string()
        forwarding = reader.boolean()
        reader.end()
        spoilt, self._spoilt = self._spoilt, True
        if spoilt or self._session_id is not None:
            self._session_id = None
            raise Refused("a second session on one connection")
        login = self._agent.login
        if forwarding:
            raise Refused("the login would be passed on to another machine")
        if host_key != login.host_key.asbytes():
            raise Refused(f"the server is not {login.host}: it has another host key")
        if not session_id or not _is_signed(login.host_key, session_id, signature):
            raise Refused(f"the session was not signed by {login.host}")
        self._session_id, self._spoilt = session_id, False
        return SUCCESS

    def _identities(self) -> bytes:
        if self._session_id is None or self._agent.is_over:
            if self._session_id is None and not self._spoilt:
                self._agent.refusals.append("its ssh does not say to which server it talks; OpenSSH 8.9 and later does")
            return struct.pack(">BI", IDENTITIES_ANSWER, 0)
        blob = self._agent.login.key.asbytes()
        return struct.pack(">BI", IDENTITIES_ANSWER, 1) + wire_string(blob) + wire_string(b"dynofarm relay")

    def _sign(self, reader: Reader) -> bytes:
        blob, data, flags = reader.string(), reader.string(), reader.number()
        reader.end()
        if self._session_id is None:
            raise Refused("a signature was asked for without saying for which server")
        login = self._agent.login
        request = LoginRequest.read(data)
        key = login.key.asbytes()
        fits = (
            blob == key == request.key
            and request.session_id == self._session_id
            and request.user == login.user.encode()
            and request.host_key in (None, login.host_key.asbytes())
            and flags == RSA_FLAGS.get(request.algorithm, 0)
            and request.algorithm in _algorithms(login.key)
        )
        if not fits:
            raise Refused(f"what was to be signed is not the login of {login.user} on {login.host}")
        if not self._agent.take_signature():
            raise Refused("a second signature for one fetch")
        try:
            signature = _signature(login.key, data, request.algorithm)
        except FAULTS as error:
            raise Refused(f"the key cannot sign: {error}") from error
        return bytes([SIGN_RESPONSE]) + wire_string(signature)


def _algorithms(key: PKey) -> tuple[bytes, ...]:
    name = key.get_name().encode()
    return tuple(RSA_FLAGS) if name == b"ssh-rsa" else (name,)


def _is_signed(host_key: PKey, data: bytes, signature: bytes) -> bool:
    fields = Reader(signature)  # paramiko reads over what is missing or too much
    fields.string()
    fields.string()
    fields.end()
    try:
        return bool(host_key.verify_ssh_sig(data, Message(signature)))
    except FAULTS:
        return False


def _signature(key: PKey, data: bytes, algorithm: bytes) -> bytes:
    if not isinstance(key, AgentKey):
        return key.sign_ssh_data(data, algorithm.decode()).asbytes()
    agent = Agent()  # the connection to the user's ssh-agent was closed after the login
    try:
        for own in agent.get_keys():
            if own.asbytes() == key.asbytes():
                return bytes(own.sign_ssh_data(data, algorithm.decode()))
        raise OSError("the ssh-agent holds it no more")
    finally:
        agent.close()


def _talk(stream: Stream, talk: Talk) -> None:
    try:
        stream.settimeout(SILENCE_S)
        while (head := _exactly(stream, 4)) is not None:
            size_bytes = int.from_bytes(head, "big")
            message = _exactly(stream, size_bytes) if 0 < size_bytes <= MESSAGE_LIMIT_BYTES else None
            if message is None:
                return
            answer = talk.answer(message)
            stream.sendall(wire_string(answer))
    except FAULTS as error:
        log.debug("key agent: %s", error)


def _exactly(stream: Stream, size_bytes: int) -> bytes | None:
    data = bytearray()
    while len(data) < size_bytes:
        piece = stream.recv(size_bytes - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)
