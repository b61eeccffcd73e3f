"""A sheet as LaTeX, for a paper: `booktabs`, and nothing in a cell that TeX would obey. Pure."""

from collections.abc import Iterable

from orchestrator.report.characters import one_line
from orchestrator.report.study.sheet import Sheet

_SPELT_OUT = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # behind \\ it would be read as a length,
    "]": "{]}",
    "*": "{*}",  # and this as the starred form
    "\x00": "{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "–": "--",
    "…": r"\ldots{}",
    "·": r"$\cdot$",
}


def to_latex(sheet: Sheet) -> str:
    """A `table` float with a caption. Its notes and claims stand below it, in the float.

    No page holds all columns: choose some, or turn the page.
    """
    lines = [
        r"% \usepackage{booktabs}, \usepackage[T1]{fontenc}, \usepackage{textcomp}",
        r"\begin{table}",
        rf"\caption{{{_escaped(sheet.title)}}}",
        r"\centering\small",
        rf"\begin{{tabular}}{{{''.join('r' if column.numeric else 'l' for column in sheet.columns)}}}",
        r"\toprule",
        _line(column.heading for column in sheet.columns),
        r"\midrule",
        *(_line(row) for row in sheet.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if sheet.claims:
        lines += [
            r"\par\medskip",
            r"\begin{tabular}{p{.35\textwidth}lp{.5\textwidth}}",
            r"\toprule",
            _line(("claim", "outcome", "because")),
            r"\midrule",
            *(_line((one.claim, one.outcome, one.because)) for one in sheet.claims),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    lines += [rf"\par\footnotesize {_escaped(note)}" for note in sheet.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(map(_escaped, cells)) + r" \\"


def _escaped(text: str) -> str:
    plain = one_line(" ".join(text.split()))
    apart = plain.replace("--", "-\x00-").replace("--", "-\x00-")  # of two hyphens TeX makes a dash
    return "".join(_SPELT_OUT.get(sign, sign) for sign in apart)
