"""pyinfra through its API: its own operation `files.put` on all hosts."""

import sys

from gevent import monkey

monkey.patch_all()

from asking import tell  # noqa: E402
from pyinfra.api import Config, Inventory, State  # noqa: E402
from pyinfra.api.connect import connect_all  # noqa: E402
from pyinfra.api.operation import add_op  # noqa: E402
from pyinfra.api.operations import run_ops  # noqa: E402
from pyinfra.operations import files  # noqa: E402


def push(boards):
    hosts = [
        (
            one["name"],
            {
                "ssh_hostname": one["host"],
                "ssh_port": one["port"],
                "ssh_user": one["user"],
                "ssh_key": one["key_file"],
                "ssh_known_hosts_file": one["known_hosts"],
                "ssh_strict_host_key_checking": "yes",
                "work_dir": one["work_dir"],
            },
        )
        for one in boards
    ]
    state = State(Inventory((hosts, {})), Config(PARALLEL=len(hosts)))
    connect_all(state)
    for host in state.inventory:
        add_op(state, files.put, host=[host], src=sys.argv[2], dest=host.data.work_dir + "/pushed")
    run_ops(state)
    return len(state.activated_hosts) - len(state.failed_hosts)


tell(push)
