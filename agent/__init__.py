"""The part of dynofarm that runs on a board: standard library only, Python 3.8 and later."""
