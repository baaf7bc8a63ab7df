"""What an export costs, beside a peer: `make bench`, or `python -m benchmarks --help`.

The program under test, the fake GitHub and the sink each run in a process of their own, so that a
figure is the program's alone. This process imports little: what a child is seen to use of memory
is never less than what its parent used when it forked.
"""
