"""Conversations for fine-tuning: questions about Python's own functions, answered by their docs."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

from pypack import Tokenizer
from pypack.demo.run import train_tokenizer
from pypack.demo.sample import standard_library_texts

# What a conversation looks like to the model; a model of yours has a template of its own.
TEMPLATE = """{% for message in messages %}<|{{ message.role }}|>
{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|end|>{% endgeneration %}

{% else %}{{ message.content }}<|end|>
{% endif %}{% endfor %}"""


def conversations() -> list[dict[str, Any]]:
    """Records {"messages": [...]}, as a file of JSON lines would give them."""
    found = []
    for name in sorted(dir(builtins)):
        answer = (getattr(builtins, name).__doc__ or "").strip()
        if name[0].islower() and answer:
            question = {"role": "user", "content": f"What does {name} do?"}
            found.append({"messages": [question, {"role": "assistant", "content": answer[:400]}]})
    return found


def tokenizer(folder: Path) -> Tokenizer:
    """A small tokenizer, trained on the spot. Yours: `Tokenizer.from_file("the folder of your model")`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    if path.exists():
        return Tokenizer.from_file(path)
    return train_tokenizer(standard_library_texts(600_000), path)
