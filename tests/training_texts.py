"""What the small tokenizers of the tests are trained on."""

from __future__ import annotations

from adversarial import random_texts

_LINE = (
    "the packer's row don't I'LL we've 12345 naïve café über 東京都 한국어 тест if (x == 10) {\n"
    "\t\treturn foo_bar(x);\n}\n\n   def f(self):\n        pass  # TODO: HelloWorld camelCase <html></html>\n"
)


def training_texts() -> list[str]:
    words = _LINE.split(" ")
    lines = [
        " ".join(words[(i * 7 + j * j) % len(words)] for j in range(3 + i * 37 % 60)) for i in range(200)
    ]
    return [_LINE, *lines, *random_texts(1, 100)]
