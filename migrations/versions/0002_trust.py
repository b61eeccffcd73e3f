"""What tells how far a number can be trusted: roles of jobs, surroundings, verdicts, energy, noise, quarantine.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("device", recreate="always") as device:
        device.add_column(sa.Column("idle_c", sa.Float(), nullable=True))
        device.add_column(sa.Column("baseline", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("sweep", recreate="always") as sweep:
        sweep.add_column(sa.Column("purpose", sa.Text(), nullable=False, server_default="results"))
    with op.batch_alter_table("job", recreate="always") as job:
        job.add_column(sa.Column("role", sa.Text(), nullable=False, server_default="case"))
    with op.batch_alter_table("run", recreate="always") as run:
        run.add_column(sa.Column("role", sa.Text(), nullable=False, server_default="case"))
        run.add_column(sa.Column("surroundings", sa.Text(), nullable=True))
        run.add_column(sa.Column("verdict", sa.Text(), nullable=True))
        run.add_column(sa.Column("reasons", sa.Text(), nullable=True))
        run.add_column(sa.Column("rules", sa.Integer(), nullable=True))
        run.add_column(sa.Column("energy_j_per_inference", sa.Float(), nullable=True))
        run.add_column(sa.Column("energy_gross_j_per_inference", sa.Float(), nullable=True))
        run.add_column(sa.Column("energy_uncertainty_j", sa.Float(), nullable=True))
        run.add_column(sa.Column("energy_source", sa.Text(), nullable=True))
        run.add_column(sa.Column("idle_w", sa.Float(), nullable=True))
    op.create_table(
        "noise",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("measured", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("floor", sa.Float(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_noise"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_noise_device"),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.id"], name="fk_noise_sweep"),
    )
    op.create_index("ix_noise_device", "noise", ["device"])
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.ForeignKeyConstraint(["device"], ["device.name"], name="fk_quarantine_device"),
    )
    op.create_index("ix_quarantine_device", "quarantine", ["device"])
