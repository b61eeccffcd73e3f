"""What went wrong on the way to a board, in sentences. paramiko's exceptions go in, the board's errors come out."""

import errno
import re
import socket
import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from paramiko.auth_strategy import AuthFailure
from paramiko.ssh_exception import BadAuthenticationType, ChannelException, IncompatiblePeer, SSHException
from paramiko.transport import Transport

from orchestrator.errors import AuthenticationFailed, BoardError, HostKeyChanged, HostKeyUnknown, Unreachable
from orchestrator.transport.hostkeys import SSH_PORT, HostKey
from orchestrator.transport.keys import KeyRing, ring_of
from orchestrator.transport.route import Hop

NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
CUT = (EOFError, ConnectionResetError, BrokenPipeError)
BROKEN = (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, struct.error)
REFUTED = (InvalidSignature, InvalidTag, UnsupportedAlgorithm)
FAULTS = (OSError, EOFError, SSHException, *BROKEN, *REFUTED)
"""What paramiko raises when a link dies. It reads what a server says without much ado, its thread dies of whatever was
wrong with it, and the caller gets that exception: a mad server must cost its own board and nothing else."""


class Dropped(Exception):
    """The server hung up before it looked at any key; another attempt may get through."""

    def __init__(self, error: Unreachable) -> None:
        super().__init__(error.message)
        self.error = error


def cannot_dial(hop: Hop, error: OSError, limit_s: float) -> BoardError:
    """No connection at all."""
    name, place = hop.device, hop.subject
    if isinstance(error, socket.gaierror):
        if error.errno in NO_SUCH_NAME:
            return Unreachable(name, f"{place}: no such name", "correct `host` in its profile, or use its address")
        return Unreachable(
            name, f"{place}: the name cannot be looked up: {error.strerror}", "is this network's DNS up?"
        )
    if isinstance(error, ConnectionRefusedError):
        hint = f"start sshd there, or correct `port` in the profile; now it is {hop.port}"
        return Unreachable(name, f"{place} refuses connections: no sshd listens there", hint)
    if isinstance(error, TimeoutError):
        hint = "is it powered, and on this network? a firewall may swallow the packets too"
        return Unreachable(name, f"{place} did not answer within {limit_s:g} s", hint)
    if error.errno in NO_ROUTE:
        return Unreachable(name, f"{place}: no route to it", "is this machine on the board's network?")
    return Unreachable(name, f"{place} cannot be reached: {error.strerror or error}")


def cannot_jump(hop: Hop, error: Exception) -> BoardError:
    """The jump host was asked for a connection to `hop` and gave none."""
    said = error.text if isinstance(error, ChannelException) else str(error) or type(error).__name__
    hint = "the jump host must be able to reach it; see AllowTcpForwarding in its sshd_config when it forbids that"
    return Unreachable(hop.device, f"{hop.subject} cannot be reached from the jump host: {said}", hint)


def cannot_talk(hop: Hop, error: Exception, transport: Transport | None, limit_s: float) -> Exception:
    """A connection, but no SSH session on it. `Dropped` when another attempt makes sense."""
    name, place = hop.device, hop.subject
    if transport is None or not transport.remote_version:
        return _no_banner(hop, error, transport, limit_s)
    server = transport.remote_version.removeprefix("SSH-2.0-")
    if isinstance(error, IncompatiblePeer):
        reason = f"{place} runs {server}, with which no common algorithm is left ({error})"
        old = "OpenSSH before 7.2 and Dropbear before 2020.79 know only SHA-1, which is no longer spoken"
        return Unreachable(name, reason, f"{old}: update the board's SSH server")
    if isinstance(error, CUT) or isinstance(error.__context__, CUT):
        return Dropped(Unreachable(name, f"{place} closed the connection during the key exchange", _refuser_hint()))
    if str(error) == "No existing session":  # paramiko's words for a time limit that ran out
        hint = "it hangs, or is overloaded: look at the board itself"
        return Unreachable(name, f"{place} did not finish the key exchange within {limit_s:g} s", hint)
    return Unreachable(name, f"{place}: the SSH session failed: {error}", f"its server is {server}")


def _no_banner(hop: Hop, error: Exception, transport: Transport | None, limit_s: float) -> Exception:
    name, place = hop.device, hop.subject
    packetizer = transport.packetizer if transport is not None else None
    heard = [line for line in getattr(packetizer, "heard", ()) if line.strip()]
    if heard or isinstance(error.__context__, UnicodeDecodeError):
        said = f": it says {printable(heard[-1])!r}" if heard else ""
        return Unreachable(
            name, f"{place} is no SSH server{said}", f"correct `port` in the profile; now it is {hop.port}"
        )
    if isinstance(error, CUT) or isinstance(error.__context__, CUT):
        if hop.proxy_command:
            hint = f"try it by hand: {hop.proxy_command}"
            return Unreachable(name, f"{place}: the ProxyCommand ended without a connection", hint)
        return Dropped(Unreachable(name, f"{place} closed the connection before it said anything", _refuser_hint()))
    hint = "the board hangs: its kernel answers, its sshd does not; look at its console, or power-cycle it"
    return Unreachable(name, f"{place} accepts connections but sends no SSH banner within {limit_s:g} s", hint)


def _refuser_hint() -> str:
    return "its sshd may be overloaded (MaxStartups) or told to refuse this address: see its log"


def printable(text: str, limit: int = 60) -> str:
    """What an unknown server said, safe for a terminal."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:limit]


def not_let_in(hop: Hop, failure: AuthFailure, *, hung_up: bool) -> BoardError:
    """The server was shown keys and took none."""
    name, place, ring = hop.device, hop.subject, ring_of(failure)
    if ring is None:
        return AuthenticationFailed(name, f"{place} does not let {hop.user} in")
    causes = [result.result for result in failure.result]
    if any("timeout" in str(cause).lower() for cause in causes):
        hint = "it hangs, or is overloaded: look at the board itself"
        return Unreachable(name, f"{place} did not answer while it checked the key of {hop.user}", hint)
    wrong_way = next((cause for cause in causes if isinstance(cause, BadAuthenticationType)), None)
    if wrong_way is not None and "publickey" not in wrong_way.allowed_types:
        ways = ", ".join(wrong_way.allowed_types) or "nothing else"
        hint = "allow PubkeyAuthentication in its sshd_config"
        return AuthenticationFailed(name, f"{place} takes no keys from {hop.user}, only {ways}", hint)
    if not ring.tried:
        return _no_key(hop, ring)
    keys = "; ".join([*ring.tried, *ring.unusable, *(f"{path} is locked by a passphrase" for path in ring.locked)])
    if hung_up:
        hint = f"name the right one: dynofarm device edit {name} --set key_file=~/.ssh/id_…"
        return AuthenticationFailed(name, f"{place} hung up on {hop.user} after {len(ring.tried)} keys: {keys}", hint)
    return AuthenticationFailed(name, f"{place} does not let {hop.user} in with {keys}", _copy_id(hop))


def _no_key(hop: Hop, ring: KeyRing) -> BoardError:
    name, place = hop.device, hop.subject
    if ring.locked:
        files = ", ".join(map(str, ring.locked))
        hint = f"unlock it for this session: ssh-add {ring.locked[0]}"
        return AuthenticationFailed(name, f"{place}: {files} is locked by a passphrase and no ssh-agent holds it", hint)
    if ring.unusable:
        return AuthenticationFailed(
            name,
            f"{place}: no key to show: {'; '.join(ring.unusable)}",
            f"dynofarm device edit {name} --set key_file=…",
        )
    hint = f"make one: ssh-keygen -t ed25519; then: {_copy_id(hop)}"
    return AuthenticationFailed(name, f"{place}: no key to show: no key_file, no ssh-agent, no ~/.ssh/id_*", hint)


def second_factor(hop: Hop) -> BoardError:
    """The key was good, and the server wants more."""
    hint = "allow that key alone: AuthenticationMethods in its sshd_config"
    return AuthenticationFailed(hop.device, f"{hop.subject} wants a password or code besides the key", hint)


def _copy_id(hop: Hop) -> str:
    port = "" if hop.port == SSH_PORT else f"-p {hop.port} "
    return f"give it your key: ssh-copy-id {port}{hop.user}@{hop.host}"


def unknown_host_key(hop: Hop, key: HostKey) -> HostKeyUnknown:
    """A server that nobody accepted yet."""
    message = f"{_named(hop)} is not known yet; its host key is {key.key_type} {key.fingerprint}"
    return HostKeyUnknown(hop.device, message, _trust(hop, key), key.fingerprint, key.key_line)


def changed_host_key(hop: Hop, known: Sequence[HostKey], key: HostKey, *, revoked: bool = False) -> HostKeyChanged:
    """A server that shows another key than the accepted one, or one that was revoked."""
    expected = " or ".join(f"{one.key_type} {one.fingerprint}" for one in known) or "none"
    found = f"{key.key_type} {key.fingerprint}"
    if revoked:
        message = f"{_named(hop)} shows a host key that known_hosts calls revoked: {found}"
    else:
        message = f"{_named(hop)} shows another host key than the accepted one: accepted {expected}, shown {found}"
    remedy = "" if revoked else _namesake(hop)
    hint = f"was it installed anew? if not, somebody may be in between; {remedy}{_trust(hop, key)}"
    accepted = known[0].fingerprint if known else ""
    return HostKeyChanged(hop.device, message, hint, accepted, key.fingerprint, key.key_line)


def _named(hop: Hop) -> str:
    """The subject, and under which name its key is looked up where that is not its address."""
    return hop.subject if hop.host_key_alias is None else f"{hop.subject}, HostKeyAlias {hop.host_key_alias},"


def _namesake(hop: Hop) -> str:
    """Private addresses are used at many sites; which of them is meant, only the way there tells."""
    if hop.host_key_alias is not None or not (hop.has_route or hop.proxy_command):
        return ""
    what = "jump host" if hop.is_jump else "board"
    return f"a second {what} with this address behind another jump host needs a HostKeyAlias in ssh_config; "


def _trust(hop: Hop, key: HostKey) -> str:
    kind = key.key_type.removeprefix("ssh-").split("-")[0]
    look = f"compare on the board: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"
    return f"{look}; to accept it: dynofarm device trust {hop.device} --accept-fingerprint {key.fingerprint}"
