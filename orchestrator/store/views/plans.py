"""What was asked for: sweeps and models."""

from orchestrator.store.views.view import View, ViewColumn, same


def _count(table: str, more: str = "") -> str:
    """How many jobs or runs of a sweep, those of the reference model apart."""
    where = f"{table}.sweep = sweep.id AND cell.role <> 'reference'"
    counts = "AND NOT run.replaced" if table == "run" else ""
    return f"(SELECT count(*) FROM {table} JOIN cell ON cell.id = {table}.cell WHERE {where} {counts} {more})"


SWEEPS = View(
    "sweeps_view",
    "one row for each sweep, with counts of its jobs, those of the reference model apart",
    "sweep",
    (
        ViewColumn("sweep_id", "sweep.id", "number of the sweep"),
        ViewColumn("name", "sweep.name", "its name"),
        ViewColumn("created", "sweep.created", "UTC"),
        ViewColumn("version", "sweep.version", "the dynofarm that planned it"),
        ViewColumn("definition", "sweep.definition", "the sweep as it was asked for, JSON"),
        ViewColumn("purpose", "sweep.purpose", "results, noise or health"),
        ViewColumn("jobs", _count("job"), "planned jobs"),
        ViewColumn("ok", _count("run", "AND run.status = 'ok'"), "measured"),
        ViewColumn("skipped", _count("run", "AND run.status = 'skipped'"), "could not be run there, with a reason"),
        ViewColumn("failed", _count("run", "AND run.status NOT IN ('ok', 'skipped', 'lost')"), "gave no measurement"),
        ViewColumn(
            "owed",
            _count(
                "job",
                "AND NOT EXISTS "
                "(SELECT 1 FROM run WHERE run.job = job.id AND NOT run.replaced AND run.status <> 'lost')",
            ),
            "not done yet, lost ones included",
        ),
    ),
)

SITTINGS = View(
    "sittings_view",
    "one row for each time that a process worked at a sweep: from its start or --resume to its end",
    "sitting",
    (
        ViewColumn("sweep_id", "sitting.sweep", "number of the sweep"),
        *same(
            "sitting",
            ("holder", "user@host and the process"),
            ("since", "UTC"),
            ("asked", "UTC: when somebody asked it to stop (dynofarm stop); NULL: nobody did"),
            ("asked_by", "who asked; NULL: nobody did"),
            ("heard", "UTC: when it heard that, and began to stop"),
            ("ended", "UTC; NULL while it lasts, and where the process died"),
        ),
    ),
)

MODELS = View(
    "models_view",
    "one row for each version of each model",
    "model",
    (
        *same(
            "model",
            ("name", "name of the model"),
            ("digest", "SHA-256 of the file"),
            ("path", "where the file was"),
            ("format", "its format"),
            ("size_bytes", "its size"),
            ("parent", "SHA-256 of the file it was made from"),
            ("recipe", "how it was made"),
            ("licence", "its licence"),
            ("source", "where it came from"),
            ("added", "UTC"),
            ("removed", "UTC; NULL while it can be used"),
        ),
        ViewColumn(
            "newest",
            "(model.removed IS NULL AND NOT EXISTS (SELECT 1 FROM model AS other WHERE other.name = model.name "
            "AND other.removed IS NULL AND other.rank > model.rank))",
            "1 for the version that the name means",
        ),
    ),
)
