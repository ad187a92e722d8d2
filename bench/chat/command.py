r"""Conversations to ids and loss masks on one core, beside `datasets.map` with transformers' chat templates.

    python bench chat $PYPACK_SHARED/data/corpus/instruct.jsonl.zst \
        --tokenizer $PYPACK_SHARED/data/tokenizers/qwen2.json --templates qwen3 llama3 qwen2_5

Records with the fields `prompt` and `answer` become conversations of `--turns` such pairs. Checked
first: pypack's store holds the ids and masks that `apply_chat_template(tokenize=True,
return_assistant_tokens_mask=True)` gives. Then both are timed in turns, in one process that is held to one
core: `pypack.jobs.tokenize` from JSON lines to a finished store, and `Dataset.from_json(...).map(...)` from
the same lines to a finished Arrow file. Rendering and encoding are timed alone, too, to say where time goes.
More conversations than the file has pairs for are of other pairs each time: `--limit 3000 30000` says what a
job's start is of a small one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import write_results
from bench.common.timing import measure_in_turns
from pypack import Tokenizer, TokenStore
from pypack.jobs.tokenize import RecordOptions, TokenizeOptions, tokenize


def conversations(source: Path, turns: int, limit: int) -> list[dict[str, Any]]:
    """Conversations of prompts and answers, in the order of the file, and of others where more are wanted.

    Then the second pair of a conversation is one from farther on than in the round before, and so on.
    """
    data = source.read_bytes()
    if source.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    pairs = [r for r in map(json.loads, data.splitlines()) if r.get("prompt") and r.get("answer")]
    found: list[dict[str, Any]] = []
    rounds = max(1, len(pairs) // turns)
    for apart in range(1, rounds):
        for start in range(0, len(pairs) - turns + 1, turns):
            messages = []
            for turn in range(turns):
                pair = pairs[(start + turn * apart) % len(pairs)]
                messages.append({"role": "user", "content": pair["prompt"]})
                messages.append({"role": "assistant", "content": pair["answer"]})
            found.append({"messages": messages})
            if len(found) == limit:
                return found
    return found


def with_pypack(lines: Path, output: Path, tokenizer: Tokenizer, template: Path) -> TokenStore:
    """A store of JSON lines, on one thread."""
    shutil.rmtree(output, ignore_errors=True)
    options = TokenizeOptions(records=RecordOptions(messages="messages", chat_template=str(template)))
    tokenize([lines], output, tokenizer, options, num_threads=1, num_workers=1)
    return TokenStore.open(output)


def with_datasets(lines: Path, output: Path, theirs: Any, template: str) -> Any:
    """An Arrow file of the same lines."""
    import datasets

    shutil.rmtree(output, ignore_errors=True)
    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_json(str(lines), cache_dir=str(output))

    def encode(row: dict[str, Any]) -> dict[str, Any]:
        found = theirs.apply_chat_template(
            row["messages"], chat_template=template, tokenize=True, return_dict=True,
            return_assistant_tokens_mask=True,
        )  # fmt: skip
        return {"input_ids": found["input_ids"], "assistant_masks": found["assistant_masks"]}

    return rows.map(encode, remove_columns=["messages"], load_from_cache_file=False)


def check(store: TokenStore, rows: Any) -> None:
    """Both hold the same."""
    assert len(store) == len(rows)
    for i, row in enumerate(rows):
        assert store[i].tolist() == row["input_ids"], i
        assert store.loss_mask(i).astype(int).tolist() == row["assistant_masks"], i


def parts(records: list[dict[str, Any]], tokenizer: Tokenizer, template: str) -> tuple[float, float]:
    """Seconds of rendering and of encoding, alone."""
    chat = tokenizer.chat_template(template)
    began = time.perf_counter()
    rendered = [chat.render(record["messages"]) for record in records]
    middle = time.perf_counter()
    tokenizer.encode_rendered(rendered, num_threads=1)
    return middle - began, time.perf_counter() - middle


def measure(args: Any, tokenizer_file: Path, template: Path, limit: int, folder: Path) -> Row:
    """The row of one tokenizer and template."""
    import transformers

    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file))
    ours = Tokenizer.from_huggingface(theirs)
    records = conversations(args.input, args.turns, limit)
    lines = folder / "chats.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    source = template.read_text(encoding="utf-8")
    runs = {
        "pypack": partial(with_pypack, lines, folder / "store", ours, template),
        "datasets": partial(with_datasets, lines, folder / "arrow", theirs, source),
    }
    check(runs["pypack"](), runs["datasets"]())
    timings = measure_in_turns(runs, args.repeats)
    rendering, encoding = parts(records, ours, source)
    seconds = {name: timing.median for name, timing in timings.items()}
    size = lines.stat().st_size / 1e6
    return {
        "tokenizer": tokenizer_file.stem,
        "template": template.stem,
        "conversations": len(records),
        "MB": size,
        **{f"{name}, us a conversation": taken / len(records) * 1e6 for name, taken in seconds.items()},
        **{f"{name}, MB/s": size / taken for name, taken in seconds.items()},
        "rendering, us": rendering / len(records) * 1e6,
        "encoding, us": encoding / len(records) * 1e6,
        "pypack / datasets": seconds["datasets"] / seconds["pypack"],
    }


def main(arguments: list[str]) -> None:
    """Measures every tokenizer with every template, prints the table and writes the result file."""
    options = parser("chat", __doc__)
    options.add_argument("input", type=Path, help="JSON lines with prompt and answer, .zst or plain")
    options.add_argument("--tokenizer", type=Path, nargs="+", required=True, help="tokenizer.json files")
    options.add_argument("--templates", nargs="+", default=["qwen3", "llama3", "qwen2_5"], help="of TRL")
    options.add_argument("--turns", type=int, default=2, help="questions a conversation")
    options.add_argument("--limit", type=int, nargs="+", default=[3000], help="most conversations")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    import trl

    templates = Path(trl.__file__).parent / "chat_templates"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for tokenizer in args.tokenizer:
            for name in args.templates:
                template = templates / f"{name}_training.jinja"
                rows += [measure(args, tokenizer, template, limit, Path(folder)) for limit in args.limit]
    print_table(rows, "conversations to ids and masks, one core")
    if not args.no_results:
        print(write_results("chat", rows, "transformers", "datasets", "jinja2", "trl"))
