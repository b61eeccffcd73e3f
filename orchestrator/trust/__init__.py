"""How far a number can be trusted: a verdict on every run, with reasons (docs/measurement.md). Pure."""
