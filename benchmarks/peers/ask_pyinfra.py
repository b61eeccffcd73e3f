"""pyinfra through its API, as its command line drives it, but without starting it: connect to all, `true` on each."""

from gevent import monkey

monkey.patch_all()

from asking import tell  # noqa: E402
from pyinfra.api import Config, Inventory, State  # noqa: E402
from pyinfra.api.connect import connect_all  # noqa: E402


def ask(boards):
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
            },
        )
        for one in boards
    ]
    state = State(Inventory((hosts, {})), Config(PARALLEL=len(hosts)))
    connect_all(state)
    running = [state.pool.spawn(host.run_shell_command, "true") for host in state.inventory]
    return sum(bool(one.get()[0]) for one in running)


tell(ask)
