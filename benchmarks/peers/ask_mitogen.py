"""mitogen: its own Python on each board, one call to it, 32 boards at once."""

import os
from concurrent.futures import ThreadPoolExecutor

import mitogen.master
from asking import tell


def ask(boards):
    broker = mitogen.master.Broker()
    router = mitogen.master.Router(broker)

    def call(one):
        context = router.ssh(
            hostname=one["host"],
            port=one["port"],
            username=one["user"],
            identity_file=one["key_file"],
            check_host_keys="enforce",
            ssh_args=["-o", "UserKnownHostsFile=" + one["known_hosts"]],
            python_path=["python3"],
            connect_timeout=120,
        )
        return context.call(os.getpid) > 0

    try:
        with ThreadPoolExecutor(32) as pool:
            return sum(pool.map(call, boards))
    finally:
        broker.shutdown()
        broker.join()


tell(ask)
