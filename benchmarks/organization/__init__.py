"""The sweep of a large organization: measured at a small size, modelled at the full one.

`python -m benchmarks.organization` runs the real plan and the real shards over a fake GitHub with
the real limits, fits what a sweep of a repository costs to what was sent, and then drives the real
planner and the real ledger over three days of 1,000 repositories with these costs.
"""
