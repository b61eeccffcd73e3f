"""Pages for a browser: charts, tables, templates and what goes on them.

A report is one file of them, `web` serves them. Pure but for `assets.py`, which reads the package's own files, and
`reading.py`, which reads the store.
"""
