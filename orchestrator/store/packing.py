"""Rows of numbers into small blobs, exactly; `series.py` reads them, and says what a codec is. Pure."""

import math
import struct
import zlib
from array import array
from collections.abc import Sequence
from itertools import pairwise

from orchestrator.store.series import ITEMS, Packed

MOST_DIGITS = 6
"""Sensors tell no more decimal places than that; a reading that has more stays the float it is."""

LARGEST_EXACT = 2**53
"""Up to here a float tells one whole number from the next."""

SHORTEST_NOISE, LONGEST_STORED = 512, 65535
"""Bytes of a plane: of fewer the entropy cannot be told, more than that a block cannot hold."""

CODE_BYTES = 60
"""Measured: so long is what says how some 250 values are coded."""

ZLIB_HEADER = b"\x78\x9c"
"""A window of 32 KiB, packed as usual (RFC 1950)."""

SHORT_BYTES = 512
"""Measured: making zlib's usual tables takes longer than so few bytes take to pack."""


def pack_latencies(latencies_ns: Sequence[int]) -> Packed:
    """Latencies as distances from the shortest: some 2.3 bytes each where they spread by a few per cent. OverflowError
    for what is no number of nanoseconds."""
    import numpy as np  # costs a tenth of a second, which listings need not pay

    if not latencies_ns:
        return Packed("u32le", 0, b"", 0)
    given = np.frombuffer(array("Q", latencies_ns), dtype=np.uint64)
    base = int(given.min())
    item = _narrowest(int(given.max()) - base, ("u32le", "u64le"))
    size = ITEMS[item][1]
    raw = (given - given.min()).astype(f"<u{size}").tobytes()
    planes = _planes(raw, size)
    data = ZLIB_HEADER + _in_blocks(planes) + struct.pack(">I", zlib.adler32(b"".join(planes)))
    if len(data) >= len(raw):
        return Packed(item, base, raw, len(given))
    return Packed(f"zlib+shuffle{size}+{item}", base, data, len(given))


def pack_clock(t_ns: Sequence[int]) -> Packed:
    """Times of samples: nearly even steps, so differences are small and alike. No step may be 2^63 ns (292 years)."""
    if not t_ns:
        return Packed("u32le", 0, b"", 0)
    steps = [0, *(later - earlier for earlier, later in pairwise(t_ns))]
    return _smaller(steps, ("u32le", "u64le") if min(steps) >= 0 else ("i64le",), "+delta", t_ns[0])


def pack_readings(readings: Sequence[float | None]) -> Packed:
    """Readings of a sensor; None where it gave nothing. NaN, which means the same, comes back as None. Sensors count in
    steps of a power of ten, so the whole numbers of such steps above the least are small and come back exactly."""
    digits, steps = _steps_of(readings)
    if steps:
        base = min(steps)
        return _smaller([step - base for step in steps], ("u8", "u16le", "u32le", "u64le"), f"+e{digits}", base)
    return _smaller([math.nan if reading is None else reading for reading in readings], ("f64le",), "", 0)


def _steps_of(readings: Sequence[float | None]) -> tuple[int, list[int]]:
    """Decimal places that are enough for each of the readings to come back, and the whole numbers that they make of
    them; none where there are no such."""
    known = [reading for reading in readings if reading is not None]
    if not known or len(known) < len(readings):
        return 0, []
    try:
        for digits in range(MOST_DIGITS + 1):
            power = 10**digits
            if round(known[0] * power) / power != known[0]:
                continue
            steps = [round(reading * power) for reading in known]
            if [step / power for step in steps] == known:
                # 0.0 and -0.0 are equal, and yet not the same.
                same = 0 not in steps or not any(math.copysign(1, reading) < 0 for reading in known if reading == 0)
                return (
                    (digits, steps) if same and -LARGEST_EXACT < min(steps) <= max(steps) < LARGEST_EXACT else (0, [])
                )
    except (ValueError, OverflowError):  # NaN, infinity
        pass
    return 0, []


def _planes(raw: bytes, size: int) -> list[bytes]:
    return [raw[plane::size] for plane in range(size)]


def _smaller(values: Sequence[float], items: Sequence[str], tail: str, base: int) -> Packed:
    """As the first of the items that is wide enough, and deflated unless that is larger."""
    item = items[-1] if len(items) == 1 else _narrowest(int(max(values)), items)
    letter, size = ITEMS[item]
    raw = struct.pack(f"<{len(values)}{letter}", *values)
    planes = _planes(raw, size)
    if len(raw) > SHORT_BYTES and item != "f64le":
        data = _in_blocks(planes)
    else:
        window, memory = (-zlib.MAX_WBITS, 8) if len(raw) > SHORT_BYTES else (-9, 2)
        squeeze = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, window, memory)
        data = squeeze.compress(b"".join(planes)) + squeeze.flush()
    if len(data) >= len(raw):
        return Packed(item + tail, base, raw, len(values))
    return Packed(f"deflate{f'+shuffle{size}' if size > 1 else ''}+{item}{tail}", base, data, len(values))


def _narrowest(largest: int, items: Sequence[str]) -> str:
    return next((item for item in items if largest < 256 ** ITEMS[item][1]), items[-1])


def _in_blocks(planes: Sequence[bytes]) -> bytes:
    """Deflated so that the blocks are the planes: the low bytes are noise, the high ones nearly all alike, and one code
    for both would fit neither. There is nothing to find but runs (measured with 100,000 latencies: 3.6 ms and 2.25
    bytes each; zlib left to itself takes 18 ms for 2.29). The low planes that are noise are blocks as they are
    (RFC 1951, 3.2.4), which is what zlib would find out in half of its time."""
    n = len(planes[0])
    noise = next((at for at, plane in enumerate(planes) if not _is_noise(plane)), len(planes))
    stored = b"".join(struct.pack("<BHH", 0, n, n ^ 0xFFFF) + plane for plane in planes[:noise])
    # Half of the time for a thousand latencies would go into memory that only longer series have a use for.
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9 if n > 2**14 else 8, zlib.Z_RLE)
    rest = b"".join(squeeze.compress(plane) + squeeze.flush(zlib.Z_BLOCK) for plane in planes[noise:])
    return stored + rest + squeeze.flush()


def _is_noise(plane: bytes) -> bool:
    """No code would make it shorter, by its entropy and what writing down a code takes."""
    import numpy as np

    n = len(plane)
    if not SHORTEST_NOISE <= n <= LONGEST_STORED:
        return False
    counts = np.bincount(np.frombuffer(plane, dtype=np.uint8))
    counts = counts[counts > 0]
    bits = n * math.log2(n) - float((counts * np.log2(counts)).sum())
    return bits / 8 + CODE_BYTES >= n
