"""What a whole emulated machine boots from: a kernel, a first RAM disk and a root disk, made from an arm64 tree."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

from .board import BoardError
from .tree import cache_folder, ensure_tree, hold_lock, tree_path

PACKAGES = ("busybox-static", "linux-image-cloud-arm64")
_MODULES = ("virtio_pci", "virtio_blk", "virtio_net")
_SPARE_BYTES = 1200 * 2**20
_RECIPE = "1"  # raise it when the making changes: older images are then made anew

# The first program in the RAM disk: find the root disk, lay the board's own files over it, go there.
_FIRST_INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
for module in {modules}; do $b insmod /modules/$module.ko; done
while [ ! -b /dev/vda ]; do $b usleep 20000; done
$b mount -t ext4 -o noatime /dev/vda /root
$b cp -a /board/. /root/
$b mount -o move /dev/ /root/dev
$b cp /second-init /root/etc/dynofarm-init
exec $b switch_root /root /usr/bin/busybox sh /etc/dynofarm-init
"""

# Process 1 of the machine: no service manager, only what an SSH server needs.
_INIT = """b=/usr/bin/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd
$b hostname -F /etc/hostname
$b ip link set lo up
$b ip addr add 10.0.2.15/24 dev eth0
$b ip link set eth0 up
$b ip route add default via 10.0.2.2
while :; do
    /usr/sbin/sshd -D -e -f /etc/dynofarm-board/sshd_config
    sleep 1
done
"""


def image_folder() -> Path:
    """Where kernel, RAM disk and root disk are or will be."""
    return cache_folder() / f"image-{_RECIPE}-{tree_path('arm64', PACKAGES).name}"


def ensure_image() -> Path:
    """The folder with `kernel`, `first.cpio` and `root.ext4`; made if it is not there."""
    folder = image_folder()
    tree = ensure_tree("arm64", PACKAGES)
    with hold_lock(folder):
        if not folder.exists():
            making = folder.with_name(folder.name + ".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            _make(making, tree)
            making.rename(folder)
    return folder


def _make(folder: Path, tree: Path) -> None:
    kernels = sorted((tree / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise BoardError(f"{tree}: there is no kernel in this tree", "remove it, then try again")
    shutil.copy(kernels[-1], folder / "kernel")
    version = kernels[-1].name.removeprefix("vmlinuz-")
    modules = _with_needed(tree / "usr/lib/modules" / version, _MODULES)
    first = Archive()
    for name in ("bin", "dev", "root", "board", "modules"):
        first.add_folder(name)
    first.add_file("bin/busybox", (tree / "usr/bin/busybox").read_bytes(), 0o755)
    for name, path in modules.items():
        first.add_file(f"modules/{name}.ko", path.read_bytes())
    first.add_file("init", _FIRST_INIT.format(modules=" ".join(modules)).encode(), 0o755)
    first.add_file("second-init", _INIT.encode())
    (folder / "first.cpio").write_bytes(first.finish())
    _make_disk(folder, tree)


def _make_disk(folder: Path, tree: Path) -> None:
    """A file system filled by mke2fs itself: no loop device, no mount."""
    used_bytes = sum(path.lstat().st_blocks * 512 for path in tree.rglob("*"))
    disk = folder / "root.ext4"
    with disk.open("wb") as file:
        file.truncate((used_bytes + _SPARE_BYTES) // 4096 * 4096)
    command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", str(tree), str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise BoardError(f"mke2fs could not make the root disk: {done.stderr.strip()}")


def _with_needed(folder: Path, wanted: tuple[str, ...]) -> dict[str, Path]:
    """Kernel modules and all that they need, each after its needs. Modules name their needs in a section of theirs."""
    files = {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}
    ordered: dict[str, Path] = {}

    def take(name: str) -> None:
        if name in ordered or name not in files:  # what is no file is built in
            return
        found = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())
        for need in (found[1].decode() if found else "").split(","):
            take(need.replace("-", "_"))
        ordered[name] = files[name]

    for name in wanted:
        take(name)
    return ordered


class Archive:
    """A cpio archive as the Linux kernel reads its first RAM disk from (the "newc" format). All belongs to root."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add_file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, content)

    def add_folder(self, name: str, mode: int = 0o755) -> None:
        self._add(name, stat.S_IFDIR | mode, b"")

    def add_tree(self, name: str, folder: Path) -> None:
        """A folder with all that is in it."""
        self.add_folder(name)
        for path in sorted(folder.rglob("*")):
            inside = f"{name}/{path.relative_to(folder)}"
            mode = stat.S_IMODE(path.stat().st_mode)
            if path.is_dir():
                self.add_folder(inside, mode)
            else:
                self.add_file(inside, path.read_bytes(), mode)

    def finish(self) -> bytes:
        """The archive. Archives may follow each other in one file."""
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._count += 1
        text = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device (2), rdev (2), length of the name, checksum
        numbers = (self._count, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(text), 0)
        head = b"070701" + "".join(f"{number:08x}" for number in numbers).encode() + text
        self._parts += [head, bytes(-len(head) % 4), content, bytes(-len(content) % 4)]
