"""parallel-ssh: libssh2 below gevent, a pool as large as the crowd, `true` on each."""

from asking import tell
from pssh.clients import ParallelSSHClient


def ask(boards):
    first = boards[0]
    client = ParallelSSHClient(
        [one["host"] for one in boards],
        user=first["user"],
        port=first["port"],
        pkey=first["key_file"],
        pool_size=len(boards),
    )
    outputs = client.run_command("true")
    client.join(outputs)
    return sum(one.exit_code == 0 for one in outputs)


tell(ask)
