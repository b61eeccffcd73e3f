"""Entries of the zips that are made here: equal contents give equal bytes."""

import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can tell; the same in all, so that equal contents have equal hashes."""


def plain_entry(name: str, compression: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """A zip entry without a trace of when, where and by whom it was made: a Unix file, mode 0644."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    entry.compress_type = compression
    return entry
