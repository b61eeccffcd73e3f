"""Short visits to boards, outside of a sweep that a user asks for: each is one verb of the command line."""
