"""Times as the database has them: UTC without saying so, always with six digits behind the second."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """`2026-11-03 12:00:00.000000`; ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def from_text(text: str) -> datetime:
    """The moment, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
