"""What things are: jobs, tasks, assets, events, endpoints, deliveries, and the rules that bind them.

Standard library only; no I/O, no clock, no logging. Everything here can be tested by calling it.
"""
