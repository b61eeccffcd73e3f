"""How a file travels, in the talk or to `receive` and `lane`: frames, each a header and at most a mebibyte of the file.

A frame stands alone: it says where its bytes belong and is compressed for itself, so that any of them can be sent
again, over any channel, to any number of boards.
"""

import struct

FRAME = struct.Struct(">QII")
"""Offset in the file; bytes of the file; bytes that follow. The last two are equal when they follow as they are; else
they are one zstd frame."""

BLOCK_BYTES = 1 << 20
"""A frame's bytes of the file at most; a compressed frame is never larger than what it holds."""

LANES = FRAME.pack(2**64 - 1, 0, 0)
"""Instead of a first frame: others will help, so frames come in any order. Answered by a second `Receiving`."""

END = FRAME.pack(2**64 - 1, 1, 0)
"""Behind the last frame where the stream itself goes on: with lines again, in the talk."""
