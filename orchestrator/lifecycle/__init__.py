"""What happens: one verb a module, read in order the story of a job.

    accept ▸ submit ▸ receive ▸ settle ▸ collect ▸ announce ▸ deliver
    and beside the road: reconcile, cancel, retry, prune

Verbs own the transactions. None makes a network call inside one: a row is leased, the outside world is asked, and the
answer is recorded under the lease's fence. Rows that this process will work on next are born leased and handed over in
memory (`handoff.py`); the database queue is read only for retries, delays and the work of dead processes.
"""
