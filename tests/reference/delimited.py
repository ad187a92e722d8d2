"""The definition of the rows of CSV and TSV."""

from __future__ import annotations


def rows_of(data: bytes, delimiter: bytes) -> tuple[list[list[bytes]], int | None]:
    """(cells of every row, bytes behind the quote that opens the last cell and does not close; None)."""
    rows: list[list[bytes]] = []
    row: list[bytes] = []
    cell: bytearray | None = None  # None: the next byte begins one
    is_quoted = False
    opened = place = 0

    def end_row() -> None:
        nonlocal row, cell
        rows.append([*row, bytes(cell or b"")])
        row, cell = [], None

    while place < len(data):
        char = data[place : place + 1]
        if is_quoted:
            assert cell is not None
            if char != b'"':
                cell += char
            elif data[place + 1 : place + 2] == b'"':
                cell += char
                place += 1
            else:
                is_quoted = False
        elif char in b"\r\n":
            if row or cell is not None:  # an empty line is no row
                end_row()
        elif cell is None and char == b'"':
            cell, is_quoted, opened = bytearray(), True, place + 1
        elif char == delimiter:
            row.append(bytes(cell or b""))
            cell = None
        else:
            cell = (cell or bytearray()) + char
        place += 1
    if is_quoted:
        return rows, len(data) - opened
    if row or cell is not None:
        end_row()
    return rows, None


def documents_of(
    data: bytes, delimiter: bytes, columns: list[int], first_row: int, max_row_bytes: int
) -> tuple[list[tuple[int, list[bytes]]], list[tuple[str, int, int]]]:
    """(number and cells asked for of every good row, (why, number, size) of the others) behind the names."""
    (names, *rows), opened = rows_of(data, delimiter)
    good, bad = [], []
    for number, row in enumerate(rows):
        if number < first_row:
            continue
        cells = [row[column] for column in columns if column < len(row)]
        size = sum(map(len, cells))
        if len(row) != len(names):
            bad.append(("cells", number, len(row)))
        elif size > max_row_bytes:
            bad.append(("too long", number, size))
        else:
            good.append((number, cells))
    if opened is not None and len(rows) >= first_row:
        bad.append(("open quote", len(rows), opened))
    return good, bad
