"""Smaller and faster: what the jobs of a case share is stored once, names of channels and codecs are numbers, latencies
are compressed, conditions after a run are what differs from those before.

A migration is frozen once released: it names plain types and imports nothing of dynofarm's.
"""

import json
import struct
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FIGURES = (
    "wall_s",
    "thermal_wait_s",
    "steady",
    "n",
    "median_ns",
    "mean_ns",
    "p90_ns",
    "p95_ns",
    "p99_ns",
    "p999_ns",
    "p90_bound_ns",
    "p95_bound_ns",
    "p99_bound_ns",
    "min_ns",
    "max_ns",
    "std_ns",
    "mad_ns",
    "load_ns",
    "first_ns",
    "warmup_inferences",
    "warmup_ns",
    "loop_start_ns",
    "loop_wall_ns",
    "loop_cpu_ns",
    "cpu_ns_per_inference",
    "cpu_per_wall",
    "peak_rss_bytes",
    "runtime_rss_bytes",
    "loaded_rss_bytes",
    "rss_delta_bytes",
    "arena_bytes",
    "gate_checked",
    "worst_error",
    "gate_tolerance",
    "rules",
    "energy_j_per_inference",
    "energy_gross_j_per_inference",
    "energy_uncertainty_j",
    "energy_source",
    "idle_w",
    "message",
    "detail",
    "reasons",
    "outputs_digest",
    "details",
)


def upgrade() -> None:
    raw = op.get_bind().connection.driver_connection
    for name, arguments, function in (
        ("case_key_of", 7, case_key),
        ("without_nulls", 1, without_nulls),
        ("patch_of", 2, patch),
        ("smaller_codec", 2, lambda codec, data: smaller(codec, data)[0]),
        ("smaller_base", 3, lambda codec, base, data: base + smaller(codec, data)[1]),
        ("smaller_data", 2, lambda codec, data: smaller(codec, data)[2]),
    ):
        raw.create_function(name, arguments, function, deterministic=True)
    _facts()
    _cells()
    _jobs()
    _runs()
    _series()


def _number(table: str) -> list[sa.schema.SchemaItem]:
    return [sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=f"pk_{table}")]


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _points(table: str, column: str, target: str, **options: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", **options)


def _take_place(table: str) -> None:
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE new_{table} RENAME TO {table}")


def _facts() -> None:
    op.create_table(
        "new_facts",
        *_number("facts"),
        _text("digest"),
        _text("content"),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("digest", name="uq_facts_digest"),
    )
    op.execute(
        "INSERT INTO new_facts (digest, content, first_seen) "
        "SELECT digest, content, first_seen FROM facts ORDER BY rowid"
    )
    _take_place("facts")


def _cells() -> None:
    op.create_table(
        "protocol",
        *_number("protocol"),
        _text("name"),
        _text("content"),
        sa.UniqueConstraint("content", name="uq_protocol_content"),
    )
    op.execute(
        "INSERT INTO protocol (name, content) "
        "SELECT json_extract(protocol, '$.name'), protocol FROM job GROUP BY protocol ORDER BY min(id)"
    )
    op.create_table(
        "cell",
        *_number("cell"),
        _text("device"),
        sa.Column("model", sa.Integer(), nullable=False),
        _text("runtime"),
        _text("runtime_version", nullable=True),
        sa.Column("threads", sa.Integer(), nullable=False),
        _text("delegate"),
        _text("options"),
        sa.Column("protocol", sa.Integer(), nullable=False),
        _text("role"),
        _text("case_key"),
        _points("cell", "device", "device.name"),
        _points("cell", "model", "model.id"),
        _points("cell", "protocol", "protocol.id"),
    )
    op.execute(
        "INSERT INTO cell "
        "(device, model, runtime, runtime_version, threads, delegate, options, protocol, role, case_key)"
        " SELECT job.device, job.model, runtime, runtime_version, threads, delegate, options, protocol.id, role,"
        " case_key_of(job.device, model.name, runtime, runtime_version, threads, delegate, options)"
        " FROM job JOIN model ON model.id = job.model JOIN protocol ON protocol.content = job.protocol"
        " GROUP BY job.device, job.model, runtime, runtime_version, threads, delegate, options, protocol.id, role"
        " ORDER BY min(job.id)"
    )
    op.create_index("ix_cell_device", "cell", ["device"])
    op.create_index("ix_cell_model", "cell", ["model"])


def _jobs() -> None:
    op.create_table(
        "new_job",
        *_number("job"),
        _text("job_id"),
        sa.Column("sweep", sa.Integer(), nullable=False),
        sa.Column("cell", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sample_hz", sa.Float(), nullable=False),
        sa.Column("deadline_s", sa.Float(), nullable=False),
        _text("skip_reason", nullable=True),
        sa.UniqueConstraint("job_id", name="uq_job_job_id"),
        _points("job", "sweep", "sweep.id"),
        _points("job", "cell", "cell.id"),
    )
    op.execute(
        "INSERT INTO new_job (id, job_id, sweep, cell, block, position, seed, sample_hz, deadline_s, skip_reason) "
        "SELECT job.id, job_id, sweep, cell.id, block, position, seed, sample_hz, deadline_s, skip_reason FROM job "
        "JOIN protocol ON protocol.content = job.protocol JOIN cell ON cell.device = job.device "
        "AND cell.model = job.model AND cell.runtime = job.runtime AND cell.runtime_version IS job.runtime_version "
        "AND cell.threads = job.threads AND cell.delegate = job.delegate AND cell.options = job.options "
        "AND cell.protocol = protocol.id AND cell.role = job.role ORDER BY job.id"
    )
    _take_place("job")
    op.create_index("ix_job_sweep", "job", ["sweep"])


def _runs() -> None:
    kinds = {"steady": sa.Boolean(), "n": sa.Integer(), "warmup_inferences": sa.Integer(), "gate_checked": sa.Integer()}
    kinds |= {"rules": sa.Integer(), "peak_rss_bytes": sa.BigInteger(), "runtime_rss_bytes": sa.BigInteger()}
    kinds |= {name: sa.BigInteger() for name in ("loaded_rss_bytes", "rss_delta_bytes", "arena_bytes")}
    texts = ("energy_source", "message", "detail", "reasons", "outputs_digest", "details")
    kinds |= dict.fromkeys(texts, sa.Text())
    floats = ("median_ns", "mean_ns", "std_ns", "mad_ns")
    whole = [name for name in FIGURES if name.endswith("_ns") and name not in floats]
    kinds |= dict.fromkeys(whole, sa.BigInteger())
    op.create_table(
        "new_run",
        *_number("run"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("job", "cell", "sweep", "attempt")),
        sa.Column("replaced", sa.Boolean(), nullable=False),
        _text("status"),
        _text("verdict", nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=True),
        _text("device_kind"),
        _text("runtime_version", nullable=True),
        *(
            sa.Column(name, kinds.get(name, sa.Float()), nullable=name not in ("wall_s", "message", "detail"))
            for name in FIGURES
        ),
        *(_text(name, nullable=True) for name in ("surroundings", "conditions_before", "conditions_after")),
        sa.UniqueConstraint("job", "attempt", name="uq_run_job_attempt"),
        _points("run", "job", "job.id"),
        _points("run", "cell", "cell.id"),
        _points("run", "sweep", "sweep.id"),
        _points("run", "facts", "facts.id"),
    )
    same = ", ".join(f"run.{name}" for name in FIGURES)
    statement = (  # all of it stands in this file
        "INSERT INTO new_run (id, job, cell, sweep, attempt, replaced, status, verdict, started, finished, facts, "
        f"device_kind, runtime_version, {', '.join(FIGURES)}, surroundings, conditions_before, conditions_after) "
        "SELECT run.id, run.job, job.cell, run.sweep, attempt, replaced, status, verdict, started, finished, facts.id, "
        f"device_kind, run.runtime_version, {same}, without_nulls(surroundings), without_nulls(conditions_before), "
        "patch_of(conditions_before, conditions_after) "
        "FROM run JOIN job ON job.id = run.job LEFT JOIN facts ON facts.digest = run.facts ORDER BY run.id"
    )
    op.execute(statement)
    _take_place("run")
    op.create_index("uq_run_job_ok", "run", ["job"], unique=True, sqlite_where=sa.text("status = 'ok'"))
    op.create_index("ix_run_sweep", "run", ["sweep"])
    listed = ["cell", "started", "replaced", "sweep", "status", "verdict", "median_ns"]
    op.create_index("ix_run_cell_started", "run", listed)
    op.create_index("ix_run_started", "run", ["started"])


def _series() -> None:
    op.create_table(
        "channel",
        *_number("channel"),
        _text("kind"),
        _text("name"),
        sa.UniqueConstraint("kind", "name", name="uq_channel_kind_name"),
    )
    op.execute("INSERT INTO channel (kind, name) SELECT kind, channel FROM series GROUP BY kind, channel")
    op.create_table("codec", *_number("codec"), _text("name"), sa.UniqueConstraint("name", name="uq_codec_name"))
    op.execute("INSERT INTO codec (name) SELECT DISTINCT smaller_codec(codec, data) FROM series")
    op.create_table(
        "new_series",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=True) for name in ("min", "mean", "max")),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "channel", name="pk_series"),
        _points("series", "run", "run.id", ondelete="CASCADE"),
        _points("series", "channel", "channel.id"),
        _points("series", "codec", "codec.id"),
    )
    op.execute(
        "INSERT INTO new_series (run, channel, n, base, codec, min, mean, max, data) "
        "SELECT run, channel.id, n, smaller_base(codec, base, data), codec.id, min, mean, max, "
        "smaller_data(codec, data) "
        "FROM series JOIN channel ON channel.kind = series.kind AND channel.name = series.channel "
        "JOIN codec ON codec.name = smaller_codec(series.codec, series.data) ORDER BY run, channel.id"
    )
    _take_place("series")


def case_key(
    device: str, model: str, runtime: str, version: str | None, threads: int, delegate: str, options: str
) -> str:
    """As `Job.case_key` made it at the time."""
    values = json.loads(options)
    told = ",".join(f"{key}={values[key]}" for key in sorted(values))
    chosen = f"{runtime} {version}" if version else runtime
    return " | ".join(part for part in (device, model, chosen, f"t{threads}", delegate, told) if part)


def without_nulls(text: str | None) -> str | None:
    return None if text is None else _dense({key: one for key, one in json.loads(text).items() if one is not None})


def patch(before: str | None, after: str | None) -> str | None:
    """What `json_patch` makes the second out of the first with, nulls left out on both sides (RFC 7396)."""
    if before is None or after is None:
        return None
    sides = [{key: one for key, one in json.loads(text).items() if one is not None} for text in (before, after)]
    return _dense(_difference(*sides))


def _difference(before: dict, after: dict) -> dict:
    found = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = _difference(old, value)
            if inner:
                found[key] = inner
        elif key not in before or old != value or type(old) is not type(value):
            found[key] = value
    return found


def _dense(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def smaller(codec: str, data: bytes) -> tuple[str, int, bytes]:
    """Codec, what the base grows by, and data of a series: raw whole numbers compressed where that is smaller."""
    letter = {"u32le": "I", "u64le": "Q"}.get(codec)
    if letter is None or not data:
        return codec, 0, data
    size = 4 if letter == "I" else 8
    values = struct.unpack(f"<{len(data) // size}{letter}", data)
    base = min(values)
    letter, size = ("I", 4) if max(values) - base < 2**32 else ("Q", 8)
    if base >= 2**63:
        return codec, 0, data
    raw = struct.pack(f"<{len(values)}{letter}", *(value - base for value in values))
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    ends = [zlib.Z_BLOCK] * (size - 1) + [zlib.Z_FINISH]
    packed = b"".join(squeeze.compress(raw[at::size]) + squeeze.flush(end) for at, end in enumerate(ends))
    if len(packed) >= len(data):
        return codec, 0, data
    return f"zlib+shuffle{size}+u{8 * size}le", base, packed
