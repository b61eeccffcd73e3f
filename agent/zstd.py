"""Unpacking zstd frames with the board's own libzstd (Debian, Ubuntu and Fedora have it), through ctypes."""

from typing import Any, Optional


class BadFrame(Exception):
    """The bytes are no zstd frame, or not one of the size that was promised."""


class Unpacker:
    """One context of the library, for one thread."""

    def __init__(self, library: Any) -> None:
        import ctypes

        self._library, self._context = library, None
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_decompressDCtx.restype = ctypes.c_size_t
        library.ZSTD_decompressDCtx.argtypes = [
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
        ]
        library.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
        library.ZSTD_isError.argtypes = [ctypes.c_size_t]
        library.ZSTD_getErrorName.restype = ctypes.c_char_p
        library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
        self._context = library.ZSTD_createDCtx()
        self._room = ctypes.create_string_buffer(0)

    def __del__(self) -> None:
        if self._context is not None:
            self._library.ZSTD_freeDCtx(self._context)

    def unpack(self, data: bytes, size_bytes: int) -> bytes:
        """The `size_bytes` that a frame holds; `BadFrame`. Never more memory than that, whatever the frame says."""
        import ctypes

        if len(self._room) < size_bytes:
            self._room = ctypes.create_string_buffer(size_bytes)
        count = self._library.ZSTD_decompressDCtx(self._context, self._room, size_bytes, data, len(data))
        if self._library.ZSTD_isError(count):
            raise BadFrame(self._library.ZSTD_getErrorName(count).decode("ascii", "replace"))
        if count != size_bytes:
            raise BadFrame("%d bytes instead of %d" % (count, size_bytes))
        return ctypes.string_at(self._room, size_bytes)


def find() -> Optional[Unpacker]:
    """An unpacker, or None where the board has no libzstd (or its Python no ctypes)."""
    try:
        import ctypes
    except ImportError:
        return None
    try:
        return Unpacker(ctypes.CDLL("libzstd.so.1"))
    except (OSError, AttributeError):
        return None
