"""The zeroth model: weighted words and a linear decision. What a network costs must be more than it gives."""

from orchestrator.tweets.zeroth.model import Zeroth, train_zeroth

__all__ = ["Zeroth", "train_zeroth"]
