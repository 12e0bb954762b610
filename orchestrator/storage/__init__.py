"""What is remembered: every SQL statement of the project.

Functions take a transaction first, never commit, and return values. Hot statements are set-based: a batch of rows
goes in as one JSON parameter (`incoming.py`), so that a batch costs one round trip and one compiled statement.
"""
