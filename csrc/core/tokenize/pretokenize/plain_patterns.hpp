// Patterns that are found one match at a time, without windows.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// CLIP: matches of 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+; whitespace belongs to no word.
[[nodiscard]] PretokenizerPtr make_clip_pretokenizer();

// BLOOM: matches of ` ?[^(\s|[.,!?…。，、।۔،])]+`, and what lies between them.
[[nodiscard]] PretokenizerPtr make_bloom_pretokenizer();

// Whitespace: matches of \w+|[^\w\s]+ as Rust's regex has them; whitespace belongs to no word.
[[nodiscard]] PretokenizerPtr make_whitespace_pretokenizer();

}  // namespace pypack
