"""Seeded faults on a farm of real SSH servers, real agents and the real command, until nothing is owed."""
