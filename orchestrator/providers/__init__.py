"""Upstream dialects: what a request looks like on its way out, and what any reply amounts to.

No database. The reading of replies is pure: JSON in, a value out, never an exception. docs/upstream-replies.md tells
the rules and their reasons.
"""
