"""The first schema: devices, models, sweeps, jobs, runs, series, leases.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OK_ONLY = sa.text("status = 'ok'")


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_facts"),
    )
    op.create_table(
        "device",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("conditions", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_device"),
        sa.ForeignKeyConstraint(["facts"], ["facts.digest"], name="fk_device_facts"),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("recipes", sa.Text(), nullable=False),
        sa.Column("operators", sa.Text(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("name", "digest", name="uq_model_name_digest"),
    )
    op.create_index("ix_model_digest", "model", ["digest"])
    op.create_table(
        "reference",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("tolerance", sa.Float(), nullable=False),
        sa.Column("outputs", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "position", name="pk_reference"),
        sa.ForeignKeyConstraint(["model"], ["model.id"], name="fk_reference_model", ondelete="CASCADE"),
    )
    op.create_table(
        "sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sweep"),
    )
    op.create_index("ix_sweep_name", "sweep", ["name"])
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("runtime_version", sa.Text(), nullable=True),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("delegate", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sample_hz", sa.Float(), nullable=False),
        sa.Column("deadline_s", sa.Float(), nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_job_sweep"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_job_device"),
        sa.ForeignKeyConstraint(["model"], ["model.id"], name="fk_job_model"),
        sa.UniqueConstraint("job_id", name="uq_job_job_id"),
    )
    op.create_index("ix_job_model", "job", ["model"])
    op.create_index("ix_job_sweep", "job", ["sweep"])
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("replaced", sa.Boolean(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("device_kind", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("model_format", sa.Text(), nullable=False),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("runtime_version", sa.Text(), nullable=True),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("delegate", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wall_s", sa.Float(), nullable=False),
        sa.Column("thermal_wait_s", sa.Float(), nullable=True),
        sa.Column("steady", sa.Boolean(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("median_ns", sa.Float(), nullable=True),
        sa.Column("mean_ns", sa.Float(), nullable=True),
        sa.Column("p90_ns", sa.BigInteger(), nullable=True),
        sa.Column("p95_ns", sa.BigInteger(), nullable=True),
        sa.Column("p99_ns", sa.BigInteger(), nullable=True),
        sa.Column("p999_ns", sa.BigInteger(), nullable=True),
        sa.Column("p90_bound_ns", sa.BigInteger(), nullable=True),
        sa.Column("p95_bound_ns", sa.BigInteger(), nullable=True),
        sa.Column("p99_bound_ns", sa.BigInteger(), nullable=True),
        sa.Column("min_ns", sa.BigInteger(), nullable=True),
        sa.Column("max_ns", sa.BigInteger(), nullable=True),
        sa.Column("std_ns", sa.Float(), nullable=True),
        sa.Column("mad_ns", sa.Float(), nullable=True),
        sa.Column("load_ns", sa.BigInteger(), nullable=True),
        sa.Column("first_ns", sa.BigInteger(), nullable=True),
        sa.Column("warmup_inferences", sa.Integer(), nullable=True),
        sa.Column("warmup_ns", sa.BigInteger(), nullable=True),
        sa.Column("loop_start_ns", sa.BigInteger(), nullable=True),
        sa.Column("loop_wall_ns", sa.BigInteger(), nullable=True),
        sa.Column("loop_cpu_ns", sa.BigInteger(), nullable=True),
        sa.Column("cpu_ns_per_inference", sa.Float(), nullable=True),
        sa.Column("cpu_per_wall", sa.Float(), nullable=True),
        sa.Column("peak_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("runtime_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("loaded_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("rss_delta_bytes", sa.BigInteger(), nullable=True),
        sa.Column("arena_bytes", sa.BigInteger(), nullable=True),
        sa.Column("gate_checked", sa.Integer(), nullable=True),
        sa.Column("worst_error", sa.Float(), nullable=True),
        sa.Column("gate_tolerance", sa.Float(), nullable=True),
        sa.Column("outputs_digest", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("conditions_before", sa.Text(), nullable=True),
        sa.Column("conditions_after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(["job"], ["job.id"], name="fk_run_job"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_run_sweep"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_run_device"),
        sa.ForeignKeyConstraint(["facts"], ["facts.digest"], name="fk_run_facts"),
        sa.UniqueConstraint("job", "attempt", name="uq_run_job_attempt"),
    )
    op.create_index("ix_run_device_model", "run", ["device", "model"])
    op.create_index("ix_run_job_id", "run", ["job_id"])
    op.create_index("ix_run_started", "run", ["started"])
    op.create_index("ix_run_sweep", "run", ["sweep"])
    op.create_index("uq_run_job_ok", "run", ["job"], unique=True, sqlite_where=OK_ONLY, postgresql_where=OK_ONLY)
    op.create_table(
        "series",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("min", sa.Float(), nullable=True),
        sa.Column("mean", sa.Float(), nullable=True),
        sa.Column("max", sa.Float(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "kind", "channel", name="pk_series"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_series_run", ondelete="CASCADE"),
    )
    op.create_table(
        "lease",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("pid_namespace", sa.Text(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("process_start", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device", name="pk_lease"),
    )
