"""The language between orchestrator and agent: one JSON object a line, UTF-8, `kind` first.

The one definition of every message and of the types inside them; the orchestrator imports it too.
Strict inside a version: an unknown kind or key is a `WireError` that names it. `docs/protocol.md` tells the story.
Units are in the names. Digests are lower-case hexadecimal SHA-256 of the bytes.
"""

import json
import math
from typing import Any, Dict, Type

from agent.messages.answers import (
    Busy,
    Collected,
    Error,
    Evicted,
    Failure,
    Heartbeat,
    Holdings,
    LaneDone,
    Probed,
    Ready,
    Received,
    Receiving,
    Result,
    Stage,
    Tuned,
    Unpacked,
)
from agent.messages.board import Conditions, Facts
from agent.messages.duet import Duet, DuetFailed, Duetted, Slices, Turns
from agent.messages.examination import (
    BusyProcess,
    ClockControl,
    ClockPolicy,
    Company,
    Examine,
    Examined,
    Login,
    Standing,
    Storage,
    SwapDevice,
)
from agent.messages.frames import BLOCK_BYTES, END, FRAME, LANES
from agent.messages.jobs import (
    EnergyPlan,
    InputRecipe,
    JobSpec,
    MeasureProtocol,
    ModelOnBoard,
    Reference,
    RuntimeOnBoard,
    TaskOnBoard,
    Tensor,
    ThermalGate,
)
from agent.messages.outcomes import (
    FAILURE_REASONS,
    Answers,
    Gate,
    JobFailure,
    JobResult,
    Memory,
    Samples,
    Surroundings,
    Timing,
)
from agent.messages.relaying import Fetch, Fetching
from agent.messages.requests import (
    Acknowledge,
    Bye,
    Collect,
    Evict,
    Have,
    Hello,
    Ping,
    Probe,
    Receive,
    RunJob,
    Tune,
    Unpack,
)
from agent.messages.reservation import LONGEST_S, LONGEST_TEXT, Reservation, Reserved
from agent.wire import WireError, from_plain, to_plain

__all__ = [
    "BLOCK_BYTES",
    "END",
    "FAILURE_REASONS",
    "FRAME",
    "KINDS",
    "LANES",
    "LONGEST_S",
    "LONGEST_TEXT",
    "MAX_LINE_BYTES",
    "PROTOCOL_VERSION",
    "Acknowledge",
    "Answers",
    "Busy",
    "BusyProcess",
    "Bye",
    "ClockControl",
    "ClockPolicy",
    "Collect",
    "Collected",
    "Company",
    "Conditions",
    "Duet",
    "DuetFailed",
    "Duetted",
    "EnergyPlan",
    "Error",
    "Evict",
    "Evicted",
    "Examine",
    "Examined",
    "Facts",
    "Failure",
    "Fetch",
    "Fetching",
    "Gate",
    "Have",
    "Heartbeat",
    "Hello",
    "Holdings",
    "InputRecipe",
    "JobFailure",
    "JobResult",
    "JobSpec",
    "LaneDone",
    "Login",
    "MeasureProtocol",
    "Memory",
    "ModelOnBoard",
    "Ping",
    "Probe",
    "Probed",
    "Ready",
    "Receive",
    "Received",
    "Receiving",
    "Reference",
    "Reservation",
    "Reserved",
    "Result",
    "RunJob",
    "RuntimeOnBoard",
    "Samples",
    "Slices",
    "Stage",
    "Standing",
    "Storage",
    "Surroundings",
    "SwapDevice",
    "TaskOnBoard",
    "Tensor",
    "ThermalGate",
    "Timing",
    "Tune",
    "Tuned",
    "Turns",
    "Unpack",
    "Unpacked",
    "WireError",
    "decode",
    "encode",
]

PROTOCOL_VERSION = 4
MAX_LINE_BYTES = 64 * 2**20
"""A line longer than this is garbage: ten minutes of 100 microsecond inferences are 48 MB."""

KINDS: Dict[str, Type[Any]] = {
    "hello": Hello,
    "probe": Probe,
    "have": Have,
    "receive": Receive,
    "unpack": Unpack,
    "tune": Tune,
    "evict": Evict,
    "examine": Examine,
    "run": RunJob,
    "duet": Duet,
    "collect": Collect,
    "acknowledge": Acknowledge,
    "ping": Ping,
    "bye": Bye,
    "ready": Ready,
    "busy": Busy,
    "reserved": Reserved,
    "probed": Probed,
    "holdings": Holdings,
    "unpacked": Unpacked,
    "tuned": Tuned,
    "evicted": Evicted,
    "examined": Examined,
    "stage": Stage,
    "result": Result,
    "failure": Failure,
    "duetted": Duetted,
    "duet_failed": DuetFailed,
    "collected": Collected,
    "heartbeat": Heartbeat,
    "error": Error,
    "fetch": Fetch,
    "fetching": Fetching,
    "receiving": Receiving,
    "lane_done": LaneDone,
    "received": Received,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def encode(message: Any) -> bytes:
    """One message as one line, newline included.

    What JSON has no word for is softened: a lone surrogate (a file name that is not UTF-8) becomes `?`, NaN and
    infinity (a broken sensor) become null, "no reading".
    """
    plain = {"kind": _NAMES[type(message)]}
    plain.update(to_plain(message))
    try:
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_numbers_only(plain), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> Any:
    """One line as one message; `WireError` says what is wrong with it and shows its beginning."""
    try:
        plain = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\ud" in line or b"\\uD" in line:
            # A lone surrogate passes JSON, and breaks whatever writes it later: the store, the terminal.
            json.dumps(plain, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise WireError("not a line of the protocol: %s" % _excerpt(line)) from None
    if not isinstance(plain, dict) or "kind" not in plain:
        raise WireError("no kind in the line: %s" % _excerpt(line))
    name = plain.pop("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise WireError("unknown kind %s; known: %s" % (repr(name)[:80], ", ".join(sorted(KINDS))))
    return from_plain(KINDS[name], plain, name)


def _refuse_constant(name: str) -> None:
    """NaN and the infinities are Python's own: SQLite's functions and other readers choke on them."""
    raise ValueError(name)


def _numbers_only(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _numbers_only(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_numbers_only(value) for value in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _excerpt(line: bytes) -> str:
    text = line[:120].decode("utf-8", "backslashreplace").strip()
    return repr(text + ("…" if len(line) > 120 else ""))
