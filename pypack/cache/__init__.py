"""Remote files on this host: fetched by blocks, checked, shared by all processes of a user, evicted in time.

    cache = Cache.at("/local/ssd", 500 << 30)
    files = RemoteFiles.open(cache, [RemoteFile("s3://bucket/plan/span_start.npy", size, checksum)])
    files.read(0, 0, 128)                       # waits for what is not there yet

In `<cache>/pypack-<user>/<host>/`, which only the user may enter:

| name | what | who writes |
| --- | --- | --- |
| `fetcher.lock` | held (flock) by the one fetcher while it lives | |
| `bell` | a pipe that wakes it | readers |
| `readers/*` | what each reader needs, and when; each holds a lock on its own | the reader |
| `limit` | bytes that the cache may take | who opens it |
| `<group>/about.json` | URL, size, checksums of the files of a store or plan | the first reader |
| `<group>/states` | which blocks are there | the fetcher |
| `<group>/N/NN` | 8 MiB of a file, with holes where blocks are missing | the fetcher |
| `<group>/failures/N` | why a block could not be had | the fetcher |

A segment of 8 MiB is a file of its own, and not a part of one large sparse file: what is evicted is unlinked,
so that who still reads it goes on reading what it was; a hole punched into a mapped file would read as zeros,
and a cut would end the process. No state outlives its owner: the locks are the kernel's, and a block is
"present" or not, with nothing in between for a killed process to leave behind.
"""

from pypack.cache.files import RemoteFile, RemoteFiles
from pypack.cache.place import Cache

__all__ = ["Cache", "RemoteFile", "RemoteFiles"]
