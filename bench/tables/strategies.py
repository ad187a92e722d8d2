"""The table of the strategies side by side."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def strategies_table(record: Record) -> str:
    """Every strategy on every kind of corpus."""
    rows = [
        [
            f"`{way['strategy']}`",
            kind,
            f"{way['row_tokens']:.3f}",
            f"{way['lost_tokens']:.1%}",
            f"{way['needless_cuts']:.1%}",
            f"{way['mean_context']:,.0f}",
            f"{way['attention_to_concat']:.0%}",
            f"{way['bias']:.2f}",
        ]
        for kind, ways in record["results"]["corpora"].items()
        for way in ways
    ]
    head = [
        "strategy",
        "lengths",
        "row tokens a token",
        "lost",
        "cut in vain",
        "context",
        "attention",
        "bias",
    ]
    return markdown(head, rows)
