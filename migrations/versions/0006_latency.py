"""Smaller: latencies have a table of their own, samples one without a second tree, and readings are whole numbers of
tenths where that is what a sensor told.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import math
import struct
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "latency",
        sa.Column("run", sa.Integer(), nullable=False),
        *_packed(),
        sa.PrimaryKeyConstraint("run", name="pk_latency"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_latency_run", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["codec"], ["codec.id"], name="fk_latency_codec"),
    )
    op.execute(
        "INSERT INTO latency (run, n, base, codec, data) SELECT run, n, base, codec, data FROM series "
        "WHERE channel IN (SELECT id FROM channel WHERE kind = 'latency') ORDER BY run"
    )
    n, base, codec, data = _packed()
    op.create_table(
        "new_series",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        *(n, base, codec),
        *(sa.Column(name, sa.Float(), nullable=True) for name in ("min", "mean", "max")),
        data,
        sa.PrimaryKeyConstraint("run", "channel", name="pk_series"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_series_run", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["channel"], ["channel.id"], name="fk_series_channel"),
        sa.ForeignKeyConstraint(["codec"], ["codec.id"], name="fk_series_codec"),
        sqlite_with_rowid=False,
    )
    _samples()
    op.execute("DROP TABLE series")
    op.execute("ALTER TABLE new_series RENAME TO series")
    op.execute("DELETE FROM channel WHERE kind = 'latency'")


def _packed() -> list[sa.Column]:
    return [
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    ]


def _samples() -> None:
    raw = op.get_bind().connection.driver_connection
    numbers = {name: number for number, name in raw.execute("SELECT id, name FROM codec")}
    rows = raw.execute(
        "SELECT series.run, series.channel, series.n, series.min, series.mean, series.max, "
        "series.base, codec.name, series.data FROM series JOIN codec ON codec.id = series.codec "
        "JOIN channel ON channel.id = series.channel WHERE channel.kind <> 'latency' ORDER BY series.run, channel"
    )
    insert = (
        "INSERT INTO new_series (run, channel, n, min, mean, max, base, codec, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    for *same, old_base, old_codec, old_data in rows:
        base, codec, data = smaller(old_base, old_codec, old_data)
        if codec not in numbers:
            numbers[codec] = raw.execute("INSERT INTO codec (name) VALUES (?)", (codec,)).lastrowid
        raw.execute(insert, (*same, base, numbers[codec], data))


def smaller(base: int, codec: str, data: bytes) -> tuple[int, str, bytes]:
    """The same values in fewer bytes, where there are such."""
    zipped = codec.startswith("zlib+")
    raw = zlib.decompress(data) if zipped else data
    if codec in ("f64le", "zlib+shuffle8+f64le"):
        values = struct.unpack(f"<{len(raw) // 8}d", _together(raw, 8) if zipped else raw)
        found = _whole(values)
        if found is not None:
            return found
    if zipped:
        shorter = _deflated(raw)
        if len(shorter) < len(data):
            return base, "deflate+" + codec.removeprefix("zlib+"), shorter
    return base, codec, data


def _whole(values: tuple[float, ...]) -> tuple[int, str, bytes] | None:
    """Readings as whole numbers of a power of ten above the least; None where they do not all come back from that."""
    if not values or not all(math.isfinite(value) and abs(value) * 1e6 < 2.0**53 for value in values):
        return None
    for digits in range(7):
        steps = [round(value * 10**digits) for value in values]
        if all(step / 10**digits == value for step, value in zip(steps, values, strict=True)):
            break
    else:
        return None
    if any(value == 0 and math.copysign(1, value) < 0 for value in values):
        return None
    base = min(steps)
    largest = max(steps) - base
    size, letter, item = next(one for one in _ITEMS if largest < 256 ** one[0])
    raw = struct.pack(f"<{len(steps)}{letter}", *(step - base for step in steps))
    data = _deflated(b"".join(raw[plane::size] for plane in range(size)))
    if len(data) >= len(raw):
        return base, f"{item}+e{digits}", raw
    return base, f"deflate+{f'shuffle{size}+' if size > 1 else ''}{item}+e{digits}", data


_ITEMS = ((1, "B", "u8"), (2, "H", "u16le"), (4, "I", "u32le"), (8, "Q", "u64le"))


def _deflated(data: bytes) -> bytes:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def _together(data: bytes, size: int) -> bytes:
    n = len(data) // size
    out = bytearray(len(data))
    for plane in range(size):
        out[plane::size] = data[plane * n : (plane + 1) * n]
    return bytes(out)
