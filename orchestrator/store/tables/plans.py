"""What was asked for: models, sweeps and who works at them, and the jobs of their plans."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from orchestrator.store.tables.columns import Utc, metadata, required

model = Table(
    "model",
    metadata,
    Column("id", Integer, primary_key=True),
    required("name", Text),
    required("digest", Text),
    required("path", Text),
    required("format", Text),
    required("size_bytes", BigInteger),
    required("inputs", Text),
    required("outputs", Text),
    required("recipes", Text),
    required("operators", Text),
    required("weights", Text),
    Column("parent", Text),
    Column("recipe", Text),
    Column("licence", Text),
    Column("source", Text),
    required("added", Utc),
    required("rank", Integer),
    Column("removed", Utc),
    UniqueConstraint("name", "digest"),
    Index("ix_model_digest", "digest"),
)

reference = Table(
    "reference",
    metadata,
    Column("model", Integer, ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    required("seed", BigInteger),
    required("tolerance", Float),
    required("outputs", LargeBinary),
)

sweep = Table(
    "sweep",
    metadata,
    Column("id", Integer, primary_key=True),
    required("name", Text),
    required("created", Utc),
    required("version", Text),
    required("definition", Text),
    Column("purpose", Text, nullable=False, server_default="results"),
    Index("ix_sweep_name", "name"),
)

sitting = Table(
    "sitting",
    metadata,
    Column("id", Integer, primary_key=True),
    required("sweep", Integer, ForeignKey("sweep.id")),
    required("holder", Text),
    required("since", Utc),
    required("host", Text),
    required("boot_id", Text),
    required("pid_namespace", Text),
    required("pid", Integer),
    Column("process_start", BigInteger),
    Column("asked", Utc),
    Column("asked_by", Text),
    Column("heard", Utc),
    Column("ended", Utc),
    Index("ix_sitting_sweep", "sweep"),
)

protocol = Table(
    "protocol",
    metadata,
    Column("id", Integer, primary_key=True),
    required("name", Text),
    required("content", Text),
    UniqueConstraint("content"),
)

# Right answers, apart from the tasks that ask for them: both scopes of a data set have the same.
answer_key = Table(
    "answer_key",
    metadata,
    Column("id", Integer, primary_key=True),
    required("digest", Text),
    required("data", LargeBinary),
    UniqueConstraint("digest"),
)

task = Table(
    "task",
    metadata,
    Column("id", Integer, primary_key=True),
    required("content", Text),
    UniqueConstraint("content"),
)

# What the jobs of one case have in common is stored once: most of a plan's rows are repeats of it, and lists of cases
# are made from these few rows.
cell = Table(
    "cell",
    metadata,
    Column("id", Integer, primary_key=True),
    required("device", Text, ForeignKey("device.name")),
    required("model", Integer, ForeignKey("model.id")),
    required("runtime", Text),
    Column("runtime_version", Text),
    required("threads", Integer),
    required("delegate", Text),
    required("options", Text),
    required("protocol", Integer, ForeignKey("protocol.id")),
    required("role", Text),
    required("case_key", Text),
    Column("task", Integer, ForeignKey("task.id")),
    Index("ix_cell_device", "device"),
    Index("ix_cell_model", "model"),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    required("job_id", Text),
    required("sweep", Integer, ForeignKey("sweep.id")),
    required("cell", Integer, ForeignKey("cell.id")),
    required("block", Integer),
    required("position", Integer),
    required("seed", BigInteger),
    required("sample_hz", Float),
    required("deadline_s", Float),
    Column("skip_reason", Text),
    UniqueConstraint("job_id"),
    Index("ix_job_sweep", "sweep"),
)
