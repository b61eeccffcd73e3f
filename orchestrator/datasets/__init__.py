"""Data sets as files that are pushed by hash, and labels that stay here (docs/data-sets.md)."""

from orchestrator.datasets.checking import check_data_set, read_data_set, read_labels, with_labels
from orchestrator.datasets.data_set import ArrayInfo, DataSet, Example, Labels, Origin, Scope, Vocabulary
from orchestrator.datasets.making import open_vocabulary, write_labels, write_texts, write_tokens
from orchestrator.datasets.question_key import QuestionKey, read_question_key, write_question_key

__all__ = [
    "ArrayInfo",
    "DataSet",
    "Example",
    "Labels",
    "Origin",
    "QuestionKey",
    "Scope",
    "Vocabulary",
    "check_data_set",
    "open_vocabulary",
    "read_data_set",
    "read_labels",
    "read_question_key",
    "with_labels",
    "write_labels",
    "write_question_key",
    "write_texts",
    "write_tokens",
]
