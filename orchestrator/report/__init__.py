"""How results are shown: words and units, tables on the terminal, files for other tools."""
