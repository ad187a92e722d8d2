"""Prints what must not depend on the `tokenizers` library: native ids, fingerprints, the demo's tokenizer.

With an argument ("fallback") it also asks the installed library itself, whose ids must be the same here.
"""

import hashlib
import sys
from pathlib import Path

import pypack
from pypack.demo import run
from pypack.tokenizer.telling_texts import telling_texts

file = Path(run.__file__).with_name("tokenizer.json")
texts = [*telling_texts(["<|endoftext|>"]), Path(pypack.__file__).read_text(encoding="utf-8")]
tokenizer = pypack.Tokenizer.from_file(file)
assert tokenizer.engine == "native", tokenizer.engine_reason
rows = tokenizer.encode_batch(texts)
print(tokenizer.fingerprint, tokenizer.ids_fingerprint)
print(hashlib.sha256(rows.values.tobytes()).hexdigest(), len(rows.values))
assert [tokenizer.decode(row, skip_special_tokens=False) for row in rows] == texts
if "fallback" in sys.argv:
    fallback = pypack.Tokenizer.from_file(file, engine="huggingface")
    assert fallback.engine_version is not None
    assert fallback.encode_batch(texts) == rows
    assert fallback.decode_batch(rows, skip_special_tokens=False) == texts
    assert fallback.fingerprint == tokenizer.fingerprint
