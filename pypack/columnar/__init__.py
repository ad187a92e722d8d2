"""Parquet, Arrow and `datasets` files, read in a process of their own that may die, hang or run dry.

Arrow's readers are C++: a file that lies can end the process that reads it (a missing `meta_data` in a
Parquet footer, an encrypted column behind a plain one), make it loop, or have it ask for gigabytes. Here
that costs the file, never the job: `process` starts a child and receives batches from it, `child` is what
runs there (`files` opens and cuts, `values` checks and makes plain), and a limit on memory and on processor
time ends it where the file does. What arrives is validated once more before anything touches it.

The price in processor time, measured with 990 MB of web text in six files on two busy cores: 0.3 s to start
the child, once a job; then 1.9 s a GB of Parquet where reading in place takes 1.0, and 0.9 s a GB of
uncompressed Arrow where that takes 0.2. Encoding takes 5 s a GB and more. So all formats pay it.
"""
