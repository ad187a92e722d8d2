"""What goes wrong with objects. Each message begins with the URL of the object."""

from __future__ import annotations


class RemoteError(OSError):
    """An object could not be read or written, for a reason that may pass: what was tried is over, though."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type[RemoteError], tuple[str, str]]:
        return type(self), (self.url, self.reason)


class RefusedError(RemoteError, PermissionError):
    """The service does not allow it, or the request can never succeed."""


class NoObjectError(RemoteError, FileNotFoundError):
    """There is no such object."""


class ChangedObjectError(RemoteError):
    """An object is not the one that it was: another version has its name."""


class UnsupportedError(RemoteError):
    """The service, or the library that speaks to it, cannot do this."""


class MissingLibraryError(RemoteError):
    """A library is not installed; the message says which, and how to get it."""
