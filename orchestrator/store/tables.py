"""The tables as SQLAlchemy sees them. They are made by `migrations/` alone; a test holds the two alike."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware datetime in, the same moment in UTC out. SQLite itself keeps no zone and would hand back a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value.isoformat()}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _required(name: str, kind: Any, *more: Any) -> Column[Any]:
    return Column(name, kind, *more, nullable=False)


facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("digest", Text),
    _required("content", Text),
    _required("first_seen", Utc),
    UniqueConstraint("digest"),
)

device = Table(
    "device",
    metadata,
    Column("name", Text, primary_key=True),
    Column("facts", Text, ForeignKey("facts.digest")),
    Column("conditions", Text),
    Column("first_seen", Utc),
    Column("last_seen", Utc),
    Column("idle_c", Float),
    Column("baseline", Utc),
)

model = Table(
    "model",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("name", Text),
    _required("digest", Text),
    _required("path", Text),
    _required("format", Text),
    _required("size_bytes", BigInteger),
    _required("inputs", Text),
    _required("outputs", Text),
    _required("recipes", Text),
    _required("operators", Text),
    _required("weights", Text),
    Column("parent", Text),
    Column("recipe", Text),
    Column("licence", Text),
    Column("source", Text),
    _required("added", Utc),
    _required("rank", Integer),
    Column("removed", Utc),
    UniqueConstraint("name", "digest"),
    Index("ix_model_digest", "digest"),
)

reference = Table(
    "reference",
    metadata,
    Column("model", Integer, ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    _required("seed", BigInteger),
    _required("tolerance", Float),
    _required("outputs", LargeBinary),
)

sweep = Table(
    "sweep",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("name", Text),
    _required("created", Utc),
    _required("version", Text),
    _required("definition", Text),
    Column("purpose", Text, nullable=False, server_default="results"),
    Index("ix_sweep_name", "name"),
)

protocol = Table(
    "protocol",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("name", Text),
    _required("content", Text),
    UniqueConstraint("content"),
)

# What the jobs of one case have in common is stored once: most of a plan's rows are repeats of it, and lists of cases
# are made from these few rows.
cell = Table(
    "cell",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("device", Text, ForeignKey("device.name")),
    _required("model", Integer, ForeignKey("model.id")),
    _required("runtime", Text),
    Column("runtime_version", Text),
    _required("threads", Integer),
    _required("delegate", Text),
    _required("options", Text),
    _required("protocol", Integer, ForeignKey("protocol.id")),
    _required("role", Text),
    _required("case_key", Text),
    Index("ix_cell_device", "device"),
    Index("ix_cell_model", "model"),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("job_id", Text),
    _required("sweep", Integer, ForeignKey("sweep.id")),
    _required("cell", Integer, ForeignKey("cell.id")),
    _required("block", Integer),
    _required("position", Integer),
    _required("seed", BigInteger),
    _required("sample_hz", Float),
    _required("deadline_s", Float),
    Column("skip_reason", Text),
    UniqueConstraint("job_id"),
    Index("ix_job_sweep", "sweep"),
)

# `cell` and `sweep` repeat what the job says: neither changes once written, and lists of runs are found by them. What
# lists are narrowed by stands first, texts that are only read with a whole run stand last. Latencies and samples are
# elsewhere. `conditions_after` is a merge patch (RFC 7396) to `conditions_before`.
run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("job", Integer, ForeignKey("job.id")),
    _required("cell", Integer, ForeignKey("cell.id")),
    _required("sweep", Integer, ForeignKey("sweep.id")),
    _required("attempt", Integer),
    _required("replaced", Boolean),
    _required("status", Text),
    Column("verdict", Text),
    _required("started", Utc),
    _required("finished", Utc),
    Column("facts", Integer, ForeignKey("facts.id")),
    _required("device_kind", Text),
    Column("runtime_version", Text),
    _required("wall_s", Float),
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
    _required("message", Text),
    _required("detail", Text),
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

channel = Table(
    "channel",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("kind", Text),
    _required("name", Text),
    UniqueConstraint("kind", "name"),
)

codec = Table(
    "codec",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("name", Text),
    UniqueConstraint("name"),
)

series = Table(
    "series",
    metadata,
    Column("run", Integer, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", Integer, ForeignKey("channel.id"), primary_key=True),
    _required("n", Integer),
    _required("base", BigInteger),
    _required("codec", Integer, ForeignKey("codec.id")),
    Column("min", Float),
    Column("mean", Float),
    Column("max", Float),
    _required("data", LargeBinary),
)

noise = Table(
    "noise",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("device", Text, ForeignKey("device.name")),
    _required("sweep", Integer, ForeignKey("sweep.id")),
    _required("measured", Utc),
    _required("model", Text),
    _required("runs", Integer),
    _required("floor", Float),
    _required("details", Text),
    Index("ix_noise_device", "device"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("device", Text, ForeignKey("device.name")),
    _required("since", Utc),
    _required("reason", Text),
    Column("released", Utc),
    Column("released_why", Text),
    Index("ix_quarantine_device", "device"),
)

link_fault = Table(
    "link_fault",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep", Integer, ForeignKey("sweep.id")),
    _required("device", Text, ForeignKey("device.name")),
    _required("at", Utc),
    _required("kind", Text),
    _required("message", Text),
    _required("next", Text),
    _required("attempt", Integer),
    Column("back", Utc),
    Index("ix_link_fault_sweep_device", "sweep", "device"),
)

power_cycle = Table(
    "power_cycle",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep", Integer, ForeignKey("sweep.id")),
    _required("device", Text, ForeignKey("device.name")),
    _required("at", Utc),
    _required("holder", Text),
    _required("command", Text),
    Column("exit_status", Integer),
    _required("took_s", Float),
    _required("fault", Text),
    _required("output", Text),
    Index("ix_power_cycle_sweep_device", "sweep", "device"),
)

lease_log = Table(
    "lease_log",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("device", Text, ForeignKey("device.name")),
    _required("kind", Text),
    _required("owner", Text),
    _required("why", Text),
    _required("since", Utc),
    Column("key", Text),
    Column("until", Utc),
    Column("told", Utc),
    Column("sweep", Integer, ForeignKey("sweep.id")),
    Column("token", Integer),
    Column("ended", Utc),
    Column("ended_by", Text),
    Column("ending", Text),
    Index("ix_lease_log_device_token", "device", "token"),
    Index("ix_lease_log_until", "until"),
)

lease = Table(
    "lease",
    metadata,
    Column("device", Text, primary_key=True),
    _required("token", Integer),
    Column("holder", Text),
    Column("since", Utc),
    Column("host", Text),
    Column("boot_id", Text),
    Column("pid_namespace", Text),
    Column("pid", Integer),
    Column("process_start", BigInteger),
)
