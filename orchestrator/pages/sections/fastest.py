"""What is fastest on each board, in words: never more than the comparisons prove. Pure."""

from collections.abc import Sequence

from orchestrator.comparing.answers import Answer
from orchestrator.pages.badges import Tone
from orchestrator.pages.names import shown
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.sections.cases import varied_text
from orchestrator.pages.sections.leaders import Beside, Leader, find_leaders
from orchestrator.pages.sections.sentences import NAMED, Said, counted, listed
from orchestrator.report.study.texts import ms_with_bounds, share_text
from orchestrator.study import StudyRow
from orchestrator.trust.verdicts import Verdict

BOARDS_TOLD = 8
"""Of so many boards the fastest case is told in sentences: nobody reads fifty."""


def fastest(facts: SweepFacts) -> Said:
    """A sentence or more a board; and of accuracies the highest, without an order among those that meet."""
    leaders = find_leaders(facts)
    sentences = [" ".join(_leader_sentences(one, facts)) for one in leaders[:BOARDS_TOLD]]
    if len(leaders) > BOARDS_TOLD:
        sentences.append(f"Of {counted(len(leaders) - BOARDS_TOLD, 'more board')} the table device × model tells.")
    answered = [row for row in facts.rows if row.accuracy is not None]
    if answered:
        sentences += _accuracy_sentences(answered)
    tone = Tone.GOOD if any(one.row is not None for one in leaders) else Tone.QUIET
    return Said("What is fastest", tuple(sentences) or ("Nothing was measured.",), tone)


def _leader_sentences(leader: Leader, facts: SweepFacts) -> list[str]:
    board = shown(facts.label_of(leader.device))
    if leader.row is None:
        return [f"{board}: no fastest case is named, because {leader.because}."]
    p50 = ms_with_bounds(leader.row.p50_ns)
    sentences = [f"{board}: {_case(leader.row, facts)} has the shortest p50 of the trusted cases, {p50} ms."]
    sentences += _faster_but_doubted(leader, facts)
    if not leader.others:
        return [*sentences, f"It is the only trusted case on {board}: there is nothing to compare it with."]
    alike = leader.alike
    beaten = len(leader.others) - len(alike)
    if not alike:
        nearest = leader.others[0]
        return [
            *sentences,
            f"It is faster than {_all(beaten)}; the next is {_case(nearest.row, facts)}, {_ratio(nearest)}.",
        ]
    same = [one for one in alike if one.comparison.answer is Answer.SAME]
    open_ = [one for one in alike if one.comparison.answer is not Answer.SAME]
    if same:
        named = listed([_case(one.row, facts) for one in same], NAMED)
        sentences.append(f"The same within {same[0].comparison.threshold:.1%}".replace("%", " %") + f": {named}.")
    if open_:
        named = listed([_case(one.row, facts) for one in open_], NAMED)
        sentences.append(f"Not to be told from it with these runs: {named}.{_more_runs(open_)}")
    if beaten:
        rest = "the other trusted case" if beaten == 1 else f"the other {beaten:,} trusted cases"
        sentences.append(f"It is faster than {rest} there.")
    return sentences


def _all(count: int) -> str:
    return "the only other trusted case there" if count == 1 else f"each of the other {count:,} trusted cases there"


def _faster_but_doubted(leader: Leader, facts: SweepFacts) -> list[str]:
    """Cases that look faster, and are left out because they are suspect: nobody may miss them."""
    if leader.row is None or leader.row.p50_ns is None:
        return []
    mine = leader.row.p50_ns.value
    doubted = [
        row
        for row in facts.rows
        if row.device == leader.device
        and row.scope == leader.row.scope
        and row.verdict is not Verdict.TRUSTED
        and row.p50_ns is not None
        and row.p50_ns.value < mine
    ]
    if not doubted:
        return []
    nearest = min(doubted, key=lambda row: row.p50_ns.value if row.p50_ns else mine)
    verb = "case that is not trusted has" if len(doubted) == 1 else "cases that are not trusted have"
    p50 = ms_with_bounds(nearest.p50_ns)
    return [f"{len(doubted):,} {verb} a shorter one, down to {p50} ms of {_case(nearest, facts)}."]


def _ratio(one: Beside) -> str:
    """How many times as long the other takes, with the interval."""
    found = one.comparison
    return f"which takes {1 / found.ratio:.2f} times as long ({1 / found.high:.2f}–{1 / found.low:.2f})"


def _more_runs(open_: Sequence[Beside]) -> str:
    known = [one.comparison.more_runs for one in open_ if one.comparison.more_runs]
    return f" About {min(known)} more runs a side would settle the nearest." if known else ""


def _accuracy_sentences(rows: Sequence[StudyRow]) -> list[str]:
    """The highest, and whose interval reaches into its own; nothing is called better on that."""
    by_model: dict[str, StudyRow] = {}
    for row in rows:
        by_model.setdefault(row.model_digest, row)
    ranked = sorted(by_model.values(), key=lambda row: -(row.accuracy.value if row.accuracy else 0.0))
    best = ranked[0]
    if best.accuracy is None:
        return []
    sentences = [f"The highest accuracy has {shown(best.model)}: {share_text(best.accuracy)}."]
    near = [row.model for row in ranked[1:] if row.accuracy and row.accuracy.high >= best.accuracy.low]
    if near:
        sentences.append(f"The intervals of {listed(near, NAMED)} reach into its own: no order among them is claimed.")
    return sentences


def _case(row: StudyRow, facts: SweepFacts) -> str:
    setting = varied_text(row, facts)
    return f"{shown(row.model)} ({setting})" if setting else shown(row.model)
