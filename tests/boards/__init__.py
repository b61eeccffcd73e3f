"""Boards without boards: real SSH servers that tests and contributors can start, break and throw away."""
