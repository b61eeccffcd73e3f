"""A study on paper: its table, the decisions on its claims and its waterfall, in every format that a paper takes."""
