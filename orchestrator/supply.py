"""What a job needs on its board: the model, the runtime, and the order that names them."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import Protocol

from agent.protocol import Facts, JobSpec, ThermalGate
from orchestrator.affinity import cpus_of
from orchestrator.carriers import Carrier
from orchestrator.devices import Device
from orchestrator.errors import FileOutOfReach, ModelError, RuntimeOutOfReach, RuntimeUnavailable, TransferCorrupt
from orchestrator.events import Event, Fetching, Noted, Pushing
from orchestrator.farm_file import FarmSettings
from orchestrator.idle import gate_c
from orchestrator.models import Model
from orchestrator.needs import Needs, data_of, needs_of
from orchestrator.orders import order_of
from orchestrator.runs import Job
from orchestrator.session import AgentSession
from orchestrator.sweep import RuntimeChoice
from orchestrator.transport.push_artifact import Artifact, Artifacts
from orchestrator.transport.push_tally import Way
from orchestrator.uplink import Uplink

log = logging.getLogger(__name__)

SMALL_BYTES = 1 << 20
"""Up to this a push waits for its board and not for the link: of 500 simulated boards that took a second to begin, the
last one waited a minute for its 20 kB, with eight at once."""
SMALL_AT_ONCE = 8
"""Small ones have places of their own: so many for each place of a larger one."""
ASK_AGAIN_S = 60.0
ASK_AGAIN_TIMES = 10
"""What was out of reach is asked for again after a minute, or ten times as long as it took to hear so: a network that
swallows everything takes a minute or two to be found dead, and its boards have other jobs."""
LOOK_S = 1.0
"""How often who waits for a place looks after its board."""


class Shelf(Protocol):
    """Where carriers of runtimes come from (`carriers.CarrierShelf`)."""

    def fetch(self, choice: RuntimeChoice, facts: Facts) -> Carrier: ...


File = tuple[str, Path, str]
"""Hash, place, and what it is."""
Tell = Callable[[int], None]
"""Hears how many bytes of a file are there."""


@dataclass(frozen=True)
class Lack:
    """The files that a board has not whole, and how many bytes of some it has, by their hashes."""

    files: Sequence[File]
    partial: Mapping[str, int]

    def size_bytes(self) -> int:
        """How much is to come. Raises `FileOutOfReach` where a file is gone."""
        total_bytes = 0
        for digest, path, _ in self.files:
            try:
                total_bytes += path.stat().st_size - self.partial.get(digest, 0)
            except OSError as error:
                raise _unreadable(path, error) from None
        return total_bytes


@dataclass(frozen=True)
class Wanted:
    """A file that a board needs. `needs`: all that it needs on its disk. `send` pushes the file to any board."""

    digest: str
    size_bytes: int
    needs: Needs
    send: Callable[[AgentSession, Tell], None]


ByRelay = Callable[[AgentSession, Wanted, Tell], bool]


class Supply:
    """Brings to a board what a job needs, each thing once per board and hash.

    `idle_c` gives a board's temperature when it idles, by name; None where it is not known. `by_relay` may bring a file
    from a neighbour instead of over the uplink; False from it means that it is to be pushed. `task_files` are data sets
    and vocabularies by their digests.
    """

    def __init__(
        self,
        models: Sequence[Model],
        shelf: Shelf,
        notify: Callable[[Event], None],
        idle_c: Callable[[str], float | None] = lambda _name: None,
        by_relay: ByRelay | None = None,
        settings: FarmSettings | None = None,
        uplink: Uplink | None = None,
        task_files: Mapping[str, Path] | None = None,
    ) -> None:
        self._models: Mapping[str, Model] = {model.digest: model for model in models}
        self._task_files = task_files or {}
        self._shelf = shelf
        self._notify = notify
        self._idle_c = idle_c
        self._noted: set[str] = set()
        self._crowded: set[str] = set()
        self._carriers: dict[tuple[str, RuntimeChoice], Carrier | RuntimeUnavailable] = {}
        self._ask_again_s: dict[tuple[str, RuntimeChoice], float] = {}
        self._by_relay = by_relay
        settings = settings or FarmSettings()
        self._uplink = uplink or Uplink(settings.uplink_bytes_s, settings.site_uplinks_bytes_s)
        most = self._uplink.most_senders(None)
        self._pushing = Semaphore(min(settings.pushes, most))
        self._pushing_small = Semaphore(min(settings.pushes * SMALL_AT_ONCE, most))
        sites = settings.site_uplinks_bytes_s
        self._pushing_to_site = {site: Semaphore(self._uplink.most_senders(site)) for site in sites}
        self._artifacts = Artifacts()
        self._proven: set[str] = set()
        self._link_bytes_s: dict[str, float] = {}

    def outfit(
        self,
        session: AgentSession,
        facts: Facts,
        job: Job,
        needed: Sequence[Job],
        before_sending: Tell = lambda _lacking_bytes: None,
    ) -> JobSpec:
        """Push what is missing for `job` and return its order. `needed`: the jobs after it; their things are evicted
        only where the board cannot hold them as well. `before_sending` hears how many bytes the board lacks, which
        may take long to go there.

        Raises `RuntimeUnavailable`, `ModelError` (the file is gone or changed) and the board's errors.
        """
        model, device = self._models[job.model_digest], session.device
        cpus, start_c = self._cpus(device, facts), gate_c(device, lambda: self._idle_c(device.name))
        carrier = self._carrier(device, job.runtime, facts)
        if isinstance(carrier, RuntimeUnavailable):
            raise carrier
        lack = self._lack(session, self._files_of(job, model, carrier))
        before_sending(lack.size_bytes())
        if lack.files:
            self._bring_all(session, lack, self._needs(device, facts, job, needed))
        if carrier.runtime.carrier == "bundle" and carrier.runtime.digest is not None:
            session.unpack(carrier.runtime.digest)
        gate = ThermalGate(start_c, limit_s=device.thermal_limit_s)
        return order_of(job, model, carrier.runtime, gate, cpus, session.held_clock_khz)

    def look_ahead(
        self, session: AgentSession, facts: Facts, job: Job, needed: Sequence[Job]
    ) -> Callable[[], None] | None:
        """What sends the files that the board lacks for a later job while an earlier one runs, None when it lacks none.
        Room is made now, when the agent has time to answer.

        Raises what `outfit` raises; what cannot be had at all is told when it is the job's turn.
        """
        model, device = self._models[job.model_digest], session.device
        carrier = self._carrier(device, job.runtime, facts)
        if isinstance(carrier, RuntimeUnavailable):
            return None
        lack = self._lack(session, self._files_of(job, model, carrier))
        if not lack.files:
            return None
        needs = self._needs(device, facts, job, needed)
        session.make_room(lack.size_bytes(), needs.all)

        def send() -> None:
            for digest, path, what in lack.files:
                with self._artifacts.lend(digest, path) as artifact:
                    self._bring(session, digest, artifact, what, needs, beside=True)

        return send

    def _needs(self, device: Device, facts: Facts, job: Job, after: Sequence[Job]) -> Needs:
        choices = dict.fromkeys(one.runtime for one in (job, *after))
        return needs_of(job, after, {one: self._carrier(device, one, facts) for one in choices})

    def _lack(self, session: AgentSession, files: Sequence[File]) -> Lack:
        holdings = session.holdings([digest for digest, _, _ in files])
        return Lack([one for one in files if one[0] in holdings.missing], holdings.partial)

    def _files_of(self, job: Job, model: Model, carrier: Carrier) -> list[File]:
        """What a job needs on its board: hash, file, and what it is."""
        files = [(model.digest, model.path, f"{model.name} ({model.format})")]
        if carrier.path is not None and carrier.runtime.digest is not None:
            files.append((carrier.runtime.digest, carrier.path, str(job.runtime)))
        if job.task is not None:
            for digest, what in data_of(job.task).items():
                if digest not in self._task_files:
                    raise ModelError(f"the {what} ({digest[:12]}…) is not here any more", "fetch or add it again")
                files.append((digest, self._task_files[digest], what))
        return files

    def _cpus(self, device: Device, facts: Facts) -> list[int] | None:
        cpus, note = cpus_of(device, facts)
        if note and device.name not in self._noted:
            self._noted.add(device.name)
            self._notify(Noted(device.name, note))
        return cpus

    def _carrier(self, device: Device, choice: RuntimeChoice, facts: Facts) -> Carrier | RuntimeUnavailable:
        """All that a board needs is fetched before its first job. What cannot be had is asked for only once; what
        is out of reach now, again for a later job: an hour without a network shall not cost a night's sweep."""
        key = (device.name, choice)
        known, began_s = self._carriers.get(key), time.monotonic()
        if known is None or (isinstance(known, RuntimeOutOfReach) and began_s >= self._ask_again_s[key]):
            self._notify(Fetching(device.name, str(choice)))
            try:
                self._carriers[key] = self._shelf.fetch(choice, facts)
            except RuntimeUnavailable as error:
                self._carriers[key] = error
                now_s = time.monotonic()
                self._ask_again_s[key] = now_s + max(ASK_AGAIN_S, ASK_AGAIN_TIMES * (now_s - began_s))
        return self._carriers[key]

    def _bring_all(self, session: AgentSession, lack: Lack, needs: Needs) -> None:
        for digest, path, what in lack.files:
            came_bytes = lack.partial.get(digest, 0)
            try:
                with self._artifacts.lend(digest, path) as artifact:
                    model = self._models.get(digest)
                    if model is not None:
                        artifact.check_size(model.size_bytes)
                    evicted = session.make_room(artifact.size_bytes - came_bytes, needs.now, needs.later)
                    self._note_evicted(session.device.name, set(evicted.digests) & set(needs.later))
                    self._bring(session, digest, artifact, what, needs)
            except OSError as error:
                raise _unreadable(path, error) from None

    def _note_evicted(self, device: str, needed: set[str]) -> None:
        if needed and device not in self._crowded:
            self._crowded.add(device)
            text = "its disk or its storage_limit cannot hold all that this sweep needs: some files are sent again"
            self._notify(Noted(device, text))

    def _bring(
        self, session: AgentSession, digest: str, artifact: Artifact, what: str, needs: Needs, *, beside: bool = False
    ) -> None:
        """Push it, or have a relay bring it. `beside`: the session has a job to listen to, as a relay's always may."""
        name, size_bytes = session.device.name, artifact.size_bytes
        how, straight = "", False

        def tell(there_bytes: int) -> None:
            self._notify(Pushing(name, what, there_bytes, size_bytes))

        def send(to: AgentSession, tell: Tell) -> None:
            nonlocal how, straight
            straight = to is session  # the relay needs files itself
            how = self._push(to, digest, artifact, what, tell, beside=beside or to is not session)

        wanted = Wanted(digest, size_bytes, needs, send)
        if self._by_relay is None or not self._by_relay(session, wanted, tell):
            send(session, tell)
        elif not straight:
            how = "by the relay"
        if how:
            self._notify(Pushing(name, what, size_bytes, size_bytes, how))

    def _push(
        self, session: AgentSession, digest: str, artifact: Artifact, what: str, tell: Tell, *, beside: bool
    ) -> str:
        """Send a file over the uplink; how, in words."""
        name = session.device.name
        places = self._pushing_small if artifact.size_bytes <= SMALL_BYTES else self._pushing
        site = session.device.site
        of_site = [self._pushing_to_site[site]] if site in self._pushing_to_site else []
        turn = _Turn([*of_site, places], tell, session.keep_up)
        note_speed = partial(self._link_bytes_s.__setitem__, name)
        way = Way(self._uplink, site, self._link_bytes_s.get(name), turn, beside, note_speed)
        try:
            pushed = session.push(digest, artifact.path, artifact.size_bytes, tell, artifact=artifact, way=way)
        except TransferCorrupt:
            self._check_unchanged(digest, artifact)
            raise
        how = pushed.how or "plain"
        log.info("%s: %s (%d bytes) went %s: %d bytes sent", name, what, artifact.size_bytes, how, pushed.sent_bytes)
        return pushed.how

    def _check_unchanged(self, digest: str, artifact: Artifact) -> None:
        """A wrong hash on a board is the link's fault only when the file here still has the right one."""
        if digest not in self._proven:
            _check_hash(artifact.path, digest)
            self._proven.add(digest)


class _Turn:
    """A place among the pushes that go on at one time, in all and to a site; taken once more where a file goes anew.
    `keep_up` is called while others have them all: what it raises ends the wait."""

    def __init__(self, places: Sequence[Semaphore], tell: Tell, keep_up: Callable[[], None]) -> None:
        self._places, self._tell, self._keep_up = places, tell, keep_up
        self._taken = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as taken:
            for places in self._places:
                while not places.acquire(timeout=LOOK_S):
                    self._keep_up()
                taken.callback(places.release)
            self._tell(0)
            self._taken = taken.pop_all()

    def __exit__(self, *_: object) -> None:
        self._taken.close()


def _unreadable(path: Path, error: OSError) -> FileOutOfReach:
    hint = "is its disk there? bring it back, or add it again: dynofarm model add FILE"
    return FileOutOfReach(f"{path}: {error.strerror or error}", hint)


def _check_hash(path: Path, digest: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None
    if found != digest:
        raise ModelError(f"{path} changed since it was added", f"add it again: dynofarm model add {path}")
