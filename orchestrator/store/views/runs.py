"""Runs, their latencies and their samples."""

from orchestrator.store.views.view import View, ViewColumn, same

_RUNS = (
    "run JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model "
    "JOIN protocol ON protocol.id = cell.protocol JOIN sweep ON sweep.id = run.sweep"
)

_WHO = (
    *same("job", ("job_id", "the job's id, as `dynofarm show` takes it")),
    *same("run", ("attempt", "1 for the first attempt at the job")),
    *same("cell", ("device", "name of the board")),
    ViewColumn("model", "model.name", "name of the model"),
)

RUNS = View(
    "runs_view",
    "one row for each attempt at a job, with every figure; figures are NULL where nothing was measured",
    _RUNS,
    (
        *_WHO,
        ViewColumn("sweep_id", "run.sweep", "number of the sweep"),
        ViewColumn("sweep", "sweep.name", "name of the sweep"),
        ViewColumn("purpose", "sweep.purpose", "of the sweep: results, noise or health"),
        *same(
            "run",
            ("replaced", "1 where a later attempt at the same job took its place"),
            (
                "status",
                "ok, skipped, unsupported, rejected, wrong_output, crashed, out_of_memory, timed_out, disk_full, lost",
            ),
            ("message", "why there is no measurement, in a sentence"),
            ("detail", "the end of what the board said about a failure"),
            ("device_kind", "real, loopback or emulated; figures of different kinds never stand in one ratio"),
        ),
        ViewColumn("model_digest", "model.digest", "SHA-256 of the model file"),
        ViewColumn("model_format", "model.format", "format of the model file"),
        ViewColumn("file_bytes", "model.size_bytes", "size of the model file"),
        *same("cell", ("runtime", "the runtime that ran it")),
        *same("run", ("runtime_version", "its version as it ran, or as asked for where nothing ran")),
        *same(
            "cell",
            ("threads", "threads of the runtime"),
            ("delegate", "the accelerator or back end inside the runtime"),
            ("options", "further options of the runtime, JSON"),
        ),
        ViewColumn("protocol", "protocol.name", "how long was measured: quick, standard, mlperf-like"),
        *same("job", ("block", "block of the sweep, from 0: each holds every case once")),
        *same("cell", ("case_key", "what two runs must share to be compared")),
        *same(
            "run",
            ("started", "UTC, YYYY-MM-DD HH:MM:SS.ffffff"),
            ("finished", "UTC"),
            ("wall_s", "from start to finish, waits and loading included"),
            ("thermal_wait_s", "how long the board was left to cool before"),
            ("steady", "1 where the warm-up ended because the latencies had settled"),
            ("n", "timed inferences"),
            ("median_ns", "median latency"),
            ("mean_ns", "mean latency"),
            ("p90_ns", "90th percentile, nearest rank; NULL below 64 inferences"),
            ("p95_ns", "95th; NULL below 130"),
            ("p99_ns", "99th; NULL below 662"),
            ("p999_ns", "99.9th; NULL below 6,636"),
            ("p90_bound_ns", "with 99 % confidence the true 90th percentile is not above this"),
            ("p95_bound_ns", "the same for the 95th"),
            ("p99_bound_ns", "the same for the 99th"),
            ("min_ns", "shortest latency"),
            ("max_ns", "longest latency"),
            ("std_ns", "standard deviation (n - 1)"),
            ("mad_ns", "median absolute deviation from the median, not scaled"),
            ("load_ns", "loading the model"),
            ("first_ns", "the first inference, timed alone"),
            ("warmup_inferences", "inferences before the clock"),
            ("warmup_ns", "time they took"),
            ("loop_start_ns", "start of the timed loop on the board's monotonic clock, that of samples"),
            ("loop_wall_ns", "wall time of the timed loop"),
            ("loop_cpu_ns", "CPU time of the timed loop, all threads"),
            ("cpu_ns_per_inference", "CPU time of the loop over n"),
            ("cpu_per_wall", "CPU time over wall time of the loop: how many cores were busy"),
            ("peak_rss_bytes", "the kernel's peak of the process"),
            ("runtime_rss_bytes", "the process before the model was loaded"),
            ("loaded_rss_bytes", "the process after"),
            ("rss_delta_bytes", "the difference of the two"),
            ("arena_bytes", "activation memory, where the runtime tells"),
            ("gate_checked", "reference outputs that were compared before timing"),
            ("worst_error", "largest difference over the spread of its reference"),
            ("gate_tolerance", "what was allowed"),
            ("outputs_digest", "SHA-256 of the outputs"),
            ("details", "what the runtime told about itself, JSON"),
            ("conditions_before", "governor, clocks, temperatures, load, … before the run, JSON"),
        ),
        ViewColumn("conditions_after", "json_patch(run.conditions_before, run.conditions_after)", "the same after it"),
        *same(
            "cell",
            (
                "role",
                "case: a result; reference: the reference model; energy: with the power read; profile: operators; "
                "task: on a data set",
            ),
        ),
        *same(
            "run",
            ("surroundings", "what else the board did while the clock ran, JSON"),
            ("verdict", "trusted, suspect or invalid; NULL where nothing was measured"),
            ("reasons", "why, JSON: a list of code and figures; docs/trust.md explains each code"),
            ("rules", "version of the rules that judged"),
            ("energy_j_per_inference", "above the idle board, in runs of role energy; NULL: not measured"),
            ("energy_gross_j_per_inference", "the same with the idle board's share"),
            ("energy_uncertainty_j", "half the width of the 95 % interval of the energy of an inference"),
            ("energy_source", "the rail or counter that told"),
            ("idle_w", "power of the idle board right before"),
        ),
        ViewColumn("facts", "(SELECT content FROM facts WHERE facts.id = run.facts)", "what the board was, JSON"),
        ViewColumn("median_ms", "run.median_ns / 1e6", "median latency in milliseconds"),
        ViewColumn("p90_ms", "run.p90_ns / 1e6", "90th percentile in milliseconds"),
        ViewColumn("p99_ms", "run.p99_ns / 1e6", "99th percentile in milliseconds"),
    ),
)

_OF_RUN = "JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model"


def _packed(table: str) -> tuple[ViewColumn, ...]:
    return (
        *same(table, ("n", "count of values")),
        ViewColumn("codec", "codec.name", 'how `data` is packed: docs/store.md, "Blobs"'),
        *same(table, ("base", "to be added to every whole number unpacked"), ("data", "the values, packed")),
    )


LATENCIES = View(
    "latencies_view",
    "one row for each measured run: every latency in order, packed; in `dynofarm sql` unpack(codec, base, data) gives "
    "a JSON array for json_each",
    f"latency JOIN codec ON codec.id = latency.codec JOIN run ON run.id = latency.run {_OF_RUN}",
    (*_WHO, *_packed("latency")),
)

ANSWERS = View(
    "answers_view",
    "one row for each run that worked on a data set: what it was, and the answers, zlib over little-endian numbers",
    "run_answers JOIN answers ON answers.id = run_answers.answers JOIN run ON run.id = run_answers.run "
    f"{_OF_RUN} LEFT JOIN task ON task.id = cell.task",
    (
        *_WHO,
        ViewColumn("task", "task.content", "data set, split, scope, examples and hashes of its files, JSON"),
        *same(
            "answers",
            ("digest", "SHA-256 of type, shape and numbers: equal answers share it"),
            ("kind", "classification, next_token, generation or outputs"),
            ("dtype", "numpy's name of the type"),
            ("shape", "examples first, JSON"),
            ("data", "the numbers, packed"),
        ),
    ),
)

SAMPLES = View(
    "samples_view",
    "one row for each sensor of each run: least, mean and greatest reading, and all of them packed",
    "series JOIN channel ON channel.id = series.channel JOIN codec ON codec.id = series.codec "
    f"JOIN run ON run.id = series.run {_OF_RUN} JOIN series AS clock ON clock.run = run.id "
    "AND clock.channel = (SELECT id FROM channel WHERE kind = 'clock') "
    "JOIN codec AS clock_codec ON clock_codec.id = clock.codec WHERE channel.kind = 'sample'",
    (
        *_WHO,
        ViewColumn("channel", "channel.name", "name of the sensor's channel, with its unit"),
        *same(
            "series",
            ("min", "least reading; NULL where there was none"),
            ("mean", "mean of the readings"),
            ("max", "greatest reading"),
        ),
        *_packed("series"),
        ViewColumn(
            "t_codec", "clock_codec.name", "codec of the times of the readings, ns on the board's monotonic clock"
        ),
        ViewColumn("t_base", "clock.base", "base of the times"),
        ViewColumn("t_data", "clock.data", "the times, packed"),
    ),
)
