"""The governor and the clock of all processors, set for the time of a visit and put back afterwards.

docs.kernel.org/admin-guide/pm/cpufreq.html tells of the files, all in kHz. What stood in them lies in the work folder
(`restore.json`) before the first of them changes: an agent that leaves puts it back, and one that finds the file when
it takes the lock does so for one that was killed. Another boot has forgotten what was set.
"""

import json
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from agent.places import Places, remove_quietly, write_whole
from agent.protocol import Tune, Tuned
from agent.sensors import matches, read_int, read_text
from agent.writing import NotWritten, write_values

_POLICIES = "/sys/devices/system/cpu/cpufreq/policy[0-9]*"
_POLICY = re.compile(r"/sys/devices/system/cpu/cpufreq/policy[0-9]{1,5}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")
_GOVERNOR, _MIN, _MAX = "scaling_governor", "scaling_min_freq", "scaling_max_freq"
_FILES = {"governor": (_GOVERNOR,), "clock_khz": (_MIN, _MAX)}
_RECORD_BYTES = 1 << 20

Values = Dict[str, Dict[str, str]]
"""By policy (its folder) and file: what stands there."""


def tune(places: Places, request: Tune, root: str = "/") -> Tuned:
    """Set what is asked for on every policy. A setting holds on all of them, or is left as it was on all.

    What holds already is not written, so it needs no rights. Only for the holder of the board's lock.
    """
    policies = matches(root, _POLICIES)
    asked: Dict[str, str] = {}
    if request.governor is not None:
        asked["governor"] = request.governor
    if request.clock_khz is not None:
        asked["clock_khz"] = str(request.clock_khz)
    if asked and not policies:
        return Tuned({}, "this board has no cpufreq, its clock sets itself: take %s out" % " and ".join(asked))
    applied: Dict[str, str] = {}
    refused: Dict[str, List[str]] = {}
    for name, value in asked.items():
        why = _objection(root, policies, name, value) or _set(places, root, policies, name, value)
        if why is None:
            applied[name] = value
        else:
            refused.setdefault(why, []).append("%s %s" % (name, value))
    return Tuned(applied, "; ".join("not set: %s: %s" % (" and ".join(refused[why]), why) for why in refused))


def restore(places: Places, root: str = "/") -> None:
    """Put back what `restore.json` tells of, if it is of this boot. Never raises.

    The file stays while something of it may still be put back by an agent with more rights or more luck.
    """
    record = _read_record(places)
    if record is None or record[0] != _boot_id(root):
        remove_quietly(places.restore)
        return
    all_done = True
    for files in _FILES.values():
        part = {policy: {file: one[file] for file in files if file in one} for policy, one in record[1].items()}
        all_done = _put_back(root, part) and all_done
    if all_done:
        remove_quietly(places.restore)


def _set(places: Places, root: str, policies: Sequence[str], name: str, value: str) -> Optional[str]:
    """Why it is left as it was, and what to do about it; None when it holds."""
    before = {policy: _read(root, policy, _FILES[name]) for policy in policies}
    wanted = {policy: dict.fromkeys(_FILES[name], value) for policy in policies}
    if before == wanted:
        return None
    try:
        _note(places, root, before)
    except OSError as error:
        return "what stands there cannot be noted first (%s); free some room" % error.strerror
    try:
        write_values(root, _steps(root, wanted))
    except NotWritten as fault:
        _put_back(root, before)
        return "%s; %s" % (fault, fault.remedy)
    for policy in policies:
        found = _read(root, policy, _FILES[name])
        if found != wanted[policy]:
            _put_back(root, before)
            made = "–".join(dict.fromkeys(found.values())) or "nothing"
            return "the kernel made %s of it on %s; ask for another value" % (made, _short(policy))
    return None


def _objection(root: str, policies: Sequence[str], name: str, value: str) -> Optional[str]:
    """What the board says it does not know; where it tells nothing, the kernel will say."""
    if not _is_value(_FILES[name][0], value):
        return "it is no %s; correct the profile" % name
    for policy in policies:
        if name == "governor":
            known = (read_text(root, policy + "/scaling_available_governors") or "").split()
        else:
            known = (read_text(root, policy + "/scaling_available_frequencies") or "").split()
            least, most = (read_int(root, "%s/cpuinfo_%s_freq" % (policy, end)) for end in ("min", "max"))
            if least is not None and most is not None and not least <= int(value) <= most:
                return "%s goes from %d to %d kHz; ask for a clock in between" % (_short(policy), least, most)
        if known and value not in known:
            return "%s knows %s; ask for one of these" % (_short(policy), ", ".join(sorted(known, key=_rank)))
    return None


def _steps(root: str, wanted: Values) -> List[Tuple[str, str]]:
    """What to write where, in an order that every kernel takes: the least clock must never pass the greatest.

    So the greatest is raised before the least, and the least lowered before the greatest.
    """
    governors: List[Tuple[str, str]] = []
    first: List[Tuple[str, str]] = []
    second: List[Tuple[str, str]] = []
    for policy, values in wanted.items():
        order = [_MIN, _MAX]
        greatest = read_int(root, "%s/%s" % (policy, _MAX))
        if greatest is not None and _MIN in values and int(values[_MIN]) > greatest:
            order.reverse()
        governors += [(policy + "/" + file, values[file]) for file in (_GOVERNOR,) if file in values]
        clocks = [(policy + "/" + file, values[file]) for file in order if file in values]
        first += clocks[:1]
        second += clocks[1:]
    return governors + first + second


def _put_back(root: str, before: Values) -> bool:
    """False when something is in the way; it stands in `restore.json`, and is tried again when the agent leaves."""
    try:
        write_values(root, _steps(root, before))
    except NotWritten:
        return False
    return True


def _read(root: str, policy: str, files: Sequence[str]) -> Dict[str, str]:
    found = {file: read_text(root, "%s/%s" % (policy, file)) for file in files}
    return {file: text for file, text in found.items() if text is not None and _is_value(file, text)}


def _is_value(file: str, text: str) -> bool:
    return _WORD.fullmatch(text) is not None if file == _GOVERNOR else text.isdigit() and len(text) < 12


def _note(places: Places, root: str, before: Values) -> None:
    """Keep what stands there. What an earlier change of this visit, or of a killed agent, noted goes before."""
    record = _read_record(places)
    kept: Values = {}
    if record is not None and record[0] == _boot_id(root):
        kept = record[1]
    together = {policy: dict(values, **kept.get(policy, {})) for policy, values in before.items()}
    for policy in kept:
        together.setdefault(policy, kept[policy])
    text = json.dumps({"boot_id": _boot_id(root), "policies": together}, indent=1, sort_keys=True)
    write_whole(places.restore, places.temporary("restore"), [text.encode("utf-8")])


def _read_record(places: Places) -> Optional[Tuple[str, Values]]:
    """Boot and values of `restore.json`; None when there is none, or when it is anything else than what we write."""
    try:
        with open(places.restore, "rb") as file:
            plain = json.loads(file.read(_RECORD_BYTES).decode("utf-8"))
        return str(plain["boot_id"]), {_policy(name): _values(one) for name, one in plain["policies"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _policy(name: Any) -> str:
    if not isinstance(name, str) or not _POLICY.fullmatch(name):
        raise ValueError(name)
    return name


def _values(plain: Dict[str, Any]) -> Dict[str, str]:
    for file, value in plain.items():
        if file not in (_GOVERNOR, _MIN, _MAX) or not isinstance(value, str) or not _is_value(file, value):
            raise ValueError(file)
    return dict(plain)


def _boot_id(root: str) -> str:
    return read_text(root, "/proc/sys/kernel/random/boot_id") or "-"


def _rank(text: str) -> Tuple[int, str]:
    return (int(text) if text.isdigit() else 0, text)


def _short(policy: str) -> str:
    return policy.rsplit("/", 1)[1]
