"""In the place of a board's Python: an agent without workers, whose jobs sleep. Started as the real one, over real SSH.

Many boards on one machine share its processors, and a worker's start costs 0.1 s of them; this shows what the
orchestrator, the wire and the database make of many boards, and nothing of what a worker costs. Its answers are those
that a real agent gave to the same questions (`STAND_IN_ANSWERS`), with the job's name put in.
"""

import json
import os
import sys
import time
from pathlib import Path

SLEEP_S = float(os.environ.get("STAND_IN_SLEEP_S", "0.5"))


def say(line):
    os.write(1, json.dumps(line).encode() + b"\n")


def main():
    answers = json.loads(Path(os.environ["STAND_IN_ANSWERS"]).read_text())
    os.write(1, b"dynofarm-boot python=3.11.0 state=have\n")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        kind = request["kind"]
        if kind in ("hello", "probe"):
            say(answers[kind])
        elif kind == "have":
            say({"kind": "holdings", "present": request["digests"], "missing": [], "unpacked": request["digests"]})
        elif kind == "collect":
            say({"kind": "collected", "count": 0})
        elif kind == "ping":
            say({"kind": "heartbeat"})
        elif kind == "run":
            job_id = request["job"]["job_id"]
            say({"kind": "stage", "job_id": job_id, "name": "timing", "quiet_s": SLEEP_S + 5})
            time.sleep(SLEEP_S)
            result = answers["run"]
            result["result"]["job_id"] = job_id
            say(result)
        elif kind == "bye":
            return


main()
