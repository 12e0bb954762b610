"""An upstream to develop against: the media platform's own API, played on this machine.

It is somebody else's server in every respect: it imports nothing of the orchestrator, keeps everything in memory
and misbehaves exactly as it is told to. docs/sandbox.md is its manual.
"""
