"""Boards: what they are, how they do, who had them."""

from orchestrator.store.views.view import View, ViewColumn, same

DEVICES = View(
    "devices_view",
    "one row for each board that was ever planned for or reached",
    "device LEFT JOIN facts ON facts.digest = device.facts",
    (
        ViewColumn("name", "device.name", "name of the board"),
        ViewColumn("board", "json_extract(facts.content, '$.board')", "what the board calls itself"),
        ViewColumn("cpu", "json_extract(facts.content, '$.cpu')", "its processor"),
        ViewColumn("architecture", "json_extract(facts.content, '$.architecture')", "machine architecture"),
        ViewColumn("cores", "json_extract(facts.content, '$.cores')", "processor cores"),
        ViewColumn("memory_bytes", "json_extract(facts.content, '$.memory_bytes')", "memory"),
        ViewColumn("python", "json_extract(facts.content, '$.python')", "version of its Python"),
        ViewColumn("emulated", "json_extract(facts.content, '$.emulated')", "the emulator, NULL on a real board"),
        ViewColumn("first_seen", "device.first_seen", "UTC; NULL where it was never reached"),
        ViewColumn("last_seen", "device.last_seen", "UTC"),
        ViewColumn("idle_c", "device.idle_c", "its temperature when idle, degrees Celsius"),
        ViewColumn("baseline", "device.baseline", "UTC; health compares with runs since then; NULL: with all"),
        ViewColumn(
            "runs",
            "(SELECT count(*) FROM run JOIN cell ON cell.id = run.cell "
            "WHERE cell.device = device.name AND NOT run.replaced)",
            "runs of all roles",
        ),
        ViewColumn("facts", "facts.content", "all that was found at the last visit, JSON"),
        ViewColumn("conditions", "device.conditions", "how it stood at the last visit, JSON"),
    ),
)

NOISE = View(
    "noise_view",
    "one row for each measurement of a board's A/A noise floor",
    "noise",
    same(
        "noise",
        ("device", "name of the board"),
        ("sweep", "number of the sweep that measured it"),
        ("measured", "UTC"),
        ("model", "the artifact that was compared with itself"),
        ("runs", "runs of each side"),
        ("floor", "differences up to this share are noise on this board: 0.02 is 2 %"),
        ("details", "how it was reckoned, JSON"),
    ),
)

QUARANTINE = View(
    "quarantine_view",
    "one row for each time that a board was taken out of rotation",
    "quarantine",
    same(
        "quarantine",
        ("device", "name of the board"),
        ("since", "UTC"),
        ("reason", "why, in a sentence"),
        ("released", "UTC; NULL while it is out"),
        ("released_why", "who put it back, or what showed that it is well"),
    ),
)

LINK_FAULTS = View(
    "link_faults_view",
    "one row for each time that the link to a board broke or could not be made, and what was done next",
    "link_fault",
    (
        ViewColumn("sweep_id", "link_fault.sweep", "number of the sweep"),
        *same(
            "link_fault",
            ("device", "name of the board"),
            ("at", "UTC"),
            ("kind", "lost, unreachable, corrupt; dropped: the server hung up early; relay: it did not give a file"),
            ("message", "what happened, in a sentence"),
            ("next", "what was done next, in words"),
            ("attempt", "1 for the first fault since the board last did something for the sweep"),
            ("back", "UTC: when the board was reached again; NULL: it was not"),
        ),
    ),
)

POWER_CYCLES = View(
    "power_cycles_view",
    "one row for each time that a board's power was switched off and on by the command in its profile",
    "power_cycle",
    (
        ViewColumn("sweep_id", "power_cycle.sweep", "number of the sweep; NULL: by hand"),
        *same(
            "power_cycle",
            ("device", "name of the board"),
            ("at", "UTC"),
            ("holder", "who had it done, and where"),
            ("command", "the command with its words, JSON"),
            ("exit_status", "how it ended; NULL where it did not start or did not end in time"),
            ("took_s", "how long it ran, seconds"),
            ("fault", "why it did not do its work, in a sentence; empty where it did"),
            ("output", "the end of what it said"),
        ),
    ),
)

_OVER = "(lease_log.ended IS NULL AND lease_log.until <= strftime('%Y-%m-%d %H:%M:%f000', 'now'))"

LEASES = View(
    "leases_view",
    "one row for each time that somebody had a board: who, when, why, how it ended",
    "lease_log",
    (
        *same(
            "lease_log",
            ("device", "name of the board"),
            ("kind", "reservation, or sweep for the time in which one measured there"),
            ("owner", "user@host"),
            ("why", "the reason given, or the name of the sweep"),
            ("since", "UTC"),
            ("until", "UTC: when a reservation ends by itself; NULL for sweeps"),
            ("told", "UTC: when the board itself knew of the reservation; NULL: not yet"),
        ),
        ViewColumn("sweep_id", "lease_log.sweep", "number of the sweep"),
        ViewColumn(
            "ended",
            f"CASE WHEN {_OVER} THEN lease_log.until ELSE lease_log.ended END",
            "UTC; NULL while it lasts, and for a sweep whose process died",
        ),
        ViewColumn("ended_by", "lease_log.ended_by", "who ended it; NULL where nobody had to"),
        ViewColumn(
            "ending",
            f"CASE WHEN {_OVER} THEN 'expired' ELSE lease_log.ending END",
            "released, forced, extended, refused, expired; of sweeps done, failed, stopped, died, taken_over",
        ),
    ),
)
