"""Boards: what they are, how they do, who had them."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from orchestrator.store.tables.columns import Utc, metadata, required

facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True),
    required("digest", Text),
    required("content", Text),
    required("first_seen", Utc),
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

noise = Table(
    "noise",
    metadata,
    Column("id", Integer, primary_key=True),
    required("device", Text, ForeignKey("device.name")),
    required("sweep", Integer, ForeignKey("sweep.id")),
    required("measured", Utc),
    required("model", Text),
    required("runs", Integer),
    required("floor", Float),
    required("details", Text),
    Index("ix_noise_device", "device"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    required("device", Text, ForeignKey("device.name")),
    required("since", Utc),
    required("reason", Text),
    Column("released", Utc),
    Column("released_why", Text),
    Index("ix_quarantine_device", "device"),
)

link_fault = Table(
    "link_fault",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep", Integer, ForeignKey("sweep.id")),
    required("device", Text, ForeignKey("device.name")),
    required("at", Utc),
    required("kind", Text),
    required("message", Text),
    required("next", Text),
    required("attempt", Integer),
    Column("back", Utc),
    Index("ix_link_fault_sweep_device", "sweep", "device"),
)

power_cycle = Table(
    "power_cycle",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep", Integer, ForeignKey("sweep.id")),
    required("device", Text, ForeignKey("device.name")),
    required("at", Utc),
    required("holder", Text),
    required("command", Text),
    Column("exit_status", Integer),
    required("took_s", Float),
    required("fault", Text),
    required("output", Text),
    Index("ix_power_cycle_sweep_device", "sweep", "device"),
)

lease_log = Table(
    "lease_log",
    metadata,
    Column("id", Integer, primary_key=True),
    required("device", Text, ForeignKey("device.name")),
    required("kind", Text),
    required("owner", Text),
    required("why", Text),
    required("since", Utc),
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
    required("token", Integer),
    Column("holder", Text),
    Column("since", Utc),
    Column("host", Text),
    Column("boot_id", Text),
    Column("pid_namespace", Text),
    Column("pid", Integer),
    Column("process_start", BigInteger),
)
