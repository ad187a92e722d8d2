// Fill in the middle (arXiv 2207.14255): a span is cut in three, and its middle is put behind the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objective/objective.hpp"
#include "objective/text_codec.hpp"
#include "objective/token_set.hpp"

namespace pypack {

struct Infilling {
    std::uint64_t chance = 0;      // in units of 2^-32, that a span is infilled;
    std::uint64_t spm_chance = 0;  // and then, that its suffix comes first
    std::uint32_t prefix_id = 0;
    std::uint32_t suffix_id = 0;
    std::uint32_t middle_id = 0;
    TokenSet ends;  // where they begin or end a span, they stay there
    // The token between the files of a repository: a chosen span that has some is infilled file by file, each
    // with a chance of its own.
    std::optional<std::uint32_t> split{};
    std::uint64_t file_chance = 0;
    // What begins so stays as it is: between tokens cut by these ids, between characters by this text.
    std::vector<std::uint32_t> skip_ids{};
    std::string skip_text{};
};

// Tokens that it puts into a span.
inline constexpr std::int64_t kInfillTokens = 3;

// What it counts of a batch, spans.
enum class InfillCount : std::size_t {
    kInfilled,     // all of them
    kSuffixFirst,  // those whose suffix comes first
    kWithoutRoom,  // chosen, but their room has no place for what they would become
    kNotText,      // chosen, but not to be cut by characters: no whole text, or with masked tokens
};

// prefix, middle and suffix become PSM, "P prefix S suffix M middle", or SPM, "P S suffix M prefix middle".
// Cuts are drawn among all tokens. What an infilled span learns: every token but the first; of a span with
// masks the tokens that it learned before, and the three.
[[nodiscard]] std::shared_ptr<Objective> infilled_tokens(const Infilling& infilling);

// The same with cuts among the characters of its text, whose three parts are encoded anew. Spans with masks
// stay as they are. The codec must outlive it.
[[nodiscard]] std::shared_ptr<Objective> infilled_text(const Infilling& infilling,
                                                       std::shared_ptr<const TextCodec> codec);

}  // namespace pypack
