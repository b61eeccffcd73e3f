"""Baselines."""

from orchestrator.store.views.view import View, ViewColumn, same

BASELINES = View(
    "baselines_view",
    "one row for each run of each baseline",
    "baseline_run JOIN baseline ON baseline.id = baseline_run.baseline JOIN run ON run.id = baseline_run.run "
    "JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model",
    (
        ViewColumn("baseline", "baseline.name", "name of the baseline"),
        ViewColumn("added", "baseline_run.added", "UTC: when the run was put into it"),
        ViewColumn("forced", "baseline_run.forced", "1 where the run went in although it is suspect"),
        *same("job", ("job_id", "the job's id, as `dynofarm show` takes it")),
        *same("run", ("attempt", "1 for the first attempt at the job")),
        ViewColumn("sweep_id", "run.sweep", "number of the sweep"),
        *same("cell", ("device", "name of the board")),
        ViewColumn("model", "model.name", "name of the model"),
        *same("cell", ("case_key", "what two runs must share to be compared")),
        *same("run", ("median_ns", "median latency"), ("verdict", "trusted or suspect, as it is judged now")),
    ),
)
