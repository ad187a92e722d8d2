"""Small WordPiece and Unigram tokenizers in the manner of the known ones, trained here."""

from __future__ import annotations

import functools
from collections.abc import Callable

from table_generators import load_generator
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from training_texts import training_texts

# A little of what SentencePiece's nmt_nfkc does.
_CHARSMAP = {"\t": " ", "\n": " ", "\u3000": " ", "\u00a0": " ", "\ufeff": "", "\u200b": "", "\x1f": ""}
_CHARSMAP |= {chr(0xFF21 + i): chr(0x41 + i) for i in range(26)}
_CHARSMAP |= {"\ufb01": "fi", "\u2126": "Ω", "\u212b": "Å", "e\u0301": "é", "²": "2", "Ⅷ": "VIII", "🙂": ":)"}


def _precompiled() -> normalizers.Normalizer:
    make_charsmap = load_generator("generate_grapheme_table").make_charsmap
    entries = {key.encode(): image.encode() for key, image in _CHARSMAP.items()}
    return normalizers.Precompiled(make_charsmap(entries))


def _bert(normalizer: normalizers.Normalizer, split: pre_tokenizers.PreTokenizer | None = None) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split or pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def bert_uncased() -> Tokenizer:
    return _bert(normalizers.BertNormalizer())


def bert_cased() -> Tokenizer:
    return _bert(normalizers.BertNormalizer(lowercase=False))


def bert_with_accents() -> Tokenizer:
    tokenizer = _bert(normalizers.BertNormalizer(strip_accents=False, clean_text=False))
    tokenizer.add_tokens([AddedToken("Naïve", normalized=True), AddedToken("ÉA", single_word=True)])
    return tokenizer


def wordpiece_of_whitespace() -> Tokenizer:
    return _bert(
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre_tokenizers.WhitespaceSplit()
    )


def wordpiece_of_words() -> Tokenizer:
    return _bert(normalizers.NFD(), pre_tokenizers.Whitespace())


def _bpe_of_words(split: pre_tokenizers.PreTokenizer, **suffix: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", **suffix))
    tokenizer.pre_tokenizer = split
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["[UNK]", "[CLS]", "[SEP]"],
        limit_alphabet=120,
        show_progress=False,
        **suffix,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def bpe_of_words() -> Tokenizer:
    """As the library's own tutorial makes one."""
    return _bpe_of_words(pre_tokenizers.Whitespace())


def openai_gpt() -> Tokenizer:
    tokenizer = _bpe_of_words(pre_tokenizers.BertPreTokenizer(), end_of_word_suffix="</w>")
    tokenizer.normalizer = normalizers.BertNormalizer()
    return tokenizer


@functools.cache
def _trained_unigram() -> str:
    """Trained once, as that takes seconds; the kinds below differ in what surrounds it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<unk>", "<mask>"],
        unk_token="<unk>",
        n_sub_iterations=1,
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer.to_str()


def _unigram(
    normalizer: normalizers.Normalizer | None, split: pre_tokenizers.PreTokenizer | None
) -> Tokenizer:
    tokenizer = Tokenizer.from_str(_trained_unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def t5() -> Tokenizer:
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer = _unigram(_precompiled(), words)
    tokenizer.add_special_tokens([f"<extra_id_{i}>" for i in range(3)])
    return tokenizer


def xlm_roberta() -> Tokenizer:
    one_space = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer = _unigram(normalizers.Sequence([_precompiled(), one_space]), pre_tokenizers.Metaspace())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


def t5_of_today() -> Tokenizer:
    steps = [
        _precompiled(),
        normalizers.Strip(left=False, right=True),
        normalizers.Replace(Regex(" {2,}"), "▁"),
    ]
    return _unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace(prepend_scheme="always"))


def albert() -> Tokenizer:
    steps = [
        normalizers.Replace("``", '"'),
        normalizers.Replace("''", '"'),
        normalizers.NFKD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        _precompiled(),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return _unigram(normalizers.Sequence(steps), words)


def xlnet() -> Tokenizer:
    steps = [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer = _unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace())
    tokenizer.add_tokens([AddedToken("<sep>", rstrip=True), AddedToken("naïve", lstrip=True)])
    return tokenizer


def deberta() -> Tokenizer:
    steps = [normalizers.Strip(), _precompiled(), normalizers.Replace(Regex(" {2,}"), " ")]
    return _unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace())


def unigram_first() -> Tokenizer:
    tokenizer = _unigram(None, pre_tokenizers.Metaspace(prepend_scheme="first"))
    tokenizer.add_special_tokens(["<sep>"])
    return tokenizer


def unigram_whole() -> Tokenizer:
    """A document is one word: no pretokenizer, or one that does not cut."""
    return _unigram(normalizers.NFC(), pre_tokenizers.Metaspace(prepend_scheme="never", split=False))


def unigram_plain() -> Tokenizer:
    return _unigram(None, None)


WORD_NATIVE: dict[str, Callable[[], Tokenizer]] = {
    make.__name__: make
    for make in (
        bert_uncased,
        bert_cased,
        bert_with_accents,
        wordpiece_of_whitespace,
        wordpiece_of_words,
        bpe_of_words,
        openai_gpt,
        t5,
        xlm_roberta,
        t5_of_today,
        albert,
        xlnet,
        deberta,
        unigram_first,
        unigram_whole,
        unigram_plain,
    )
}
