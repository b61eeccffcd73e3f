"""The command line: one verb a file; `main.py` registers them; everything heavy is imported inside a verb."""
