"""Parquet, Arrow and `datasets` files, read in a process of their own that may die, hang or run dry.

Arrow's readers are C++: a file that lies can end the process that reads it (a missing `meta_data` in a
Parquet footer, an encrypted column behind a plain one), make it loop, or have it ask for gigabytes. Here
that costs the file, never the job: `process` starts a child and receives batches from it, `child` is what
runs there (`files` opens and cuts, `values` checks and makes plain), and a limit on memory and on processor
time ends it where the file does. What arrives is validated once more before anything touches it.

The price in processor time: 0.3 s to start the child, once a job; then, for texts of 200 MB, 0.22 s of
Parquet where pyarrow itself takes 0.18 (`bench corpus`). `outlet` and `inlet` are the way of batches.
"""
