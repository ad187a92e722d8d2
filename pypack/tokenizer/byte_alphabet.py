"""GPT-2's byte alphabet: a character for each byte, so that bytes can be written as text."""

from __future__ import annotations


def byte_characters() -> list[str]:
    """The character that stands for each byte: itself where it is printable, else the next from U+0100."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    characters = []
    following = 0x100
    for byte in range(256):
        if byte in printable:
            characters.append(chr(byte))
        else:
            characters.append(chr(following))
            following += 1
    return characters
