"""Where results live: one SQLite file, domain types in and out. `docs/store.md` describes it for its users."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.store.store import Store

__all__ = ["Store"]


def __getattr__(name: str) -> Any:
    # `dynofarm sql` and `results` need only the standard library of this package; SQLAlchemy would double their time.
    if name == "Store":
        from orchestrator.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
