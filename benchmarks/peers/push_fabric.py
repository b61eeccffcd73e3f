"""fabric: `put` to each, a thread a board as its ThreadingGroup has (whose `put` knows one target for all of them)."""

import sys
from concurrent.futures import ThreadPoolExecutor

from asking import tell
from fabric import Connection


def push(boards):
    def put(one):
        connection = Connection(one["host"], one["user"], one["port"], connect_kwargs={"key_filename": one["key_file"]})
        return connection.put(sys.argv[2], one["work_dir"] + "/pushed") is not None

    with ThreadPoolExecutor(len(boards)) as pool:
        return sum(pool.map(put, boards))


tell(push)
