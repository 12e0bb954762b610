"""The loops that lease work and run verbs on it.

A station serves one verb: it works off what is handed over in memory, and leases from the database what nobody handed
over. `run_once` of everything is all there is to it; the loops only decide when.
"""
