"""Data sets: a line of JSON that describes, then arrays of bytes. One file, read example by example.

`docs/data-sets.md` has the format; this is its one reader, which the orchestrator uses too. A file that came under its
hash is what was sent; what is checked here is that it fits its own description, and `check` reads all of it once more.
"""

import binascii
import os
import stat
import struct
from typing import List, Optional

from agent.datasets_line import ALIGNMENT_BYTES, LONGEST_LINE_BYTES, OFFSETS, ArraySpec, Description, read_line
from agent.inputs import FORMATS
from agent.runtimes import Array
from agent.runtimes.arrays import ITEM_BYTES, count_elements

_PIECE_BYTES = 1 << 20


class DataSetFault(Exception):
    """A file that is no data set, is damaged, or does not hold what was asked for: its name and `words`, a sentence."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__("%s %s" % (name, words))
        self.words = words


class DataSetFile:
    """An open data set. Raises `DataSetFault` where it is damaged, `OSError` where it cannot be read at all."""

    def __init__(self, path: str) -> None:
        self._name = os.path.basename(path)
        # Without O_NONBLOCK a pipe of that name would be waited for.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            line = self._line()
            self._start_bytes = len(line)
            self.description = self._described(line)
            self._arrays = {array.name: array for array in self.description.arrays}
            self._check_size(os.fstat(self._descriptor).st_size)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> "DataSetFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def rows(self, name: str, index: int, count: int = 1) -> Array:
        """One example of an array, or several that follow it: the bytes as they lie in the file."""
        array = self._array(name)
        self._check_index(index, array.shape[0])
        self._check_index(index + count - 1, array.shape[0])
        size_bytes = ITEM_BYTES[array.dtype] * count_elements(array.shape[1:])
        data = self._read(array.offset_bytes + index * size_bytes, count * size_bytes)
        return Array(name, array.dtype, [count, *array.shape[1:]], data)

    def row(self, name: str, index: int, dtype: Optional[str] = None) -> Array:
        """One example of an array, as `dtype` where a model wants another than the file has."""
        row = self.rows(name, index)
        return row if dtype is None else self._converted(row, dtype)

    def inputs(self, index: int, dtype: Optional[str] = None) -> List[Array]:
        """One example of scope `model`: a row of every array."""
        return [self.row(array.name, index, dtype) for array in self.description.arrays]

    def text(self, name: str, index: int) -> str:
        """One text of the array `name` (`text`, `pair`, `answers`), which lies in the file as UTF-8."""
        offsets, texts = self._array(name + OFFSETS), self._array(name)
        self._check_index(index, offsets.shape[0] - 1)
        first, last = struct.unpack("<2q", self._read(offsets.offset_bytes + 8 * index, 16))
        if not 0 <= first <= last <= texts.shape[0]:
            raise self._fault("%s %d lies from byte %d to byte %d of %d" % (name, index, first, last, texts.shape[0]))
        try:
            return self._read(texts.offset_bytes + first, last - first).decode()
        except UnicodeDecodeError:
            raise self._fault("%s %d is not UTF-8" % (name, index)) from None

    def has(self, name: str) -> bool:
        return name in self._arrays

    def check(self) -> None:
        """Read every byte once, in constant memory, and compare the checksums of the arrays."""
        for array in self.description.arrays:
            found, end = 0, array.offset_bytes + array.size_bytes
            for start in range(array.offset_bytes, end, _PIECE_BYTES):
                found = binascii.crc32(self._read(start, min(_PIECE_BYTES, end - start)), found)
            if found != array.crc32:
                raise self._fault("its array %r has the checksum %08x, not %08x" % (array.name, found, array.crc32))

    def _line(self) -> bytes:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise self._fault("is not a regular file")
        head = os.pread(self._descriptor, LONGEST_LINE_BYTES, 0)
        line, end, _ = head.partition(b"\n")
        if not line.startswith(b"{") or not end or (len(line) + 1) % ALIGNMENT_BYTES:
            raise self._fault("does not begin with the line of a data set")
        return line + end

    def _described(self, line: bytes) -> Description:
        try:
            return read_line(line)
        except ValueError as error:
            raise self._fault(str(error)) from None

    def _check_size(self, found_bytes: int) -> None:
        arrays = self.description.arrays
        end_bytes = arrays[-1].offset_bytes + arrays[-1].size_bytes
        if found_bytes < self._start_bytes + end_bytes:
            raise self._fault("is cut off: %d of %d bytes" % (found_bytes, self._start_bytes + end_bytes))
        if found_bytes > self._start_bytes + end_bytes:
            raise self._fault("is longer than it says: %d bytes, not %d" % (found_bytes, self._start_bytes + end_bytes))

    def _array(self, name: str) -> ArraySpec:
        if name not in self._arrays:
            raise self._fault("has no array %r; it has %s" % (name, ", ".join(self._arrays)))
        return self._arrays[name]

    def _check_index(self, index: int, count: int) -> None:
        if not 0 <= index < count:
            raise self._fault("has no example %d: they are numbered 0 to %d" % (index, count - 1))

    def _read(self, offset_bytes: int, size_bytes: int) -> bytes:
        """Bytes behind the line; all of them, or a fault: the file may have been cut since it was opened."""
        data = os.pread(self._descriptor, size_bytes, self._start_bytes + offset_bytes)
        while len(data) < size_bytes:
            more = os.pread(self._descriptor, size_bytes - len(data), self._start_bytes + offset_bytes + len(data))
            if not more:
                raise self._fault("ended before byte %d" % (self._start_bytes + offset_bytes + size_bytes))
            data += more
        return data

    def _converted(self, row: Array, dtype: str) -> Array:
        if row.dtype == dtype:
            return row
        count = count_elements(row.shape)
        try:
            values = struct.unpack("<%d%s" % (count, FORMATS[row.dtype]), row.data)
            return Array(row.name, dtype, row.shape, struct.pack("<%d%s" % (count, FORMATS[dtype]), *values))
        except (KeyError, struct.error, OverflowError):
            raise self._fault("array %r is %s and does not fit %s" % (row.name, row.dtype, dtype)) from None

    def _fault(self, words: str) -> DataSetFault:
        return DataSetFault(self._name, words)
