"""Work on data sets: what a case does with one, what models answered, and the right answers.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answer_key"),
        sa.UniqueConstraint("digest", name="uq_answer_key_digest"),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.UniqueConstraint("content", name="uq_task_content"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("digest", "kind", "dtype", "shape")),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint("digest", "kind", name="uq_answers_digest_kind"),
    )
    op.create_table(
        "run_answers",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_run_answers"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_run_answers_run", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["answers"], ["answers.id"], name="fk_run_answers_answers"),
    )
    op.create_index("ix_run_answers_answers", "run_answers", ["answers"])
    with op.batch_alter_table("cell", recreate="always") as cell:
        cell.add_column(sa.Column("task", sa.Integer(), nullable=True))
        cell.create_foreign_key("fk_cell_task", "task", ["task"], ["id"])
