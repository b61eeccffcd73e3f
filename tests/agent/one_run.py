"""One run of one runtime in a process of its own, as the worker does it: JSON on stdin, JSON on stdout.

Started as a script by any Python from 3.8, with `-I -S`; the runtime's folders come first on the path.
"""

import base64
import json
import os
import sys

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
    loaded = engine.load(request["model"], request["threads"], request["delegate"], request["options"])
    for seed in request["seeds"]:
        loaded.feed([fill(InputRecipe(**recipe), seed) for recipe in request["recipes"]])
        for _ in range(request["inferences"]):
            loaded.invoke()
    answer["outputs"] = [
        [array.name, array.dtype, array.shape, base64.b64encode(array.data).decode()] for array in loaded.outputs()
    ]
    answer["details"] = loaded.details()
    answer["tasks"] = sum(1 for _ in os.scandir("/proc/self/task"))
except (Rejected, Unsupported, MemoryError) as error:
    answer["error"] = type(error).__name__
    answer["message"] = str(error)
answer["modules"] = sorted({name.split(".")[0] for name in sys.modules} & {"numpy", "psutil"})
sys.stdout.write("\n" + json.dumps(answer) + "\n")
