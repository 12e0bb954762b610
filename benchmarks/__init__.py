"""How fast the orchestrator is on this machine, each figure beside a bare Starlette echo of the same run.

Run by hand, `python -m benchmarks` or `make bench`; nothing of the service imports this.
"""
