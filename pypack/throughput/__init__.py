"""`pypack bench`: how fast pypack is on this machine. Each job checks its result before it is timed.

Comparisons with other libraries are in the repository's `bench/`, which needs them installed.
"""
