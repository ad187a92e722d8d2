"""Objects of other machines: S3, Google Cloud Storage, Azure, the Hugging Face Hub, web servers, fsspec.

`Url.of(text)` checks a URL and refuses passwords in it; `objects()` reads, lists and writes what URLs name:

    url = Url.of("s3://bucket/corpus.store") / "store.json"
    objects().read(url)                          # all of it, or an error that names it
    objects().read(url, 8 << 20, 16 << 20)       # a range
    objects().create(url, b"...")                # False if somebody else was first

The clients of the services have threads, and hang in a process that was forked from one that used them. So
`objects()` runs them in spawned processes, and may be used anywhere, also in what forks. A process that is
spawned for nothing but this (a fetcher, a reader of columns) has its client within: `DirectObjects()`.

Which library: s3, gs and az by obstore (`pip install 'pypack-engine[remote]'`), hf by huggingface_hub,
http(s) by the standard library, anything else by fsspec. Credentials and endpoints come from the variables
and files of each service alone (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`,
`AZURE_STORAGE_ACCOUNT_KEY`, `HF_TOKEN`, ...): no object here holds them, so that none can be stored.
"""

from pypack.remote.client import Entry, Stat
from pypack.remote.errors import (
    ChangedObjectError,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)
from pypack.remote.objects import DirectObjects, Objects
from pypack.remote.process import ProcessObjects, objects
from pypack.remote.reading import RemoteFile
from pypack.remote.url import Url, UrlError, is_url

__all__ = [
    "ChangedObjectError",
    "DirectObjects",
    "Entry",
    "MissingLibraryError",
    "NoObjectError",
    "Objects",
    "ProcessObjects",
    "RefusedError",
    "RemoteError",
    "RemoteFile",
    "Stat",
    "UnsupportedError",
    "Url",
    "UrlError",
    "is_url",
    "objects",
]
