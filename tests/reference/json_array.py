"""The definition of reading a JSON array as lines, one for each element."""

from __future__ import annotations


def array_as_lines(data: bytes) -> tuple[bytes, int, bool]:
    """(the bytes changed, up to the first that belongs to no array; its place or -1; whether arrays end)."""
    out = bytearray()
    depth, in_string, escaped, begun = 0, False, False, False
    for place, byte in enumerate(data):
        char = bytes([byte])
        if in_string:
            out += b"\x1e" if char == b"\n" else char
            in_string = escaped or char != b'"'
            escaped = not escaped and char == b"\\"
        elif depth == 0:
            if char == b"[":
                out += b"\n" if begun else b" "
                depth, begun = 1, True
            elif char in b" \t\r\n\xef\xbb\xbf":
                out += b" "
            else:
                return bytes(out), place, True
        else:
            depth += (char in b"[{") - (char in b"]}")
            in_string = char == b'"'
            if depth == 0 or char == b"\n":
                out += b" "
            else:
                out += b"\n" if char == b"," and depth == 1 else char
    return bytes(out), -1, depth == 0
