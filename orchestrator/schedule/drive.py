"""One board's part in a sweep."""

import time
from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import partial

from agent.protocol import Facts, JobFailure, JobResult, Stage
from orchestrator.conversation import Stopped
from orchestrator.devices import Link as Kind
from orchestrator.errors import (
    BoardAbandoned,
    BoardBusy,
    BoardDiskFull,
    BoardError,
    FileOutOfReach,
    ModelError,
    RuntimeOutOfReach,
    RuntimeUnavailable,
)
from orchestrator.events import BoardDone, BoardFailed, JobStage, Noted, Waiting
from orchestrator.links import Link
from orchestrator.runs import Job, Role, RunStatus
from orchestrator.schedule.ahead import Ahead
from orchestrator.schedule.beside import Beside
from orchestrator.schedule.company import Company
from orchestrator.schedule.docket import Docket
from orchestrator.schedule.recovery import RETRIED, Recovery
from orchestrator.schedule.tools import Tools
from orchestrator.session import AgentSession
from orchestrator.turns import Ticket, Turns

BEFORE_A_JOB_S = 60.0
"""Room in the wait for a job that an earlier connection left running: starting up and saving."""

AFTER_A_JOB_S = 10.0
"""For an agent that kills its worker at the deadline, and keeps what came of it."""

OWN_AGENT_LEAVES_S = 40.0
"""The agent of a lost connection holds the board's lock until it gives us up, after thirty silent seconds."""

SOON_S = 0.05
"""A turn that comes within this is not worth telling that somebody waits for it."""


class Drive:
    """Run by a thread of its own. `missed` is why the board could not be reached at muster."""

    def __init__(
        self,
        link: Link,
        jobs: Sequence[Job],
        turns: Turns,
        company: Company,
        tools: Tools,
        lock_wait_s: float,
        missed: BoardError | None = None,
    ) -> None:
        self.name = link.device.name
        self._link = link
        self._docket = Docket(link, jobs, tools)
        self._turns = turns
        self._company = company
        self._tools = tools
        self._lock_wait_s = lock_wait_s
        self._recovery = Recovery(link, turns, company, tools)
        self._missed = missed
        self._owed: Set[str] | None = None
        """What is owed of the sweep since the board is ours; None when that is to be asked."""
        self._ahead: Ahead | None = None
        self._bustle = tools.relays.bustle_of(self.name) if tools.relays is not None else None
        """When the board gave and took files for its neighbours, where it does while it measures."""
        self._beside = Beside()
        """What goes on beside the job in hand."""
        self._loading_since_s: float | None = None
        """Since when the board has been busy with the job in hand; None while it cools."""
        self._met: set[str] = set()
        """Other commands that this board waited for."""
        self._left_there: Job | None = None
        """What the agent of a lost link had in hand, and may have still. Of an agent whose command died nobody here
        knows that: the longest job stands for it."""
        if isinstance(missed, BoardAbandoned):
            self._left_there = max(self._docket.owed, key=lambda job: job.deadline_s, default=None)

    def note_owed(self, owed: Set[str]) -> None:
        """What `Ledger.still_owed` says now; heard where a session is open, whose board nobody else has."""
        self._owed = None if self._link.session is None else owed

    def keep_turn(self) -> None:
        """Before any board of the machine asks for its turn: an agent that was left there may measure still."""
        if self._left_there is not None:
            self._recovery.kept = self._turns.ask()
            self._turns.keep(self._recovery.kept, self._left_there.deadline_s + AFTER_A_JOB_S)

    def run(self) -> None:
        """To the last job, or until the board is left alone, or the user asks to stop."""
        self._docket.save_skipped()
        try:
            if self._missed is not None:
                self._take_up(self._missed)
            while self._docket.owed and not self._tools.stop.is_set():
                try:
                    self._work()
                except RETRIED as fault:
                    answered = self._link.session is not None
                    self._left_there = self._docket.in_hand or self._left_there
                    self._link.close(politely=False)
                    self._owed = None
                    self._settle()
                    self._docket.lose(fault, for_good=False)
                    self._recovery.after(fault, answered=answered, more=bool(self._docket.owed))
        except BoardError as error:
            self._give_up(error)
            return
        except Stopped:
            pass
        finally:
            self._link.close(politely=not self._tools.stop.is_set())
            self._settle()
            self._recovery.note_drops()
            self._company.leave(self.name)
        if not self._docket.owed:
            self._tools.notify(BoardDone(self.name))

    def _take_up(self, missed: BoardError) -> None:
        """What went wrong at muster may go well now: the lock of a busy board is waited for, a link tried again."""
        waits = isinstance(missed, BoardBusy) and (self._lock_wait_s > 0 or self._left_there is not None)
        if not self._docket.owed or not (waits or isinstance(missed, RETRIED)):
            raise missed
        if isinstance(missed, RETRIED):
            self._recovery.after(missed, answered=False, more=True)

    def _work(self) -> None:
        session = self._link.open(self._patience_s())
        self._give_turn_back()  # we have the board's lock: the agent of the lost link has left
        self._left_there = None
        self._recovery.reached()
        if self._docket.collect(session):
            self._recovery.progress()
        self._docket.leave_out_what_others_did(self._owed)
        try:
            self._measure_all(session)
        except Stopped:
            self._docket.keep_now(session)
            raise
        except BaseException:
            self._docket.keep()
            raise
        self._docket.keep_now(session)  # after the last job that was measured may come some that cannot be

    def _measure_all(self, session: AgentSession) -> None:
        while self._docket.owed and not self._tools.stop.is_set():
            ticket = self._turns.ask()
            try:
                if self._wait_for(ticket):
                    self._measure(session)
                    self._recovery.progress()
            except RETRIED:
                self._recovery.kept = ticket
                self._turns.keep(ticket, self._still_measures_s())
                raise
            except BaseException:
                self._turns.leave(ticket)
                raise
            self._turns.leave(ticket)

    def _still_measures_s(self) -> float:
        """How long the agent of a lost link may go on with the job in hand, before which no other board of the machine
        may measure; 0 where it has no job. One that still cools its board gives the job up when it gives us up."""
        job, since_s = self._docket.in_hand, self._loading_since_s
        if job is None or not self._docket.is_ordered:
            return 0.0
        if since_s is None:
            return OWN_AGENT_LEAVES_S
        return max(OWN_AGENT_LEAVES_S, job.deadline_s - (time.monotonic() - since_s) + AFTER_A_JOB_S)

    def _give_turn_back(self) -> None:
        if self._recovery.kept is not None:
            self._turns.leave(self._recovery.kept)
            self._recovery.kept = None

    def _patience_s(self) -> float:
        """After a loss, the agent of the lost connection may still be there, or finish the job in hand: wait for it."""
        job = self._left_there
        if job is not None:
            return max(self._lock_wait_s, job.deadline_s + self._link.device.thermal_limit_s + BEFORE_A_JOB_S)
        if self._recovery.had_faults:
            return max(self._lock_wait_s, OWN_AGENT_LEAVES_S)
        return self._lock_wait_s

    def _wait_for(self, ticket: Ticket) -> bool:
        """Wait until it is this board's turn; False when the user asks to stop."""
        if self._turns.wait(ticket, SOON_S):
            return True
        who, machine = self._turns.measured_by(), self._link.device.exclusion
        if who and who not in self._met:
            self._met.add(who)
            self._tools.notify(Noted(self.name, f"takes turns with {who}, which measures on {machine} as well"))
        self._tools.notify(Waiting(self.name, f"{who or 'another board'} measures on {machine}"))
        return self._turns.wait(ticket)

    def _measure(self, session: AgentSession) -> None:
        facts = self._link.facts
        assert facts is not None  # noqa: S101 - an open link was probed
        docket, started, began_s = self._docket, datetime.now(UTC), time.monotonic()
        job = docket.take()
        self._loading_since_s = None
        try:
            order = self._tools.supply.outfit(session, facts, job, list(docket.owed), partial(self._note_lack, session))
        except (RuntimeOutOfReach, FileOutOfReach) as error:
            # It may be there again for the next --resume; a look at the board is about now, and is not made up for.
            status = RunStatus.LOST if job.asked_for else RunStatus.SKIPPED
            docket.finish(docket.without_result(job, status, error.message, error.hint))
            return
        except (RuntimeUnavailable, ModelError) as error:
            docket.finish(docket.without_result(job, RunStatus.SKIPPED, error.message, error.hint))
            return
        except BoardDiskFull as error:
            docket.finish(docket.without_result(job, RunStatus.DISK_FULL, error.message, error.hint))
            return
        self._look_ahead(session, facts)
        docket.note_ordered()
        self._beside = Beside()
        if self._bustle is not None:
            self._bustle.forget()
        session.order(order)
        docket.keep()  # the one before, while the worker of this one starts
        try:
            outcome = session.outcome(order, lambda stage: self._note(job, stage))
        finally:
            spans = [] if self._bustle is None else self._bustle.spans()
            spans += [] if self._ahead is None else [self._ahead.span()]
            if spans:
                docket.note_pushed(job, self._beside.traces(spans))
        finished = started + timedelta(seconds=time.monotonic() - began_s)  # clocks are set back, too
        docket.finish_soon(docket.run_of(job, outcome, started, finished))
        if self._is_awaited(outcome):
            docket.keep()
        docket.acknowledge(session)
        self._settle()

    def _note_lack(self, session: AgentSession, lacking_bytes: int) -> None:
        """So much goes to the board now. A link may break over that as often as it likes, while each time something
        arrives."""
        if lacking_bytes:
            self._docket.keep_now(session)  # it may take long
        if self._docket.came_nearer(lacking_bytes):
            self._recovery.progress()

    def _is_awaited(self, outcome: JobResult | JobFailure) -> bool:
        """Must an outcome be committed before the next job begins? Where there is none, where the board could not keep
        it as well (`agent/spool.py`), where it tells the next one's thermal gate something, where other boards wait for
        the machine, and where the work would disturb the job."""
        device, owed = self._link.device, self._docket.owed
        if not isinstance(outcome, JobResult) or "spool" in outcome.details:
            return True
        warmer = outcome.details.get("thermal_gate") == "gave up"
        shared = self._turns.shared or device.relay or device.link is Kind.LOCAL
        return not owed or owed[0].role is Role.ENERGY or warmer or shared or device.push_while_measuring

    def _note(self, job: Job, stage: Stage) -> None:
        if stage.name == "loading":
            self._loading_since_s = time.monotonic()
        self._beside.note(stage.name)
        self._tools.notify(JobStage(self.name, job, stage.name, stage.done, stage.steps))

    def _look_ahead(self, session: AgentSession, facts: Facts) -> None:
        """Begin to send what the next job needs, where the profile allows that and something is missing."""
        if not self._link.device.push_while_measuring or len(self._docket.owed) < 2:
            return
        later = list(self._docket.owed)
        try:
            send = self._tools.supply.look_ahead(session, facts, later[1], later)
        except (ModelError, BoardDiskFull):
            return  # told when it is that job's turn
        if send is not None:
            self._ahead = Ahead(self.name, send)

    def _settle(self) -> None:
        """Wait until what was sent ahead is there, or is not any more on its way."""
        if self._ahead is not None:
            self._ahead.join()
            self._ahead = None

    def _give_up(self, error: BoardError) -> None:
        owed = self._docket.asked_for
        self._docket.lose(error, for_good=True)
        self._tools.notify(BoardFailed(self.name, error.message, error.hint, owed))
