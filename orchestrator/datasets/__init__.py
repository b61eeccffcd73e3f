"""Data sets as files that are pushed by hash, and labels that stay here (docs/data-sets.md)."""

from orchestrator.datasets.checking import check_data_set, read_data_set, read_labels, with_labels
from orchestrator.datasets.data_set import Answers, ArrayInfo, DataSet, Example, Labels, Origin, Scope, Vocabulary
from orchestrator.datasets.making import open_vocabulary, write_answers, write_labels, write_texts, write_tokens

__all__ = [
    "Answers",
    "ArrayInfo",
    "DataSet",
    "Example",
    "Labels",
    "Origin",
    "Scope",
    "Vocabulary",
    "check_data_set",
    "open_vocabulary",
    "read_data_set",
    "read_labels",
    "with_labels",
    "write_answers",
    "write_labels",
    "write_texts",
    "write_tokens",
]
