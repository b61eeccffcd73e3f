"""fabric's own group: a thread a board, `true` on each."""

from asking import tell
from fabric import Connection, ThreadingGroup


def ask(boards):
    group = ThreadingGroup.from_connections(
        Connection(one["host"], one["user"], one["port"], connect_kwargs={"key_filename": one["key_file"]})
        for one in boards
    )
    return sum(result.ok for result in group.run("true", hide=True).values())


tell(ask)
