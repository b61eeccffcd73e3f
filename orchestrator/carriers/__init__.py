"""Carriers: the files in which runtimes travel to boards, fetched once and kept (`shelf.py`)."""

from orchestrator.carriers.shelf import Carrier, CarrierShelf

__all__ = ["Carrier", "CarrierShelf"]
