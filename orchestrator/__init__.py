"""A self-hosted orchestrator for callback-style media APIs."""

__version__ = "0.1.0"
