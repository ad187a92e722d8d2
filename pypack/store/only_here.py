"""What is done to stores of this machine alone, and what to do instead with one at a URL."""

from __future__ import annotations

ADD_COLUMNS_HERE = "copy the store to this machine, add them there, and upload it under another name"
UPGRADE_HERE = (
    "copy it to this machine, upgrade the copy, and upload its store.json or plan.json: the other files stay "
    "as they are"
)
