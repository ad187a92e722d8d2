"""The native engine: a tokenizer.json, recognized part by part, as C++ objects.

Each part has its file: `normalizers` (Normalizer), `pretokenizers` (Pretokenizer), `models` (Model; BPE in
`bpe`, WordPiece in `wordpiece`, Unigram in `unigram`), `added_tokens`, `templates`, `decoders`, and
`engine`, which puts them together. A function that recognizes a part takes its JSON and gives the C++ object
of `pypack._core`, or raises `UnsupportedError` with the reason; the tokenizer is then left to the engine
`huggingface` (but for a decoder, which is left to the library alone).
"""
