"""Answers to questions, as SQuAD counts them: exact match and the F1 of tokens.

P. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (EMNLP 2016), section 6.1, as their
official script for version 1.1 does it. Questions without an answer: "Know What You Don't Know" (ACL 2018), version 2.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.metrics.classification import RESAMPLES, SEED, Estimate
from orchestrator.metrics.mcnemar import Paired, mcnemar, paired
from orchestrator.metrics.proportions import CONFIDENCE, same_length, wilson

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Scores:
    """Means over all questions, shares and not percent: Wilson's interval for `exact`, a bootstrap one for `f1`."""

    exact: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Versus:
    """A model against its parent on the same questions: which of them each answers exactly (`exact`, McNemar's test),
    and the mean of the differences in F1 (`f1`, -1 … 1; negative: it lost), with the interval of a paired bootstrap."""

    exact: Paired
    f1: Estimate


def score(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> Scores:
    """Judge one prediction a question against its right answers; `ValueError` where the numbers differ or are 0."""
    n = same_length("predictions and answers", predictions, answers)
    right = sum(exact_match(one, among) for one, among in zip(predictions, answers, strict=True))
    overlaps = [token_f1(one, among) for one, among in zip(predictions, answers, strict=True)]
    return Scores(Estimate(n, right / n, *wilson(right, n)), _mean_share(overlaps))


def versus(predictions: Sequence[str], parent: Sequence[str], answers: Sequence[Sequence[str]]) -> Versus:
    """Compare predictions with those of the parent; `ValueError` as in `score`.

    The bootstrap draws questions, each with both predictions (P. Koehn, "Statistical Significance Tests for Machine
    Translation Evaluation", EMNLP 2004, has the idea for such scores). Where no difference differs from the others
    nothing can be drawn: the interval is then that of shares which differ on none of the questions.
    """
    n = same_length("predictions, predictions of the parent and answers", predictions, parent, answers)
    right, before = (
        [int(exact_match(one, among)) for one, among in zip(side, answers, strict=True)]
        for side in (predictions, parent)
    )
    differences = [
        token_f1(one, among) - token_f1(other, among)
        for one, other, among in zip(predictions, parent, answers, strict=True)
    ]
    found = _mean(differences)
    if found.low == found.high:
        reach = paired(both=n, gained=0, lost=0, neither=0).high
        found = Estimate(n, found.value, max(-1.0, found.value - reach), min(1.0, found.value + reach))
    return Versus(mcnemar(right, before, [1] * n, 2), found)


def exact_match(prediction: str, answers: Sequence[str]) -> bool:
    """Whether the prediction is one of the answers but for case, punctuation, articles and spaces.

    Where there is no answer, whether it says nothing.
    """
    found = normalised(prediction)
    return found in [normalised(answer) for answer in answers] if _given(answers) else found == ""


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """The harmonic mean of precision and recall of its words, each as often as it is there; the best of all answers.

    Where there is no answer: 1 for saying nothing, else 0. An answer of articles and punctuation alone has no words,
    and as in version 1.1 nothing agrees with it, though it may match exactly.
    """
    found = Counter(normalised(prediction).split())
    if not _given(answers):
        return float(not found)
    return max(_f1(found, Counter(normalised(answer).split())) for answer in answers)


def normalised(text: str) -> str:
    """Lower case, without ASCII punctuation, without "a", "an" and "the", one space between words."""
    plain = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", plain).split())


def _given(answers: Sequence[str]) -> bool:
    if isinstance(answers, str):  # a sequence of letters: every score would be near 0, and nobody would know why
        raise ValueError(f"the answers to a question are a list, not the text {answers[:40]!r}")
    return len(answers) > 0


def _f1(found: Counter[str], wanted: Counter[str]) -> float:
    shared = (found & wanted).total()
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


def _mean_share(values: Sequence[float]) -> Estimate:
    """`_mean` of shares. Where all are equal nothing can be drawn: then Wilson's interval, as if each question were
    wholly right or wrong; no scores of that mean spread more."""
    found = _mean(values)
    if found.low < found.high:
        return found
    return Estimate(found.n, found.value, *wilson(round(found.value * found.n), found.n))


def _mean(values: Sequence[float]) -> Estimate:
    """The mean with its percentile bootstrap interval, as in `macro_f1_of`."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    # Scores take few values: drawing how often each of them comes is the same as drawing questions, and much faster.
    levels, counts = np.unique(np.asarray(values), return_counts=True)
    n = len(values)
    draws = np.random.default_rng(SEED).multinomial(n, counts / n, RESAMPLES)
    means = np.sort(draws @ levels / n)
    outside = round((1 - CONFIDENCE) / 2 * RESAMPLES)
    return Estimate(n, float(counts @ levels / n), float(means[outside - 1]), float(means[-outside]))
