"""`dynofarm serve`: the farm in a browser, read out of the store.

`site.py` says what is served, `app.py` puts it together, `guard.py` stands before all of it; `routes/` read the store,
`showing/` turns what they read into tables and charts, `templates/` into pages. Nothing here measures anything.
"""
