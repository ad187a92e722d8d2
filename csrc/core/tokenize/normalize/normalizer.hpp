// What a tokenizer does to a text before it splits it: the normalizers of tokenizer.json, each exactly as
// `tokenizers` 0.23 has it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/normalize/text_sink.hpp"
#include "tokenize/unicode/normalization.hpp"

namespace pypack {

// Immutable once made: threads share one. Texts are valid UTF-8.
class Normalizer {
  public:
    virtual ~Normalizer() = default;

    // Appends the normalized text to `out`. Returns false, with nothing written, where the text is left as it
    // is; true does not promise that anything changed.
    virtual bool normalize(std::string_view text, std::string& out) const = 0;

    // The same with offsets: alignment[i] says where byte i of text came from, and out_alignment gets as much
    // for every byte appended to out.
    virtual bool normalize_aligned(std::string_view text, const Alignment& alignment, std::string& out,
                                   Alignment& out_alignment) const = 0;
};

using NormalizerPtr = std::shared_ptr<const Normalizer>;

struct BertOptions {
    bool clean_text = true;
    bool handle_chinese_chars = true;
    bool strip_accents = true;  // tokenizer.json's null means: as lowercase
    bool lowercase = true;
};

// Characters that a ReplaceRuns looks for.
enum class RunOf { kSpace, kWhitespace };  // U+0020; \s

NormalizerPtr make_bert_normalizer(BertOptions options);
NormalizerPtr make_lowercase_normalizer();
NormalizerPtr make_nmt_normalizer();
NormalizerPtr make_normalization_form(unicode::NormalizationForm form);
// charsmap: the bytes that tokenizer.json holds in base64. Throws std::invalid_argument where it is
// malformed.
NormalizerPtr make_precompiled_normalizer(std::string_view charsmap);
NormalizerPtr make_prepend_normalizer(std::string prefix);
// pattern must not be empty.
NormalizerPtr make_replace_normalizer(std::string pattern, std::string content);
// The regexes ` {n,}` and `\s{n,}`: runs of at least min_length such characters become content.
NormalizerPtr make_replace_runs_normalizer(RunOf characters, std::size_t min_length, std::string content);
NormalizerPtr make_strip_normalizer(bool left, bool right);
NormalizerPtr make_strip_accents_normalizer();

// The normalizer_spec of a SentencePiece model.
struct SentencePieceRules {
    std::string charsmap;  // empty: none
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
    bool treat_whitespace_as_suffix = false;
    std::vector<std::string> user_defined;  // symbols that stay as they are
};
// As the `sentencepiece` library normalizes; it has no offsets.
NormalizerPtr make_sentencepiece_normalizer(SentencePieceRules rules);
NormalizerPtr make_normalizer_sequence(std::vector<NormalizerPtr> steps);

// The alignment of a text that nothing has happened to: each byte comes from the whole of its character.
[[nodiscard]] Alignment identity_alignment(std::string_view text);

}  // namespace pypack
