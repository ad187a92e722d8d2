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

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.remote.client import Entry as Entry
    from pypack.remote.client import Stat as Stat
    from pypack.remote.direct import DirectObjects as DirectObjects
    from pypack.remote.direct import Objects as Objects
    from pypack.remote.errors import ChangedObjectError as ChangedObjectError
    from pypack.remote.errors import MissingLibraryError as MissingLibraryError
    from pypack.remote.errors import NoObjectError as NoObjectError
    from pypack.remote.errors import RefusedError as RefusedError
    from pypack.remote.errors import RemoteError as RemoteError
    from pypack.remote.errors import UnsupportedError as UnsupportedError
    from pypack.remote.process import ProcessObjects as ProcessObjects
    from pypack.remote.process import objects as objects
    from pypack.remote.reading import RemoteFile as RemoteFile
    from pypack.remote.url import Url as Url
    from pypack.remote.url import UrlError as UrlError
    from pypack.remote.url import is_url as is_url

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client": "Entry Stat",
        "direct": "DirectObjects Objects",
        "errors": (
            "ChangedObjectError MissingLibraryError NoObjectError RefusedError RemoteError UnsupportedError"
        ),
        "process": "ProcessObjects objects",
        "reading": "RemoteFile",
        "url": "Url UrlError is_url",
    },
)
