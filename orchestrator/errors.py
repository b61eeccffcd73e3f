"""Every error a user can meet, in one tree.

    DynofarmError                  message, hint, exit code
    ├── UsageError            2    the command line or a file asks for something that cannot be
    │   ├── ConfigError            a YAML file is wrong: every fault with file:line:column
    │   ├── UnknownName            no such device, model, sweep, run; lists the nearest
    │   └── ModelError             a model file that cannot be read or is not what it was
    │       └── FileOutOfReach     a file of a sweep that cannot be opened now; its jobs stay owed
    ├── StoreError            4    the database cannot be used
    │   ├── StoreBusy              another process writes and does not stop, or is an older dynofarm at work
    │   ├── StoreTooNew            made by a newer dynofarm
    │   ├── StoreDamaged           not a database, or a broken one
    │   └── UnknownJob             a result of a job that this database never planned
    ├── DiskFull              4    no room left on this machine
    ├── RuntimeUnavailable    2    no build of a runtime for that board
    │   └── RuntimeOutOfReach      there may be one, and it cannot be fetched now; its jobs stay owed
    └── BoardError            4    something about one board; carries its name
        ├── HostKeyUnknown         never seen before
        ├── HostKeyChanged         not the key that was accepted
        ├── AuthenticationFailed   the board refuses the key
        ├── Unreachable            no connection: refused, timed out, no such name, no banner
        ├── BoardLost              was connected, answers no more
        ├── BoardBusy              held by another orchestrator
        │   ├── BoardAbandoned     held by what a command left there that has died
        │   └── BoardReserved      kept by somebody for themselves
        ├── BoardUnfit             cannot run the agent (no Python, too old, work folder not writable)
        ├── BoardDiskFull          no room left on the board
        ├── PowerFailed            the command in its profile did not switch it off and on
        ├── TransferCorrupt        what arrived is not what was to be sent
        └── ProtocolBroken         something other than the agent spoke

The failure of one job is data (`runs.py`), not an exception; exceptions end a command or one board's part in it.
"""

from datetime import datetime


class DynofarmError(Exception):
    """What went wrong (`message`), and what to do next (`hint`)."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DynofarmError):
    pass


class ConfigError(UsageError):
    """All faults of one or more files; each line of the message is `file:line:column: key: found, allowed`."""


class UnknownName(UsageError):
    pass


class ModelError(UsageError):
    pass


class FileOutOfReach(ModelError):
    pass


class StoreError(DynofarmError):
    exit_code = 4


class StoreBusy(StoreError):
    pass


class StoreTooNew(StoreError):
    pass


class StoreDamaged(StoreError):
    pass


class UnknownJob(StoreError):
    pass


class DiskFull(DynofarmError):
    exit_code = 4


class RuntimeUnavailable(DynofarmError):
    pass


class RuntimeOutOfReach(RuntimeUnavailable):
    pass


class BoardError(DynofarmError):
    exit_code = 4

    def __init__(self, device: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.device = device


class HostKeyUnknown(BoardError):
    def __init__(self, device: str, message: str, hint: str, fingerprint: str, key_line: str) -> None:
        super().__init__(device, message, hint)
        self.fingerprint = fingerprint
        self.key_line = key_line


class HostKeyChanged(BoardError):
    def __init__(self, device: str, message: str, hint: str, expected: str, found: str, key_line: str) -> None:
        super().__init__(device, message, hint)
        self.expected = expected
        self.found = found
        self.key_line = key_line


class AuthenticationFailed(BoardError):
    pass


class Unreachable(BoardError):
    pass


class BoardLost(BoardError):
    pass


class BoardBusy(BoardError):
    pass


class BoardAbandoned(BoardBusy):
    """A command of this user held it and has died; the agent that it left there leaves, too, once its job is over."""


class BoardReserved(BoardBusy):
    """`key` names the reservation; `owner` (`user@host`) has it until `until`, for the reason `why`."""

    def __init__(
        self, device: str, message: str, hint: str, *, key: str, owner: str, why: str, until: datetime
    ) -> None:
        super().__init__(device, message, hint)
        self.key = key
        self.owner = owner
        self.why = why
        self.until = until


class BoardUnfit(BoardError):
    pass


class BoardDiskFull(BoardError):
    pass


class PowerFailed(BoardError):
    pass


class TransferCorrupt(BoardError):
    pass


class ProtocolBroken(BoardError):
    pass
