"""URLs of objects and of folders of them: what is one, what it may hold, and what lies beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

# Two letters at least: one is the drive of a Windows path. `file:` is for `local_path` to refuse.
_URL = re.compile(r"(?!file:)([A-Za-z][A-Za-z0-9+.-]+)://", re.IGNORECASE)
# What signed links have in their query: whoever reads such a link has what it opens.
_SECRETS = re.compile(
    r"(?:^|[?&])(x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature|x-goog-credential|"
    r"signature|sig|token|access_token|key|password|secret)=",
    re.IGNORECASE,
)
OBJECT_STORES = frozenset({"s3", "gs", "az"})
READ_ONLY_SCHEMES = frozenset({"http", "https", "hf"})


class UrlError(ValueError):
    """A URL that pypack does not take."""


def is_url(place: object) -> bool:
    """Whether a place is a URL, such as `s3://bucket/folder`; a `Url` is one, `file:` and paths are not."""
    return isinstance(place, Url) or (isinstance(place, str) and _URL.match(place) is not None)


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """A URL that was looked at: of a known form, and without a secret. Made by `Url.of`.

    As with `pathlib.Path`, `url / "name"` is what lies in it, and `str(url)` its text. It has no
    `__fspath__`: nothing that opens files takes it for one.
    """

    text: str

    @classmethod
    def of(cls, place: str | Url) -> Url:
        """Checks a URL; slashes at its end are dropped.

        Raises:
            UrlError: it is none, names no bucket, or holds a password or a signature. The message does not
                repeat those.
        """
        if isinstance(place, Url):
            return place
        found = _URL.match(place)
        if found is None:
            raise UrlError(f"{place!r}: is no URL")
        scheme, rest = found[1].lower(), place[found.end() :]
        authority, slash, behind = rest.partition("/")
        if "@" in authority:
            shown = f"...@{authority.rpartition('@')[2]}{slash}{behind.partition('?')[0]}"
            raise UrlError(
                f"{scheme}://{shown}: holds a user or password, which would be written into the store: "
                "give it by the variables of the service (AWS_ACCESS_KEY_ID, ...), not in the URL"
            )
        if _SECRETS.search(rest):
            raise UrlError(
                f"{scheme}://{rest.partition('?')[0]}: is a signed link, or holds a token, which would be "
                "written into the store: give credentials by the variables of the service"
            )
        if not authority and scheme in ("s3", "gs", "az", "hf", "http", "https"):
            raise UrlError(f"{place}: names no {'host' if scheme.startswith('http') else 'bucket'}")
        return cls(f"{scheme}://{rest.rstrip('/')}")

    @property
    def scheme(self) -> str:
        """What stands before `://`, in small letters."""
        return self.text.partition("://")[0]

    @property
    def bucket(self) -> str:
        """What stands between `://` and the next slash."""
        return self.text.partition("://")[2].partition("/")[0]

    @property
    def key(self) -> str:
        """What stands behind the bucket, without the slash; empty for the bucket itself."""
        return self.text.partition("://")[2].partition("/")[2]

    @property
    def name(self) -> str:
        """The last part of the key, without a query."""
        key = urlsplit(self.text).path if self.scheme in ("http", "https") else self.key
        return key.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Url:
        """The folder that it lies in; of a bucket the bucket itself."""
        return Url(self.text.rpartition("/")[0]) if self.key else self

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written there."""
        return self.scheme in READ_ONLY_SCHEMES

    def has_bucket_of(self, other: Url) -> bool:
        """Whether two lie in one bucket of one service."""
        return (self.scheme, self.bucket) == (other.scheme, other.bucket)

    def with_name(self, name: str) -> Url:
        """What is so called in the same folder."""
        return self.parent / name

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text}/{name}")

    def __str__(self) -> str:
        return self.text
