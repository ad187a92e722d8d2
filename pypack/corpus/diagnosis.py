"""What a file is that is not what its name promises, told by how it begins, with the way to mend it."""

from __future__ import annotations

import json

from pypack.corpus.decoders import compression_of
from pypack.corpus.kinds import can_be_compressed, other_compression_of

_LFS = b"version https://git-lfs.github.com/spec/"


def what_it_is_instead(head: bytes, format: str, compression: str | None) -> str | None:
    """A sentence for data that begins so and is nothing that `format` reads; None where it may be.

    Args:
        head: the first bytes, uncompressed.
        format: what was promised, see `InputFile.format`.
        compression: what was unpacked already.
    """
    if head.startswith(_LFS):
        return "a pointer of Git LFS, not the file itself: run git lfs pull"
    again = compression_of(head) or other_compression_of(head)
    if again is not None and can_be_compressed(format):
        if compression is not None:
            return f"{again} data inside {compression} data: unpack it once"
        return f"{again} data: pypack unpacks gzip, zstd, bzip2, xz and lz4; unpack it, or pipe it in"
    if can_be_compressed(format):
        if head.startswith((b"PAR1", b"ARROW1")):
            kind = "Parquet" if head.startswith(b"PAR1") else "Arrow"
            return f"{kind} data inside {compression or 'text'}: unpack it and name it .{kind.lower()}"
        return _encoding(head) or (_markup(head) if format not in ("text", "page") else None)
    if head and not head.startswith((b"PAR1", b"ARROW1")):
        if again is not None:
            return f"{again} data: pypack reads {format.capitalize()} as it is; unpack it"
        return _markup(head) or _text_instead(head, format)
    return None


def _encoding(head: bytes) -> str | None:
    """UTF-16 and UTF-32, with and without a byte order mark."""
    for mark, name in (
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ):
        if head.startswith(mark):
            return _recode(name)
    # Western text in UTF-16 has a zero in every other byte.
    for zeros, name in ((head[1:200:2], "UTF-16LE"), (head[0:200:2], "UTF-16BE")):
        if (
            len(zeros) > 4
            and zeros.count(0) > 0.9 * len(zeros)
            and head[:200].count(0) < 0.7 * len(head[:200])
        ):
            return _recode(name)
    return None


def _recode(name: str) -> str:
    return f"{name} text: pypack reads UTF-8; convert it, such as with iconv -f {name} -t UTF-8"


def _markup(head: bytes) -> str | None:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps of a login or an error: download the file again"
    if begin.startswith(b"<"):
        return "XML or HTML: perhaps the answer of a server that refused a download"
    return None


def _text_instead(head: bytes, format: str) -> str | None:
    if head.lstrip()[:1] in (b"{", b"["):
        return f"JSON, not {format.capitalize()}: name it .jsonl, or say --format json_lines"
    return None


def json_shape(data: bytes, whole: bool) -> str | None:
    """What JSON that is not one object a line is instead; None where its first line is whole.

    Args:
        data: the first bytes.
        whole: there are no others.
    """
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    first = text.partition(b"\n")[0].strip()
    if text[:1] == b"[":
        if first == b"[" or not _is_json(first) or (whole and _is_json(text)):
            return "a JSON array, not one object a line: make it JSON lines, such as with jq -c '.[]'"
        return None
    if text[:1] == b"{" and not _is_json(first) and _begins_with_object(text):
        return "JSON objects over several lines each: put each on one line, such as with jq -c ."
    return None


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _begins_with_object(data: bytes) -> bool:
    """Whether an object ends further down, or may do so behind what was looked at."""
    try:
        text = data.decode("utf-8", "replace")
        json.JSONDecoder().raw_decode(text)
    except RecursionError:
        return False
    except json.JSONDecodeError as error:
        # Where the look ended inside the object, all of it was JSON so far.
        return error.pos >= len(text) - 1 and "\n" in text.strip()
    return True


def chat_or_pairs(names: set[str]) -> str | None:
    """What records are that hold conversations or pairs instead of a text; None where they are neither."""
    for name in ("messages", "conversations", "conversation"):
        if name in names:
            return f"chat records ({name!r}), not texts: tokenize them as such with --messages {name}"
    if "prompt" in names and names & {"completion", "response", "chosen"}:
        second = next(one for one in ("completion", "response", "chosen") if one in names)
        fields = "chosen,rejected" if second == "chosen" and "rejected" in names else second
        return (
            f"pairs ('prompt', {second!r}), not texts: tokenize them as such with --prompt-field prompt "
            f"--completion-field {fields}"
        )
    if "instruction" in names and names & {"output", "response"}:
        answer = next(one for one in ("output", "response") if one in names)
        return (
            "instructions with answers, not texts: tokenize them as such with --prompt-field instruction "
            f"--completion-field {answer}, or a --template"
        )
    return None
