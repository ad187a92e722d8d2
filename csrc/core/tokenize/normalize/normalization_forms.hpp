// NFC, NFD, NFKC and NFKD of a text (Unicode Standard Annex 15), with the data of `tokenizers`.
#pragma once

#include <string>
#include <string_view>

#include "tokenize/normalize/text_sink.hpp"
#include "tokenize/unicode/normalization.hpp"

namespace pypack {

// Writes the normal form of text to sink; false, with nothing written, where text is known to be in that form
// already. ASCII is skipped 32 bytes at a time, other text by one table look-up a character; only the runs
// around a character that may change are decomposed. Time is O(n log n), O(n) unless marks come in long runs.
template <typename Sink>
bool normalize_form(std::string_view text, unicode::NormalizationForm form, Sink& sink);

}  // namespace pypack
