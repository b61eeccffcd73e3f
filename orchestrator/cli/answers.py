"""`dynofarm answers`: what the models of a sweep answered, and what that is worth."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import sweep_numbers
from orchestrator.cli.context import open_store, print_json, say, settings_of
from orchestrator.cli.options import Json

if TYPE_CHECKING:
    from orchestrator.store import Store


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm answers last --teacher bert-base-l128-fp32")(answers)


def answers(
    context: typer.Context,
    sweep: Annotated[
        str, typer.Argument(metavar="SWEEP", help="Its number, its name, or last.", autocompletion=sweep_numbers)
    ] = "last",
    teacher: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Against whose answers; what the sweep names if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how good the answers of a sweep are, and whether its boards agree."""
    from orchestrator.report.answers import answers_rows, answers_table
    from orchestrator.tasks.scoring import score_sweep

    with open_store(settings_of(context).find_farm()) as store:
        record = store.sweep(sweep)
        digest = _digest(store, record.sweep_id, teacher or record.sweep.teacher)
        scored = score_sweep(store, record.sweep_id, digest)
    if as_json:
        print_json(answers_rows(scored))
    elif scored:
        answers_table(scored)
    else:
        say(f"sweep {record.sweep_id} worked on no data set; next: dynofarm run MODEL --task tweets")


def _digest(store: "Store", sweep_id: int, name: str | None) -> str | None:
    """Of the model of that name as it was in the sweep. `UnknownName`."""
    from orchestrator.errors import UnknownName

    if name is None:
        return None
    digests = {job.model: job.model_digest for job in store.jobs(sweep_id) if job.asked_for}
    if name not in digests:
        raise UnknownName(f"{name} is no model of sweep {sweep_id}", f"there are: {', '.join(sorted(digests))}")
    return digests[name]
