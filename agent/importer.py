"""How Python imports the agent from the bytecode that a former visit kept. Its own is the head of that file."""

import contextlib
import marshal
import os
import sys
from binascii import crc32
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, BinaryIO, Dict, Optional, Tuple

Index = Dict[str, Tuple[int, int, int, bool]]
"""By a module's name: where its piece begins after the head, its size, its CRC-32, and is it a package."""


class Importer:
    """A finder and loader for `sys.meta_path`. What is damaged (a power cut, a worn card) is left to the text."""

    def __init__(self, archive: str, kept: BinaryIO, index: Index) -> None:
        """`kept` was read as far as its head goes."""
        self._archive = archive
        self._kept = kept
        self._first = kept.tell()
        self._index = index

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Optional[ModuleSpec]:
        if name not in self._index:
            return None
        *_, is_package = self._index[name]
        code = self._read(name)
        if code is None:
            self._give_up()
            return None
        inside = name.replace(".", "/")
        origin = "%s/%s%s.py" % (self._kept.name, inside, "/__init__" if is_package else "")
        spec = ModuleSpec(name, self, origin=origin, loader_state=code, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = ["%s/%s" % (self._archive, inside)]
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """As Python makes them."""

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None  # noqa: S101 - the import system gave it
        code, spec.loader_state = spec.loader_state, None
        exec(marshal.loads(code), module.__dict__)  # noqa: S102, S302 - our own, of a file for this user alone

    def _read(self, name: str) -> Optional[bytes]:
        at, size_bytes, checksum, _ = self._index[name]
        with contextlib.suppress(OSError):
            code = os.pread(self._kept.fileno(), size_bytes, self._first + at)
            if crc32(code) == checksum:
                return code
        return None

    def _give_up(self) -> None:
        """The next visit makes it again."""
        sys.meta_path.remove(self)
        sys.path.insert(0, self._archive)
        with contextlib.suppress(OSError):
            os.unlink(self._kept.name)
