"""The key agent that lends one login for one fetch: what it signs, and everything else, which it does not."""

import io
import socket
import struct
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from paramiko.ecdsakey import ECDSAKey
from paramiko.ed25519key import Ed25519Key
from paramiko.message import Message
from paramiko.pkey import PKey
from paramiko.rsakey import RSAKey

from orchestrator.transport.key_agent import FAILURE, SUCCESS, KeyAgent, Login, Talk
from orchestrator.transport.login_request import Reader, Refused, wire_string

SESSION = b"s" * 32
EMPTY = b"\x0c\0\0\0\0"


def new_key() -> PKey:
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return Ed25519Key(file_obj=io.StringIO(private.decode()))


KEY, OTHER, HOST, STRANGER = new_key(), new_key(), new_key(), new_key()
RSA = RSAKey.generate(2048)


def public(key: PKey) -> PKey:
    """What a client knows of a server's key."""
    return PKey.from_type_string(key.get_name(), key.asbytes())


LOGIN = Login("roof-relay", 22, "pi", KEY, public(HOST))


def bind(
    host: PKey = HOST, session: bytes = SESSION, *, signer: PKey | None = None, forwarding: bytes = b"\0"
) -> bytes:
    signature = (signer or host).sign_ssh_data(session).asbytes()
    fields = [b"session-bind@openssh.com", host.asbytes(), session, signature]
    return b"\x1b" + b"".join(map(wire_string, fields)) + forwarding


def blob(
    key: PKey = KEY,
    *,
    session: bytes = SESSION,
    user: bytes = b"pi",
    service: bytes = b"ssh-connection",
    method: bytes = b"publickey-hostbound-v00@openssh.com",
    algorithm: bytes | None = None,
    host: PKey | None = HOST,
    kind: bytes = b"\x32",
    signed: bytes = b"\1",
    more: bytes = b"",
) -> bytes:
    data = wire_string(session) + kind + wire_string(user) + wire_string(service) + wire_string(method) + signed
    data += wire_string(algorithm or key.get_name().encode()) + wire_string(key.asbytes())
    return data + (wire_string(host.asbytes()) if host is not None else b"") + more


def sign(data: bytes, key: PKey = KEY, flags: int = 0) -> bytes:
    return b"\x0d" + wire_string(key.asbytes()) + wire_string(data) + struct.pack(">I", flags)


def bound(login: Login = LOGIN) -> Talk:
    talk = Talk(KeyAgent(login))
    assert talk.answer(bind()) == SUCCESS
    return talk


def signature_in(answer: bytes) -> bytes:
    reader = Reader(answer)
    assert reader.byte() == 14
    signature = reader.string()
    reader.end()
    return signature


@pytest.mark.parametrize("data", [blob(), blob(method=b"publickey", host=None)], ids=["host-bound", "plain"])
def test_a_login_on_the_relay_is_signed_once(data: bytes) -> None:
    agent = KeyAgent(LOGIN)
    talk = Talk(agent)
    assert talk.answer(bind()) == SUCCESS
    assert talk.answer(b"\x0b") == b"\x0c\0\0\0\1" + wire_string(KEY.asbytes()) + wire_string(b"dynofarm relay")
    assert public(KEY).verify_ssh_sig(data, Message(signature_in(talk.answer(sign(data)))))
    assert agent.refusals == []
    assert talk.answer(sign(data)) == FAILURE
    assert talk.answer(b"\x0b") == EMPTY
    another = Talk(agent)
    another.answer(bind())
    assert another.answer(sign(data)) == FAILURE
    assert agent.refusals == ["a second signature for one fetch"] * 2


def test_an_ssh_that_does_not_say_where_it_logs_in_sees_no_key_and_gets_no_signature() -> None:
    agent = KeyAgent(LOGIN)
    talk = Talk(agent)
    assert talk.answer(b"\x0b") == EMPTY
    assert talk.answer(sign(blob())) == FAILURE
    assert "OpenSSH 8.9" in agent.refusals[0]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (bind(STRANGER), "another host key"),
        (bind(signer=STRANGER), "not signed by"),
        (bind(session=b""), "not signed by"),
        (bind(forwarding=b"\1"), "passed on"),
        (bind(forwarding=b"\2"), "not a message"),
        (bind() + b"\0", "not a message"),
        (b"\x1b" + wire_string(b"query"), "not known"),
    ],
)
def test_a_session_that_is_not_the_relays_opens_nothing(message: bytes, reason: str) -> None:
    agent = KeyAgent(LOGIN)
    talk = Talk(agent)
    assert talk.answer(message) == FAILURE
    assert reason in agent.refusals[0]
    assert talk.answer(b"\x0b") == EMPTY
    assert talk.answer(sign(blob())) == FAILURE


def test_after_a_false_session_the_true_one_is_too_late_on_that_connection() -> None:
    talk = Talk(KeyAgent(LOGIN))
    assert talk.answer(bind(STRANGER)) == FAILURE
    assert talk.answer(bind()) == FAILURE
    assert talk.answer(sign(blob())) == FAILURE


def test_a_connection_is_for_one_session() -> None:
    talk = bound()
    assert talk.answer(bind(session=b"t" * 32)) == FAILURE
    assert talk.answer(sign(blob())) == FAILURE


@pytest.mark.parametrize(
    "data",
    [
        blob(session=b"t" * 32),
        blob(user=b"root"),
        blob(service=b"ssh-userauth"),
        blob(method=b"hostbased"),
        blob(method=b"publickey"),
        blob(host=None),
        blob(host=STRANGER),
        blob(OTHER),
        blob(algorithm=b"ssh-rsa"),
        blob(kind=b"\x33"),
        blob(signed=b"\0"),
        blob(more=b"\0"),
        b"",
        b"a file to be signed, or a commit",
        b"SSHSIG" + blob(),
    ],
)
def test_nothing_but_that_login_is_signed(data: bytes) -> None:
    talk = bound()
    assert talk.answer(sign(data)) == FAILURE
    assert signature_in(talk.answer(sign(blob()))), "a refusal does not use up the one signature"


def test_another_key_is_not_signed_with() -> None:
    assert bound().answer(sign(blob(), OTHER)) == FAILURE
    assert bound().answer(sign(blob(OTHER), OTHER)) == FAILURE


@pytest.mark.parametrize(("algorithm", "flags", "works"), [
    (b"rsa-sha2-512", 4, True), (b"rsa-sha2-256", 2, True), (b"ssh-rsa", 0, False),
    (b"rsa-sha2-512", 0, False), (b"rsa-sha2-512", 2, False), (b"rsa-sha2-256", 6, False),
])  # fmt: skip
def test_rsa_is_signed_with_sha2_alone(algorithm: bytes, flags: int, works: bool) -> None:
    data = blob(RSA, algorithm=algorithm)
    answer = bound(Login("roof-relay", 22, "pi", RSA, public(HOST))).answer(sign(data, RSA, flags))
    assert (answer != FAILURE) == works
    if works:
        assert RSA.verify_ssh_sig(data, Message(signature_in(answer)))


def test_an_ecdsa_host_and_key_will_do() -> None:
    host, key = ECDSAKey.generate(), ECDSAKey.generate()
    talk = Talk(KeyAgent(Login("relay", 22, "pi", key, public(host))))
    assert talk.answer(bind(host)) == SUCCESS
    data = blob(key, host=host)
    assert key.verify_ssh_sig(data, Message(signature_in(talk.answer(sign(data, key)))))


def test_a_revoked_agent_signs_nothing() -> None:
    agent = KeyAgent(LOGIN)
    talk = Talk(agent)
    talk.answer(bind())
    agent.revoke()
    assert talk.answer(b"\x0b") == EMPTY
    assert talk.answer(sign(blob())) == FAILURE


def test_no_other_request_is_answered() -> None:
    talk = bound()
    for kind in set(range(256)) - {11, 13, 27}:
        assert talk.answer(bytes([kind])) == FAILURE
        assert talk.answer(bytes([kind]) + sign(blob())[1:]) == FAILURE


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_never_signs(message: bytes) -> None:
    for talk in (Talk(KeyAgent(LOGIN)), bound()):
        assert talk.answer(message)[:1] in (b"\x05", b"\x0c")
        assert talk.answer(b"\x0d" + message) == FAILURE
        assert talk.answer(sign(message)) == FAILURE


@pytest.mark.parametrize("make", [lambda: sign(blob()), lambda: sign(blob(method=b"publickey", host=None))])
def test_a_request_with_one_byte_changed_or_cut_off_never_signs(make: Callable[[], bytes]) -> None:
    message, agent = make(), KeyAgent(LOGIN)
    talk = Talk(agent)
    talk.answer(bind())
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 1 << at % 8
        assert talk.answer(bytes(changed)) == FAILURE, at
        assert talk.answer(message[:at]) == FAILURE
    assert signature_in(talk.answer(message))


def test_a_session_with_one_byte_changed_or_cut_off_never_opens() -> None:
    message = bind()
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 1 << at % 8
        for wrong in (bytes(changed), message[:at]):
            talk = Talk(KeyAgent(LOGIN))
            assert talk.answer(wrong) == FAILURE, at
            assert talk.answer(sign(blob())) == FAILURE


def test_a_reader_gives_no_byte_that_is_not_there() -> None:
    with pytest.raises(Refused):
        Reader(b"\xff\xff\xff\xff" + b"x" * 100).string()


def attended(agent: KeyAgent) -> socket.socket:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    agent.attend(theirs)
    return ours


def heard(stream: socket.socket) -> bytes:
    with stream.makefile("rb") as file:
        head = file.read(4)
        return file.read(struct.unpack(">I", head)[0]) if head else b""


def test_messages_may_come_in_pieces() -> None:
    with attended(KeyAgent(LOGIN)) as stream:
        for byte in wire_string(bind()):
            stream.sendall(bytes([byte]))
        assert heard(stream) == SUCCESS
        stream.sendall(wire_string(sign(blob())))
        assert signature_in(heard(stream))


@pytest.mark.parametrize("head", [b"\0\0\0\0", b"\xff\xff\xff\xff", struct.pack(">I", 256 * 1024 + 1)])
def test_a_message_of_no_size_or_too_much_ends_the_talk(head: bytes) -> None:
    with attended(KeyAgent(LOGIN)) as stream:
        stream.sendall(head)
        assert stream.recv(1) == b""


def test_nobody_is_attended_after_the_fetch() -> None:
    agent = KeyAgent(LOGIN)
    agent.revoke()
    with attended(agent) as stream:
        assert stream.recv(1) == b""


def test_a_crowd_on_the_channel_is_sent_away() -> None:
    agent = KeyAgent(LOGIN)
    first = [attended(agent) for _ in range(4)]
    for stream in first:
        stream.sendall(wire_string(b"\x0b"))
        assert heard(stream) == EMPTY
    with attended(agent) as late:
        assert late.recv(1) == b""
    for stream in first:
        stream.close()
