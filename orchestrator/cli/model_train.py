"""`dynofarm model train`: fine-tune a small BERT on labelled texts, on this machine's processor."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import print_json, say, settings_of
from orchestrator.cli.options import Json, Quiet

if TYPE_CHECKING:
    from orchestrator.training.orders import Order
    from orchestrator.training.steps import Finished, Step

EPILOG = "Example: dynofarm model train tweets --examples 4000 --epochs 3 -o models/tweets-student"


def train(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A data set: tweets, or one added with `data add`.")],
    base: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="Where it starts from: minilm-l6, or a BERT checkpoint.")
    ] = "minilm-l6",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where the result goes.", show_default=False)
    ] = None,
    examples: Annotated[int, typer.Option(metavar="N", help="Training examples, drawn with the seed; 0: all.")] = 4000,
    epochs: Annotated[int, typer.Option(metavar="N", help="Passes over the examples, at most.")] = 3,
    batch: Annotated[int, typer.Option(metavar="N", help="Examples of a step.")] = 32,
    length: Annotated[int, typer.Option(metavar="TOKENS", help="Longer texts are cut.")] = 64,
    learning_rate: Annotated[float, typer.Option(metavar="RATE", help="The highest; it rises and falls.")] = 5e-5,
    patience: Annotated[int, typer.Option(metavar="N", help="Stop after so many epochs without a gain.")] = 2,
    seed: Annotated[int, typer.Option(metavar="N", help="The same words and seed give the same weights.")] = 1,
    threads: Annotated[int, typer.Option(metavar="N", help="Threads; another number gives other weights.")] = 1,
    embeddings: Annotated[bool, typer.Option("--train-embeddings", help="Train the word table, too.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, not where a killed one stopped.")] = False,
    python: Annotated[
        str, typer.Option(metavar="FILE", help="Another Python with dynofarm[zoo] in it.", show_default=False)
    ] = sys.executable,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a classifier of texts. Killed or stopped, the same words go on where it was."""
    from orchestrator.training.bases import take_base
    from orchestrator.training.orders import Order, Recipe, check_recipe
    from orchestrator.training.places import BASE, hold
    from orchestrator.tweets.shelf import DataShelf

    recipe = check_recipe(
        Recipe("", "", examples, epochs, batch, length, learning_rate, seed, threads, embeddings, patience)
    )
    cache = settings_of(context).find_farm().cache
    shelf = DataShelf(cache)
    card = shelf.card(data)
    for split in card.splits:
        shelf.rows(card, split)  # checked here, so that what is damaged is said before anything starts
    folder = (output or Path("models") / f"{Path(base).name}-{data}").expanduser().absolute()
    with hold(folder, restart=restart) as work:
        checkpoint, licence = take_base(base, cache, work / BASE, say)
        order = Order(
            recipe=replace(recipe, base=checkpoint.digest, data=card.digest),
            name=folder.name,
            labels=card.labels,
            base_folder=checkpoint.folder,
            splits={split: shelf.folder(data) / f"{split}.jsonl" for split in card.splits},
            folder=folder,
            about={"base": base, "base_licence": licence, "data": data, "data_licence": card.licence},
        )
        finished = _run(order, python, quiet=quiet)
    _report(folder, finished, as_json=as_json)


def _run(order: "Order", python: str, *, quiet: bool) -> "Finished | None":
    """Start the trainer and show its steps."""
    from orchestrator.training.process import run_trainer
    from orchestrator.training.steps import Finished

    last: list[Finished] = []
    with _Bar(quiet=quiet) as bar:

        def hear(step: "Step") -> None:
            if isinstance(step, Finished):
                last.append(step)
            bar.take(step)

        try:
            run_trainer(order, hear, python)
        except KeyboardInterrupt:
            say("stopped; the same words go on from the last saved state")
            raise typer.Exit(130) from None
    return last[-1] if last else None


def _report(folder: Path, finished: "Finished | None", *, as_json: bool) -> None:
    import json

    from orchestrator.report.texts import figures_table, trained_figures
    from orchestrator.report.words import duration_text

    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    figures = trained_figures(card)
    if as_json:
        print_json({"folder": str(folder), "recipe": card["recipe"], "cpu_s": card["cpu_s"], "figures": figures})
        return
    figures_table(figures)
    if finished is not None:
        say(f"{folder}: {finished.epochs} epochs, {duration_text(finished.cpu_s)} of the processor")
    say(f"next: dynofarm model build --from {folder} --length {card['recipe']['length']}")


class _Bar:
    """A bar on a terminal; elsewhere a line after each epoch. Nothing with --quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        if not quiet and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True, highlight=False),
                transient=True,
            )
            self._task = self._bar.add_task("starts", total=None)

    def take(self, step: "Step") -> None:
        """Show a step."""
        from orchestrator.training.steps import Begun, EpochDone, Stepped

        if isinstance(step, Begun):
            how = f", goes on behind step {step.done}" if step.done else ""
            self._keep(f"{step.examples:,} examples, {step.steps:,} steps at most{how}")
            self._show("trains", completed=step.done, total=step.steps)
        elif isinstance(step, Stepped):
            self._show(f"loss {step.loss:.3f}", completed=step.done)
        elif isinstance(step, EpochDone):
            self._keep(f"epoch {step.epoch}: {step.right / step.n:.1%} of {step.n:,} dev examples right")

    def _show(self, text: str, **numbers: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=text, **numbers)

    def _keep(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False)
        elif not self._quiet:
            say(text)

    def __enter__(self) -> "_Bar":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
