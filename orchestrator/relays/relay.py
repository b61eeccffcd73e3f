"""One relay: what it holds, whose turn it is, and how a neighbour gets a file from it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.protocol import Error, Evict, Fetch, Have, Received
from orchestrator.devices import Device
from orchestrator.errors import BoardDiskFull, BoardError, BoardLost, BoardUnfit, ProtocolBroken
from orchestrator.links import Link
from orchestrator.relays.bustle import Bustle
from orchestrator.relays.errand import Errand
from orchestrator.relays.holds import Hold, Holds
from orchestrator.relays.places import Places
from orchestrator.relays.reach import Reach, RelayFault
from orchestrator.session import AgentSession
from orchestrator.supply import Tell, Wanted
from orchestrator.transport import lending
from orchestrator.turns import Ticket, Turns

GIVES_AT_ONCE = 6
"""An sshd drops connections that are not let in yet from the tenth on (MaxStartups 10:30:100)."""

PATIENCE_S = 120.0
"""How long a neighbour waits for a relay that measures before it is sent the file the slow way."""

POLL_S = 0.5


class Relay:
    """`guest`: it is no board of this sweep, so it is connected to when it is first needed, and never measures."""

    def __init__(self, link: Link, *, guest: bool) -> None:
        self.device = link.device
        self.link = link
        self.guest = guest
        self.bustle = Bustle()
        self._reach = Reach(link, guest=guest)
        self._turns: Turns | None = None
        self._guard = threading.Lock()
        self._ticket: Ticket | None = None
        self._visitors = 0
        self._gives = threading.BoundedSemaphore(GIVES_AT_ONCE)
        self._places = Places()
        self._holds = Holds()
        self._needed: set[str] = set()

    def take_turns(self, turns: Turns) -> None:
        """From now on it gives only when it does not measure, unless its profile allows both at once."""
        if not self.device.push_while_measuring:
            self._turns = turns

    def lend(self, session: AgentSession, wanted: Wanted, tell: Tell) -> None:
        """See to it that the neighbour has the file. `RelayFault`; errors of the neighbour's own; `Stopped`."""
        if not self.guest:  # one that is lost may keep its turn for the job that it had in hand
            self._reach.session(session.keep_up)
        with self._quiet(session):
            own = self._reach.session(session.keep_up)
            with self._guard:
                self._needed.update(wanted.needs.all, [wanted.digest])
            hold = self._hold(own, wanted, tell, session.keep_up)
            while not self._gives.acquire(timeout=POLL_S):
                session.keep_up()
            try:
                self._give(own, session, wanted, hold, tell)
            finally:
                self._gives.release()

    def take_in(self, session: AgentSession, wanted: Wanted, tell: Tell) -> None:
        """The relay needs a file itself. Raises its own errors; its own thread tries again."""
        digest = wanted.digest
        with self._guard:
            self._needed.update(wanted.needs.all, [digest])
        while True:
            hold, mine = self._holds.claim(digest, anew=True)
            if mine:
                break
            hold.wait(session.keep_up)
            if not hold.fault:
                return
        try:
            with self._places.one(session.keep_up), self.bustle.going_on():
                wanted.send(session, tell)
        except BaseException as error:
            self._holds.drop(digest, hold, str(error) or type(error).__name__, again=False)
            raise
        self._holds.fill(digest, hold)

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

    def _hold(self, own: AgentSession, wanted: Wanted, tell: Tell, keep_up: Callable[[], None]) -> Hold:
        """Send the file to the relay, if nobody did; whoever wants it too waits for that one push, and where it failed
        the next of them tries."""
        while True:
            hold, mine = self._holds.claim(wanted.digest)
            if mine:
                self._fill(hold, own, wanted, tell, keep_up)
            else:
                hold.wait(keep_up)
            if not hold.fault:
                return hold
            if mine or not hold.again:
                raise RelayFault(hold.fault, lasting=False)

    def _fill(self, hold: Hold, own: AgentSession, wanted: Wanted, tell: Tell, keep_up: Callable[[], None]) -> None:
        """Send the file there and end the hold. Raises the neighbour's own errors, and `Stopped`."""
        digest = wanted.digest
        try:
            with self._places.one(keep_up), self.bustle.going_on():
                error = self._try_to_send(own, wanted, tell)
            is_lost = isinstance(error, BoardLost) and self._reach.is_lost(own)
        except BaseException:
            self._holds.drop(digest, hold, "sending the file there was given up", again=True)
            raise
        if error is None:
            self._holds.fill(digest, hold)
        elif isinstance(error, BoardDiskFull):
            self._holds.bar(hold, error.message)
        elif is_lost:
            self._holds.drop(digest, hold, error.message, again=False)
        else:
            self._holds.fail(digest, hold, error.message)

    def _try_to_send(self, own: AgentSession, wanted: Wanted, tell: Tell) -> BoardError | None:
        """The relay's error, which is none of the neighbour's."""
        try:
            self._send(own, wanted, tell)
        except BoardError as error:
            return error
        return None

    def _send(self, own: AgentSession, wanted: Wanted, tell: Tell) -> None:
        limit_bytes, size_bytes = self.device.storage_limit_bytes, wanted.size_bytes
        with self._guard:
            needed = sorted(self._needed)
        with Errand(own, "ask") as board:
            self._places.know_window(board.window_bytes)
            held = board.ask(Have([wanted.digest]), size_bytes)
            if wanted.digest in getattr(held, "present", ()):
                return
            for keep in (needed, self._holds.on_their_way()):  # all that the sweep needs of it, or that much
                evicted = board.ask(Evict(limit_bytes, size_bytes, keep), size_bytes)
                if getattr(evicted, "used_bytes", 0) + size_bytes <= limit_bytes:
                    break
            else:
                raise BoardDiskFull(own.device.name, f"its storage_limit leaves no room for {size_bytes} bytes")
        wanted.send(own, tell)

    def _give(self, own: AgentSession, session: AgentSession, wanted: Wanted, hold: Hold, tell: Tell) -> None:
        from orchestrator.transport.key_agent import KeyAgent  # with it comes paramiko

        transport = lending(own.transport)
        login = transport.login() if transport is not None else None
        if login is None:
            if self._reach.is_lost(own):
                raise RelayFault("it is not connected", lasting=False)
            raise RelayFault("it was not logged in to with a key", lasting=True)
        host, port = _address(self.device, login.host, login.port)
        try:
            command = own.verb("give", "--digest", wanted.digest)
        except BoardLost as error:
            raise RelayFault(error.message, lasting=False) from error
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
            with self.bustle.going_on(), Errand(session, "fetch", keys) as neighbour:
                answer = neighbour.ask(request, wanted.size_bytes, tell)
        except (ProtocolBroken, BoardUnfit) as error:
            raise RelayFault(error.message, lasting=True) from error
        finally:
            keys.revoke()
        if isinstance(answer, Error):
            if answer.code == "missing":
                self._holds.forget(wanted.digest, hold)
                raise RelayFault("it has lost the file since it was sent there", lasting=False)
            if keys.refusals:
                raise RelayFault(keys.refusals[-1], lasting=True)
            raise RelayFault(answer.message, lasting=not self._reach.is_lost(own))
        if not isinstance(answer, Received):
            raise RelayFault(f"its agent answered {type(answer).__name__}", lasting=True)


def _address(device: Device, host: str, port: int) -> tuple[str, int]:
    """Where its neighbours reach it."""
    if device.relay_address is None:
        return host, port
    from orchestrator.profiles.addresses import split_address

    keys = split_address(device.relay_address)
    return str(keys["host"]), int(keys.get("port", 22))
