"""How good the answers of a model are, from predictions that came back; each figure with its interval. Pure.

Garbage (no examples, lengths that differ, NaN, classes that do not exist) is a `ValueError` with one sentence.
"""

from orchestrator.metrics.agreement import Agreement, agreement
from orchestrator.metrics.classification import Estimate, accuracy, confusion, macro_f1, macro_f1_of
from orchestrator.metrics.language import Perplexity, perplexity
from orchestrator.metrics.mcnemar import Paired, mcnemar
from orchestrator.metrics.proportions import wilson
from orchestrator.metrics.questions import Scores, exact_match, score, token_f1
from orchestrator.metrics.spans import Span, Spans, best_span, best_spans

__all__ = [
    "Agreement",
    "Estimate",
    "Paired",
    "Perplexity",
    "Scores",
    "Span",
    "Spans",
    "accuracy",
    "agreement",
    "best_span",
    "best_spans",
    "confusion",
    "exact_match",
    "macro_f1",
    "macro_f1_of",
    "mcnemar",
    "perplexity",
    "score",
    "token_f1",
    "wilson",
]
