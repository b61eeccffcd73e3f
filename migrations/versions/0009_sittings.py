"""Sittings: which process works at a sweep, and whether it was asked to stop.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sitting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("pid_namespace", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_start", sa.BigInteger(), nullable=True),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sitting"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_sitting_sweep"),
    )
    op.create_index("ix_sitting_sweep", "sitting", ["sweep"])
