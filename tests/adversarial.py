"""Texts that tokenizers get wrong: what regexes, normalizers and added tokens treat in special ways."""

from __future__ import annotations

import random

# Characters by the classes that patterns tell apart, the ASCII ones more often; traps of TOKENIZING.md.
ALPHABETS = [
    "abzABZsStTmMdDrReEvVlL'",
    " \t\n\r\x0b\x0c",
    "019",
    '!/.,-_#<>|[]{}"\\',
    "éßſKÅñ",
    "日本語한국어тест",
    "ʰǅªᴬ",  # Lm, Lt, Lo
    "\u0301\u0323\u0338\u20dd\u0f71\u0f72\u1ab0",  # marks, some reordered by NFC
    "٣²Ⅷ½𝟘",
    "\u00a0\u1680\u2003\u2028\u2029\u202f\u3000\u0085\u200b\ufeff\u001c\u001f\u180e",
    "🙂👩\u200d👩🏽‍🚀\ufe0f",
    "\u0378\U000105c0\U00010d40\ue000",  # unassigned, new in Unicode 16, private use
    "▁",
    "¨\u00ad\u037e\u2126\u212b\ufb01\uac00",
]


def random_texts(seed: int, count: int, pieces: tuple[str, ...] = ()) -> list[str]:
    """`count` random texts over a few of the alphabets each, with the `pieces` strewn in."""
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        alphabets = rng.sample(ALPHABETS, rng.randint(1, 4))
        length = rng.choice([1, 2, 3, 5, 8, 13, 40, 70, 130, 200])
        out = []
        for _ in range(length):
            if pieces and rng.random() < 0.05:
                out.append(rng.choice(pieces))
            alphabet = rng.choice(alphabets) if rng.random() < 0.7 else rng.choice(ALPHABETS[:4])
            out.append(rng.choice(alphabet) * rng.choice([1, 1, 1, 1, 2, 3, 4, 7, 66]))
        texts.append("".join(out))
    return texts
