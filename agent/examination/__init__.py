"""What on this board will spoil measurements: looked at once, and watched for a few seconds.

Reads only, changes nothing, and starts at most one program (`vcgencmd`, on a Raspberry Pi that tells its firmware no
other way). Everything below a `root`, so that tests run on recorded trees.
"""

import math
import time

from agent.blobs import Breathe
from agent.examination.clocks import read_clocks
from agent.examination.company import read_company
from agent.examination.standing import read_standing
from agent.examination.storage import read_storage
from agent.examination.watch import Watch
from agent.protocol import Examined

MOST_SECONDS = 60.0
LEAST_SECONDS = 0.1
_NAP_S = 0.2


def examine(root: str, work_dir: str, seconds: float, breathe: Breathe) -> Examined:
    """Look the board over; takes `seconds`, which are brought into the bounds above. Calls `breathe` meanwhile."""
    wanted_s = min(max(seconds, LEAST_SECONDS), MOST_SECONDS) if math.isfinite(seconds) else LEAST_SECONDS
    # What costs time itself comes before and after the watch, so that the board is as it is without us.
    clocks = read_clocks(root)
    storage = read_storage(root, work_dir)
    watch = Watch(root)
    end = time.monotonic() + wanted_s
    while True:
        left_s = end - time.monotonic()
        if left_s <= 0:
            break
        time.sleep(min(_NAP_S, left_s))
        breathe()
    watched = watch.end()
    company = read_company(root, watched)
    return Examined(watched.interval_s, clocks, company, storage, read_standing(root))
