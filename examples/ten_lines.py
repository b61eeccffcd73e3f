"""A sweep, its results, a comparison and a choice, in ten lines. In the folder of a farm, with a sweep file or a model:

python ten_lines.py sweeps/example.yaml
"""

import sys

from orchestrator.api import Farm

with Farm(".") as farm:
    done = farm.run(sys.argv[1], progress=lambda event: print(event.device, type(event).__name__, file=sys.stderr))
    for run in done.results():
        print(run.device, run.model, run.threads, run.status, run.median_ns, run.verdict)
    one, two = (f"{done.sweep_id},threads:{threads}" for threads in (1, 2))
    for case in farm.compare(one, two, include_suspect=True).cases:
        print(case.text("device"), case.text("threads"), case.comparison.ratio, case.comparison.answer)
    found = farm.best(objective="latency", where={"sweep": done.sweep_id}, include_suspect=True)
    print("best:", found.best.text if found.best else "nothing fits")
