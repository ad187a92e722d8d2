"""Texts on which tokenizers that look alike give other ids."""

from __future__ import annotations

from collections.abc import Sequence

# What patterns, normalizers and models treat in ways of their own.
TELLING_TEXTS = (
    "",
    " ",
    "Hello world",
    " leading",
    "  two leading",
    "trailing ",
    "trailing\n",
    "a  b   c    d",
    "tab\tand\t\ttabs",
    "line\nline\n\nline\r\nline \n line",
    "\n\n  \n",
    "blanks at the end\n  ",
    "I'm you're we've it's DON'T I'LL ''s",
    "1 12 123 1234 12345 3.14 1,000,000 2²  ٣٤ Ⅷ ½",
    "CamelCase HTTPServer iPhone ABCdefGHI",
    "snake_case kebab-case a/b/c //comment\n/* x */",
    "def f(x):\n    return x + 1\n\n\tif x:\n\t\tpass\n",
    "!!! ... --- ??? #$%^&*() [{<>}] \"quoted\" 'single'",
    "https://example.com/path?q=1&r=2#frag user@example.com",
    "naïve café résumé Ångström ǅ ǆ ﬁ",
    "e\u0301 n\u0303 a\u030a \u1ab0",
    "İstanbul ıspanak ß ẞ ſ K Å",
    "日本語のテキスト 中文文本。한국어 텍스트",
    "Привет мир Γειά σου שלום عالم नमस्ते ไทย",
    "emoji 👩‍🚀 👍🏽 🇩🇪 ☺️ 🙂",
    "\u00a0nbsp\u2003em\u3000wide\u200bzero\ufeffbom\u2028line\u0085next",
    "▁marked ▁ text▁",
    "\u0000\u0001\u001f\u007f\u0080",
    "\U0001d518\U0001d52b \ue000 \u0378 \U000105c0",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "<s>hi</s> <unk> <pad> [CLS] x [SEP] <|endoftext|> <|im_start|>user\nhi<|im_end|>\n",
    "[INST] hi [/INST] <|user|>\nhi<|end|>\n<|assistant|>\n",
)


def telling_texts(special_tokens: Sequence[str] = ()) -> list[str]:
    """The texts, and each special token with text around it.

    Args:
        special_tokens: of the tokenizers compared; of many, the first and the last are taken.
    """
    texts = list(TELLING_TEXTS)
    some = special_tokens if len(special_tokens) <= 24 else (*special_tokens[:16], *special_tokens[-8:])
    for token in some:
        texts += [token, f"a{token}b", f"a {token} b", f"{token}\nhi", f"{token} hi{token}"]
    if len(some) > 1:
        texts.append("".join(f"{token}text" for token in some[:8]))
    return texts
