"""The SQL views: what `dynofarm sql` and any other reader of the file may rely on. Tables may change; views are kept.

Standard library only: `dynofarm sql --schema` prints this without opening a database.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewColumn:
    """One column: its name, the SQL that makes it, and what it means."""

    name: str
    expression: str
    about: str


@dataclass(frozen=True)
class View:
    name: str
    about: str
    source: str
    columns: tuple[ViewColumn, ...]

    def sql(self) -> str:
        """The statement that makes the view."""
        columns = ",\n  ".join(f'{column.expression} AS "{column.name}"' for column in self.columns)
        return f"CREATE VIEW {self.name} AS SELECT\n  {columns}\nFROM {self.source}"


def _same(table: str, *columns: tuple[str, str]) -> tuple[ViewColumn, ...]:
    return tuple(ViewColumn(name, f"{table}.{name}", about) for name, about in columns)


_RUNS = (
    "run JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell JOIN model ON model.id = cell.model "
    "JOIN protocol ON protocol.id = cell.protocol JOIN sweep ON sweep.id = run.sweep"
)

_WHO = (
    *_same("job", ("job_id", "the job's id, as `dynofarm show` takes it")),
    *_same("run", ("attempt", "1 for the first attempt at the job")),
    *_same("cell", ("device", "name of the board")),
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
        *_same(
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
        *_same("cell", ("runtime", "the runtime that ran it")),
        *_same("run", ("runtime_version", "its version as it ran, or as asked for where nothing ran")),
        *_same(
            "cell",
            ("threads", "threads of the runtime"),
            ("delegate", "the accelerator or back end inside the runtime"),
            ("options", "further options of the runtime, JSON"),
        ),
        ViewColumn("protocol", "protocol.name", "how long was measured: quick, standard, mlperf-like"),
        *_same("job", ("block", "block of the sweep, from 0: each holds every case once")),
        *_same("cell", ("case_key", "what two runs must share to be compared")),
        *_same(
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
        *_same("cell", ("role", "case: a result; reference: the reference model; energy: a run with the power read")),
        *_same(
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

_SERIES = (
    "series JOIN channel ON channel.id = series.channel JOIN codec ON codec.id = series.codec "
    "JOIN run ON run.id = series.run JOIN job ON job.id = run.job JOIN cell ON cell.id = run.cell "
    "JOIN model ON model.id = cell.model"
)

_PACKED = (
    *_same("series", ("n", "count of values")),
    ViewColumn("codec", "codec.name", 'how `data` is packed: docs/store.md, "Blobs"'),
    *_same("series", ("base", "to be added to every whole number unpacked"), ("data", "the values, packed")),
)

LATENCIES = View(
    "latencies_view",
    "one row for each measured run: every latency in order, packed; in `dynofarm sql` unpack(codec, base, data) gives "
    "a JSON array for json_each",
    f"{_SERIES} WHERE channel.kind = 'latency'",
    (*_WHO, *_PACKED),
)

SAMPLES = View(
    "samples_view",
    "one row for each sensor of each run: least, mean and greatest reading, and all of them packed",
    f"{_SERIES} JOIN series AS clock ON clock.run = run.id "
    "AND clock.channel = (SELECT id FROM channel WHERE kind = 'clock') "
    "JOIN codec AS clock_codec ON clock_codec.id = clock.codec WHERE channel.kind = 'sample'",
    (
        *_WHO,
        ViewColumn("channel", "channel.name", "name of the sensor's channel, with its unit"),
        *_same(
            "series",
            ("min", "least reading; NULL where there was none"),
            ("mean", "mean of the readings"),
            ("max", "greatest reading"),
        ),
        *_PACKED,
        ViewColumn(
            "t_codec", "clock_codec.name", "codec of the times of the readings, ns on the board's monotonic clock"
        ),
        ViewColumn("t_base", "clock.base", "base of the times"),
        ViewColumn("t_data", "clock.data", "the times, packed"),
    ),
)


def _count(table: str, more: str = "") -> str:
    """How many jobs or runs of a sweep, those of the reference model apart."""
    where = f"{table}.sweep = sweep.id AND cell.role <> 'reference'"
    counts = "AND NOT run.replaced" if table == "run" else ""
    return f"(SELECT count(*) FROM {table} JOIN cell ON cell.id = {table}.cell WHERE {where} {counts} {more})"


SWEEPS = View(
    "sweeps_view",
    "one row for each sweep, with counts of its jobs, those of the reference model apart",
    "sweep",
    (
        ViewColumn("sweep_id", "sweep.id", "number of the sweep"),
        ViewColumn("name", "sweep.name", "its name"),
        ViewColumn("created", "sweep.created", "UTC"),
        ViewColumn("version", "sweep.version", "the dynofarm that planned it"),
        ViewColumn("definition", "sweep.definition", "the sweep as it was asked for, JSON"),
        ViewColumn("purpose", "sweep.purpose", "results, noise or health"),
        ViewColumn("jobs", _count("job"), "planned jobs"),
        ViewColumn("ok", _count("run", "AND run.status = 'ok'"), "measured"),
        ViewColumn("skipped", _count("run", "AND run.status = 'skipped'"), "could not be run there, with a reason"),
        ViewColumn("failed", _count("run", "AND run.status NOT IN ('ok', 'skipped', 'lost')"), "gave no measurement"),
        ViewColumn(
            "owed",
            _count(
                "job",
                "AND NOT EXISTS "
                "(SELECT 1 FROM run WHERE run.job = job.id AND NOT run.replaced AND run.status <> 'lost')",
            ),
            "not done yet, lost ones included",
        ),
    ),
)

DEVICES = View(
    "devices_view",
    "one row for each board that was ever planned for or reached",
    "device LEFT JOIN facts ON facts.digest = device.facts",
    (
        ViewColumn("name", "device.name", "name of the board"),
        ViewColumn("board", "json_extract(facts.content, '$.board')", "what the board calls itself"),
        ViewColumn("cpu", "json_extract(facts.content, '$.cpu')", "its processor"),
        ViewColumn("architecture", "json_extract(facts.content, '$.architecture')", "machine architecture"),
        ViewColumn("cores", "json_extract(facts.content, '$.cores')", "processor cores"),
        ViewColumn("memory_bytes", "json_extract(facts.content, '$.memory_bytes')", "memory"),
        ViewColumn("python", "json_extract(facts.content, '$.python')", "version of its Python"),
        ViewColumn("emulated", "json_extract(facts.content, '$.emulated')", "the emulator, NULL on a real board"),
        ViewColumn("first_seen", "device.first_seen", "UTC; NULL where it was never reached"),
        ViewColumn("last_seen", "device.last_seen", "UTC"),
        ViewColumn("idle_c", "device.idle_c", "its temperature when idle, degrees Celsius"),
        ViewColumn("baseline", "device.baseline", "UTC; health compares with runs since then; NULL: with all"),
        ViewColumn(
            "runs",
            "(SELECT count(*) FROM run JOIN cell ON cell.id = run.cell "
            "WHERE cell.device = device.name AND NOT run.replaced)",
            "runs of all roles",
        ),
        ViewColumn("facts", "facts.content", "all that was found at the last visit, JSON"),
        ViewColumn("conditions", "device.conditions", "how it stood at the last visit, JSON"),
    ),
)

MODELS = View(
    "models_view",
    "one row for each version of each model",
    "model",
    (
        *_same(
            "model",
            ("name", "name of the model"),
            ("digest", "SHA-256 of the file"),
            ("path", "where the file was"),
            ("format", "its format"),
            ("size_bytes", "its size"),
            ("parent", "SHA-256 of the file it was made from"),
            ("recipe", "how it was made"),
            ("licence", "its licence"),
            ("source", "where it came from"),
            ("added", "UTC"),
            ("removed", "UTC; NULL while it can be used"),
        ),
        ViewColumn(
            "newest",
            "(model.removed IS NULL AND NOT EXISTS (SELECT 1 FROM model AS other WHERE other.name = model.name "
            "AND other.removed IS NULL AND other.rank > model.rank))",
            "1 for the version that the name means",
        ),
    ),
)

NOISE = View(
    "noise_view",
    "one row for each measurement of a board's A/A noise floor",
    "noise",
    _same(
        "noise",
        ("device", "name of the board"),
        ("sweep", "number of the sweep that measured it"),
        ("measured", "UTC"),
        ("model", "the artifact that was compared with itself"),
        ("runs", "runs of each side"),
        ("floor", "differences up to this share are noise on this board: 0.02 is 2 %"),
        ("details", "how it was reckoned, JSON"),
    ),
)

QUARANTINE = View(
    "quarantine_view",
    "one row for each time that a board was taken out of rotation",
    "quarantine",
    _same(
        "quarantine",
        ("device", "name of the board"),
        ("since", "UTC"),
        ("reason", "why, in a sentence"),
        ("released", "UTC; NULL while it is out"),
        ("released_why", "who put it back, or what showed that it is well"),
    ),
)

LINK_FAULTS = View(
    "link_faults_view",
    "one row for each time that the link to a board broke or could not be made, and what was done next",
    "link_fault",
    (
        ViewColumn("sweep_id", "link_fault.sweep", "number of the sweep"),
        *_same(
            "link_fault",
            ("device", "name of the board"),
            ("at", "UTC"),
            ("kind", "lost, unreachable or corrupt"),
            ("message", "what happened, in a sentence"),
            ("next", "what was done next, in words"),
            ("attempt", "1 for the first fault since the board last did something for the sweep"),
            ("back", "UTC: when the board was reached again; NULL: it was not"),
        ),
    ),
)

POWER_CYCLES = View(
    "power_cycles_view",
    "one row for each time that a board's power was switched off and on by the command in its profile",
    "power_cycle",
    (
        ViewColumn("sweep_id", "power_cycle.sweep", "number of the sweep; NULL: by hand"),
        *_same(
            "power_cycle",
            ("device", "name of the board"),
            ("at", "UTC"),
            ("holder", "who had it done, and where"),
            ("command", "the command with its words, JSON"),
            ("exit_status", "how it ended; NULL where it did not start or did not end in time"),
            ("took_s", "how long it ran, seconds"),
            ("fault", "why it did not do its work, in a sentence; empty where it did"),
            ("output", "the end of what it said"),
        ),
    ),
)

_OVER = "(lease_log.ended IS NULL AND lease_log.until <= strftime('%Y-%m-%d %H:%M:%f000', 'now'))"

LEASES = View(
    "leases_view",
    "one row for each time that somebody had a board: who, when, why, how it ended",
    "lease_log",
    (
        *_same(
            "lease_log",
            ("device", "name of the board"),
            ("kind", "reservation, or sweep for the time in which one measured there"),
            ("owner", "user@host"),
            ("why", "the reason given, or the name of the sweep"),
            ("since", "UTC"),
            ("until", "UTC: when a reservation ends by itself; NULL for sweeps"),
            ("told", "UTC: when the board itself knew of the reservation; NULL: not yet"),
        ),
        ViewColumn("sweep_id", "lease_log.sweep", "number of the sweep"),
        ViewColumn(
            "ended",
            f"CASE WHEN {_OVER} THEN lease_log.until ELSE lease_log.ended END",
            "UTC; NULL while it lasts, and for a sweep whose process died",
        ),
        ViewColumn("ended_by", "lease_log.ended_by", "who ended it; NULL where nobody had to"),
        ViewColumn(
            "ending",
            f"CASE WHEN {_OVER} THEN 'expired' ELSE lease_log.ending END",
            "released, forced, extended, refused, expired; of sweeps done, failed, stopped, died, taken_over",
        ),
    ),
)

VIEWS = (RUNS, LATENCIES, SAMPLES, SWEEPS, DEVICES, MODELS, NOISE, QUARANTINE, LINK_FAULTS, POWER_CYCLES, LEASES)
