"""One run of one runtime in a process of its own, as the worker does it: JSON on stdin, JSON on stdout.

Started as a script by any Python from 3.8, with `-I -S`; the runtime's folders come first on the path.
"""

import base64
import json
import os
import sys
import time

request = json.load(sys.stdin)
if request["coverage"]:
    sys.path.append(request["coverage"])
    import coverage

    coverage.process_startup()
sys.path[:0] = [*request["paths"], request["root"]]

from agent.inputs import fill  # noqa: E402
from agent.protocol import InputRecipe  # noqa: E402
from agent.runtimes import Rejected, Unsupported, open_engine  # noqa: E402

answer = {}
try:
    engine = open_engine(request["runtime"], request["carrier"])
    answer["version"] = engine.version
    load = engine.load_to_profile if request["profile"] else engine.load
    loaded = load(request["model"], request["threads"], request["delegate"], request["options"])
    for seed in request["seeds"]:
        loaded.feed([fill(InputRecipe(**recipe), seed) for recipe in request["recipes"]])
        latencies_ns = []
        for _ in range(request["inferences"]):
            start_ns = time.perf_counter_ns()
            loaded.invoke()
            latencies_ns.append(time.perf_counter_ns() - start_ns)
    answer["outputs"] = [
        [array.name, array.dtype, array.shape, base64.b64encode(array.data).decode()] for array in loaded.outputs()
    ]
    answer["details"] = loaded.details()
    if request["profile"]:
        from agent import profiling
        from agent.wire import to_plain

        profiling.PASS_S = 0.05
        answer["profile"] = to_plain(profiling.take(loaded, latencies_ns))
    answer["tasks"] = sum(1 for _ in os.scandir("/proc/self/task"))
except (Rejected, Unsupported, MemoryError) as error:
    answer["error"] = type(error).__name__
    answer["message"] = str(error)
answer["modules"] = sorted({name.split(".")[0] for name in sys.modules} & {"numpy", "psutil"})
sys.stdout.write("\n" + json.dumps(answer) + "\n")
