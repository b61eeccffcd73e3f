"""What came of jobs: runs, with their latencies and samples."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from orchestrator.store.tables.columns import Utc, metadata, required

# `cell` and `sweep` repeat what the job says: neither changes once written, and lists of runs are found by them. What
# lists are narrowed by stands first, texts that are only read with a whole run stand last. Latencies and samples are
# elsewhere. `conditions_after` is a merge patch (RFC 7396) to `conditions_before`.
run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    required("job", Integer, ForeignKey("job.id")),
    required("cell", Integer, ForeignKey("cell.id")),
    required("sweep", Integer, ForeignKey("sweep.id")),
    required("attempt", Integer),
    required("replaced", Boolean),
    required("status", Text),
    Column("verdict", Text),
    required("started", Utc),
    required("finished", Utc),
    Column("facts", Integer, ForeignKey("facts.id")),
    required("device_kind", Text),
    Column("runtime_version", Text),
    required("wall_s", Float),
    Column("thermal_wait_s", Float),
    Column("steady", Boolean),
    Column("n", Integer),
    Column("median_ns", Float),
    Column("mean_ns", Float),
    Column("p90_ns", BigInteger),
    Column("p95_ns", BigInteger),
    Column("p99_ns", BigInteger),
    Column("p999_ns", BigInteger),
    Column("p90_bound_ns", BigInteger),
    Column("p95_bound_ns", BigInteger),
    Column("p99_bound_ns", BigInteger),
    Column("min_ns", BigInteger),
    Column("max_ns", BigInteger),
    Column("std_ns", Float),
    Column("mad_ns", Float),
    Column("load_ns", BigInteger),
    Column("first_ns", BigInteger),
    Column("warmup_inferences", Integer),
    Column("warmup_ns", BigInteger),
    Column("loop_start_ns", BigInteger),
    Column("loop_wall_ns", BigInteger),
    Column("loop_cpu_ns", BigInteger),
    Column("cpu_ns_per_inference", Float),
    Column("cpu_per_wall", Float),
    Column("peak_rss_bytes", BigInteger),
    Column("runtime_rss_bytes", BigInteger),
    Column("loaded_rss_bytes", BigInteger),
    Column("rss_delta_bytes", BigInteger),
    Column("arena_bytes", BigInteger),
    Column("gate_checked", Integer),
    Column("worst_error", Float),
    Column("gate_tolerance", Float),
    Column("rules", Integer),
    Column("energy_j_per_inference", Float),
    Column("energy_gross_j_per_inference", Float),
    Column("energy_uncertainty_j", Float),
    Column("energy_source", Text),
    Column("idle_w", Float),
    required("message", Text),
    required("detail", Text),
    Column("reasons", Text),
    Column("outputs_digest", Text),
    Column("details", Text),
    Column("surroundings", Text),
    Column("conditions_before", Text),
    Column("conditions_after", Text),
    Index(
        "uq_run_job_ok",
        "job",
        unique=True,
        sqlite_where=text("status = 'ok'"),
        postgresql_where=text("status = 'ok'"),
    ),
    UniqueConstraint("job", "attempt"),
    Index("ix_run_sweep", "sweep"),
    # All that a list of cases is narrowed and sorted by, so that it reads this index alone.
    Index("ix_run_cell_started", "cell", "started", "replaced", "sweep", "status", "verdict", "median_ns"),
    Index("ix_run_started", "started"),
)

# Under the hash of what they say: a model answers alike on boards of one kind, and in every repetition.
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    required("digest", Text),
    required("kind", Text),
    required("dtype", Text),
    required("shape", Text),
    required("data", LargeBinary),
    UniqueConstraint("digest", "kind"),
)

# Few runs have answers: those have a row here.
run_answers = Table(
    "run_answers",
    metadata,
    Column("run", Integer, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    required("answers", Integer, ForeignKey("answers.id")),
    Index("ix_run_answers_answers", "answers"),
)

channel = Table(
    "channel",
    metadata,
    Column("id", Integer, primary_key=True),
    required("kind", Text),
    required("name", Text),
    UniqueConstraint("kind", "name"),
)

codec = Table(
    "codec",
    metadata,
    Column("id", Integer, primary_key=True),
    required("name", Text),
    UniqueConstraint("name"),
)

# Apart from the samples, and under the number of their run: so many bytes a row fill pages best by themselves.
latency = Table(
    "latency",
    metadata,
    Column("run", Integer, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    required("n", Integer),
    required("base", BigInteger),
    required("codec", Integer, ForeignKey("codec.id")),
    required("data", LargeBinary),
)

# Samples of the sensors, and the clock of them. Without SQLite's own row numbers there is no second tree for the key.
series = Table(
    "series",
    metadata,
    Column("run", Integer, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", Integer, ForeignKey("channel.id"), primary_key=True),
    required("n", Integer),
    required("base", BigInteger),
    required("codec", Integer, ForeignKey("codec.id")),
    Column("min", Float),
    Column("mean", Float),
    Column("max", Float),
    required("data", LargeBinary),
    sqlite_with_rowid=False,
)
