"""URLs: what is one, what lies in it, and that none with a secret is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pypack.remote import Url, UrlError, is_url


def test_what_is_a_url() -> None:
    assert all(map(is_url, ("s3://b/x", "hf://datasets/a/b", "https://h/x.jsonl", Url.of("gs://b"))))
    assert not any(map(is_url, ("/a/b", "C://x", "s3:/b", "-", "file:///a", Path("s3://b/x"))))


def test_parts_of_a_url() -> None:
    url = Url.of("S3://bucket/a folder/b.store/")
    assert (str(url), url.scheme, url.bucket, url.key) == (
        "s3://bucket/a folder/b.store", "s3", "bucket", "a folder/b.store",
    )  # fmt: skip
    assert str(url / "units" / "000001.json") == "s3://bucket/a folder/b.store/units/000001.json"
    assert (url.name, url.parent.name, str(url.with_name("c"))) == (
        "b.store",
        "a folder",
        "s3://bucket/a folder/c",
    )
    assert Url.of("s3://bucket").parent == Url.of("s3://bucket/")
    assert Url.of("https://host/a/x.jsonl.gz?download=true").name == "x.jsonl.gz"
    assert Url.of("https://host/x").is_read_only
    assert not url.is_read_only


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:hidden@bucket/x",
        "https://hidden@host/x",
        "https://host/x?X-Amz-Algorithm=A&X-Amz-Signature=hidden",
        "https://account.blob.core.windows.net/c/x?sv=1&sig=hidden",
        "https://host/x?token=hidden",
    ],
)
def test_secrets_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UrlError, match="would be written into the store") as error:
        Url.of(text)
    assert "hidden" not in str(error.value)
    assert "key" not in str(error.value).partition(":")[2].partition("by the variables")[0].replace(
        "key:", ""
    )


def test_what_names_nothing() -> None:
    for text in ("s3:///x", "https://", "a path"):
        with pytest.raises(UrlError):
            Url.of(text)
