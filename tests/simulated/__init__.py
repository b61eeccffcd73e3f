"""Boards that exist in this process alone: the far end of the wire, for farms larger than any machine has boards.

Everything of the orchestrator is real (planner, scheduler, sessions, protocol, store); everything beyond `Transport`
is played by one thread, the world, after a script of faults that a seed decides.
"""
