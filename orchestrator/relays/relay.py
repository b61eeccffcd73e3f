"""One relay: what it holds, whose turn it is, and how a neighbour gets a file from it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.protocol import Error, Evict, Fetch, Have, Received
from orchestrator.devices import Device
from orchestrator.errors import BoardDiskFull, BoardError, BoardUnfit, DynofarmError, ProtocolBroken
from orchestrator.links import Link
from orchestrator.relays.errand import Errand
from orchestrator.session import AgentSession
from orchestrator.supply import Tell, Wanted
from orchestrator.transport import lending
from orchestrator.turns import Ticket, Turns

GIVES_AT_ONCE = 6
"""An sshd drops connections that are not let in yet from the tenth on (MaxStartups 10:30:100)."""

PATIENCE_S = 120.0
"""How long a neighbour waits for a relay that measures before it is sent the file the slow way."""

POLL_S = 0.5


class RelayFault(Exception):
    """Why a neighbour does not get a file from the relay; `lasting`: there is no point in trying for another file."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


@dataclass
class _Hold:
    """A file on its way to the relay, or there. Whoever comes later waits for `over`."""

    over: threading.Event = field(default_factory=threading.Event)
    fault: str = ""


class Relay:
    """`guest`: it is no board of this sweep, so it is connected to when it is first needed, and never measures."""

    def __init__(self, link: Link, *, guest: bool) -> None:
        self.device = link.device
        self.link = link
        self.guest = guest
        self._opening = threading.Lock()
        self._unreachable = ""
        self._turns: Turns | None = None
        self._guard = threading.Lock()
        self._ticket: Ticket | None = None
        self._visitors = 0
        self._gives = threading.BoundedSemaphore(GIVES_AT_ONCE)
        self._holds: dict[str, _Hold] = {}
        self._needed: set[str] = set()

    def take_turns(self, turns: Turns) -> None:
        """From now on it gives only when it does not measure, unless its profile allows both at once."""
        if not self.device.push_while_measuring:
            self._turns = turns

    def lend(self, session: AgentSession, wanted: Wanted, tell: Tell) -> None:
        """See to it that the neighbour has the file. `RelayFault`; errors of the neighbour's own; `Stopped`."""
        with self._quiet(session):
            own = self._session()
            with self._guard:
                self._needed.update(wanted.needs.all, [wanted.digest])
            hold = self._hold(own, wanted, tell, session.keep_up)
            while not self._gives.acquire(timeout=POLL_S):
                session.keep_up()
            try:
                self._give(own, session, wanted, hold, tell)
            finally:
                self._gives.release()

    def take_in(self, session: AgentSession, wanted: Wanted, tell: Tell) -> bool:
        """The relay needs a file itself. False when it should be pushed as to any board."""
        with self._guard:
            self._needed.update(wanted.needs.all, [wanted.digest])
            hold = self._holds.get(wanted.digest)
            if hold is None or hold.over.is_set():
                hold, mine = _Hold(), True
                self._holds[wanted.digest] = hold
            else:
                mine = False
        if not mine:
            _wait(hold, session.keep_up)
            return not hold.fault
        try:
            wanted.send(session, tell)
        except BaseException as error:
            _end(hold, str(error) or type(error).__name__)
            with self._guard:
                self._holds.pop(wanted.digest, None)  # its own thread tries again
            raise
        _end(hold, "")
        return True

    @contextmanager
    def _quiet(self, session: AgentSession) -> Iterator[None]:
        """Giving would disturb what the relay measures, so it is done in turn; all who come meanwhile share the turn.

        A neighbour that is the same machine has the turn already.
        """
        turns = self._turns
        if turns is None or session.device.exclusion == self.device.exclusion:
            yield
            return
        with self._guard:
            if self._ticket is None:
                self._ticket = turns.ask()
            ticket = self._ticket
            self._visitors += 1
        try:
            waited_s = 0.0
            while not turns.wait(ticket, POLL_S):
                session.keep_up()
                waited_s += POLL_S
                if waited_s >= PATIENCE_S:
                    raise RelayFault(f"it has been measuring for {PATIENCE_S:.0f} s", lasting=False)
            yield
        finally:
            with self._guard:
                self._visitors -= 1
                if self._visitors == 0:
                    self._ticket = None
                    turns.leave(ticket)

    def _session(self) -> AgentSession:
        with self._opening:
            session = self.link.session
            if session is None and self.guest and not self._unreachable:
                try:
                    session = self.link.open(0.0)
                except DynofarmError as error:
                    self._unreachable = error.message
            if session is None:
                raise RelayFault(self._unreachable or "it is not connected", lasting=True)
            return session

    def _hold(self, own: AgentSession, wanted: Wanted, tell: Tell, keep_up: Callable[[], None]) -> _Hold:
        """Send the file to the relay, if nobody did; whoever wants it too waits for that one push."""
        with self._guard:
            hold = self._holds.get(wanted.digest)
            mine = hold is None
            hold = self._holds.setdefault(wanted.digest, _Hold())
        if mine:
            fault = "sending the file there was given up"
            try:
                self._send(own, wanted, tell)
                fault = ""
            except BoardError as error:
                fault = error.message
            finally:
                _end(hold, fault)
        else:
            _wait(hold, keep_up)
        if hold.fault:
            raise RelayFault(hold.fault, lasting=False)
        return hold

    def _send(self, own: AgentSession, wanted: Wanted, tell: Tell) -> None:
        limit_bytes, size_bytes = self.device.storage_limit_bytes, wanted.size_bytes
        with self._guard:
            needed = sorted(self._needed)
            in_use = sorted(digest for digest, hold in self._holds.items() if not hold.over.is_set())
        with Errand(own, "ask") as board:
            held = board.ask(Have([wanted.digest]), size_bytes)
            if wanted.digest in getattr(held, "present", ()):
                return
            for keep in (needed, in_use):  # all that the sweep needs of it, or what is on its way
                evicted = board.ask(Evict(limit_bytes, size_bytes, keep), size_bytes)
                if getattr(evicted, "used_bytes", 0) + size_bytes <= limit_bytes:
                    break
            else:
                raise BoardDiskFull(own.device.name, f"its storage_limit leaves no room for {size_bytes} bytes")
        wanted.send(own, tell)

    def _give(self, own: AgentSession, session: AgentSession, wanted: Wanted, hold: _Hold, tell: Tell) -> None:
        from orchestrator.transport.key_agent import KeyAgent  # with it comes paramiko

        transport = lending(own.transport)
        login = transport.login() if transport is not None else None
        if login is None:
            raise RelayFault("it was not logged in to with a key", lasting=True)
        host, port = _address(self.device, login.host, login.port)
        try:
            command = own.verb("give", "--digest", wanted.digest)
        except BoardError as error:
            raise RelayFault(error.message, lasting=True) from error
        keys = KeyAgent(login)
        request = Fetch(
            wanted.digest,
            wanted.size_bytes,
            host,
            port,
            login.user,
            login.host_key_line,
            command,
            self.device.connect_timeout_s,
        )
        try:
            with Errand(session, "fetch", keys) as neighbour:
                answer = neighbour.ask(request, wanted.size_bytes, tell)
        except (ProtocolBroken, BoardUnfit) as error:
            raise RelayFault(error.message, lasting=True) from error
        finally:
            keys.revoke()
        if isinstance(answer, Error):
            if answer.code == "missing":
                with self._guard:
                    if self._holds.get(wanted.digest) is hold:  # else somebody sends it again already
                        del self._holds[wanted.digest]
                raise RelayFault("it has lost the file since it was sent there", lasting=False)
            raise RelayFault(keys.refusals[-1] if keys.refusals else answer.message, lasting=True)
        if not isinstance(answer, Received):
            raise RelayFault(f"its agent answered {type(answer).__name__}", lasting=True)


def _end(hold: _Hold, fault: str) -> None:
    hold.fault = fault
    hold.over.set()


def _wait(hold: _Hold, keep_up: Callable[[], None]) -> None:
    while not hold.over.wait(POLL_S):
        keep_up()


def _address(device: Device, host: str, port: int) -> tuple[str, int]:
    """Where its neighbours reach it."""
    if device.relay_address is None:
        return host, port
    from orchestrator.profiles.addresses import split_address

    keys = split_address(device.relay_address)
    return str(keys["host"]), int(keys.get("port", 22))
