"""JSON lines to token ids by datatrove: JsonlReader, DocumentTokenizer, one task and process a file.

    python bench/peers/jobs/with_datatrove.py FOLDER_OF_JSONL TOKENIZER.json OUT EOS_TOKEN PROCESSES

Writes OUT/*.ds and their indexes, in the order of the files. Imports nothing of pypack.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer


def main(folder: str, tokenizer_file: str, out: str, eos_token: str, processes: str) -> None:
    """Writes the files."""
    files = len(list(Path(folder).glob("*.jsonl")))
    LocalPipelineExecutor(
        pipeline=[
            JsonlReader(folder),
            DocumentTokenizer(
                output_folder=out,
                tokenizer_name_or_path=tokenizer_file,
                eos_token=eos_token,
                shuffle_documents=False,
                batch_size=1000,
            ),
        ],
        tasks=files,
        workers=int(processes),
        logging_dir=f"{out}.logs",
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
