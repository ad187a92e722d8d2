"""What is done to stores of this machine alone, and what to do instead with one at a URL."""

from __future__ import annotations

ADD_COLUMNS_HERE = "name with -o OUT the store to make of it, at a URL or in a folder"
UPGRADE_HERE = (
    "copy it to this machine, upgrade the copy, and upload its store.json or plan.json: the other files stay "
    "as they are"
)
