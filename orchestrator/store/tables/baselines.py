"""Baselines: runs that later ones are compared with, under a name."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from orchestrator.store.tables.columns import Utc, metadata, required

baseline = Table(
    "baseline",
    metadata,
    Column("id", Integer, primary_key=True),
    required("name", Text),
    required("created", Utc),
    UniqueConstraint("name"),
)

baseline_run = Table(
    "baseline_run",
    metadata,
    Column("baseline", Integer, ForeignKey("baseline.id", ondelete="CASCADE"), primary_key=True),
    Column("run", Integer, ForeignKey("run.id"), primary_key=True),
    required("added", Utc),
    required("forced", Boolean),
)
