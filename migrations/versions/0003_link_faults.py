"""What happened on the way to the boards: each loss of a link and what was done next, and each power cycle.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link_fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=True),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("back", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_link_fault"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_link_fault_sweep"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_link_fault_device"),
    )
    op.create_index("ix_link_fault_sweep_device", "link_fault", ["sweep", "device"])
    op.create_table(
        "power_cycle",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=True),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_power_cycle"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_power_cycle_sweep"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_power_cycle_device"),
    )
    op.create_index("ix_power_cycle_sweep_device", "power_cycle", ["sweep", "device"])
