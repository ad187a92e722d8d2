"""The tables of selections, orders and repeats."""

from __future__ import annotations

from bench.tables.markdown import Record, markdown


def cost_table(record: Record) -> str:
    """What conditions, plans of selections, and repeats cost."""
    results = record["results"]
    rows = [
        [f"`--where` \"{row['what']}\"", f"{row['documents']:,}", f"{row['seconds']:.2f} s",
         f"{row['bytes/document']:.1f} bytes a document"]
        for row in results["where"]
    ]  # fmt: skip
    rows += [
        [f"plan by `{row['strategy']}`, {row['of']}", f"{row['documents']:,}",
         f"{row['ns/document']:.0f} ns a document", ""]
        for row in results["plans"]
    ]  # fmt: skip
    rows += [
        [f"`join` with {row['rows']:,} rows", f"{row['documents']:,}", f"{row['seconds']:.1f} s",
         f"peak {row['peak, MB']:.0f} MB"]
        for row in results.get("join", [])
    ]  # fmt: skip
    rows += [
        [f"repeats, {row['what']}", f"{row['documents']:,}", f"{row['seconds']:.1f} s",
         f"plan {row['plan, MB']:.0f} MB, peak {row['peak, MB']:.0f} MB"]
        for row in results["repeats"]
    ]  # fmt: skip
    return markdown(["", "documents", "time", "memory"], rows)


def shares_table(record: Record) -> str:
    """Plans of shares of a store beside those of whole stores of these sizes."""
    rows = record["results"]["shares"]
    lines = []
    for percent in dict.fromkeys(row["percent"] for row in rows):
        for strategy in dict.fromkeys(row["strategy"] for row in rows):
            found = {
                row["of"]: row for row in rows if (row["percent"], row["strategy"]) == (percent, strategy)
            }
            numbers = found.get("numbers")
            lines.append([
                f"{percent} %, `{strategy}`",
                f"{found['mask']['documents']:,}",
                f"{found['whole store of that size']['ns/document']:.1f}",
                f"{found['mask']['ns/document']:.1f}",
                f"{found['mask']['beside whole']:.2f} ×",
                "" if numbers is None else f"{numbers['beside whole']:.2f} ×",
            ])  # fmt: skip
    return markdown(
        ["share", "documents", "whole store", "by a condition", "beside the whole", "by an order"], lines
    )


def order_table(record: Record) -> str:
    """What neighbours and orders cost, and how alike neighbours are in them."""
    results = record["results"]
    rows = [
        ["`order_documents`, 10 neighbours each", f"{row['documents']:,}", f"{row['seconds']:.1f} s"]
        for row in results["order"]
    ]
    rows += [
        ["`document_neighbours`, made-up topics", f"{row['documents']:,}", f"{row['seconds']:.1f} s"]
        for row in results["neighbours"]
    ]
    rows += [
        ["`min_hash_neighbours`, made-up topics, a tenth copies half of another", f"{row['documents']:,}",
         f"{row['seconds']:.1f} s, {row['found']:.1%} of these find it"]
        for row in results.get("copies", [])
    ]  # fmt: skip
    rows += [
        [f"recall@10, {row['features']} features, {row['listed']} listed", f"{row['documents']:,}",
         f"{row['recall']:.1%} in {row['seconds']:.1f} s"]
        for row in results["recall"]
    ]  # fmt: skip
    rows += [
        [f"mean similarity of neighbours: {row['order']}", f"{row['documents']:,}",
         f"{row['mean similarity']:.3f}" + (f" in {row['runs']:,} runs" if row["runs"] else "")]
        for row in results["similarity"]
    ]  # fmt: skip
    return markdown(["", "documents", ""], rows)
