// tokenizer.json: what is taken out of it, and a vocabulary of what was.
#include <optional>
#include <stdexcept>
#include <utility>

#include "target.hpp"
#include "tokenize/vocabulary/definition_reader.hpp"
#include "tokenize/vocabulary/merge_list.hpp"
#include "tokenize/vocabulary/serde_number.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace fuzz {

std::vector<std::string> seeds() {
    return {
        "{\"version\": \"1.0\", \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, "
        "\"merges\": [\"a b\"]}}",
        "{\"model\": {\"merges\": [[\"a\", \"b\"]], \"vocab\": {\"\\u0041\": 7}}, \"added_tokens\": []}",
        "{\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0.0], [\"a\", "
        "-1.25e-3]]}}",
        "{\"model\": {\"vocab\": {\"a\": 4294967294}}}",
    };
}

void run(std::string_view bytes) {
    const Exact json(bytes);
    for (const auto rounding : {pypack::ScoreRounding::kNearest, pypack::ScoreRounding::kSerde}) {
        auto found = pypack::read_definition(json.view(), rounding);
        if (!found.vocabulary) continue;
        const auto& vocabulary = *found.vocabulary;
        for (std::size_t i = 0; i < vocabulary.size(); ++i) {
            check(vocabulary.token(vocabulary.ids()[i]).has_value(), "an id has no token");
        }
        std::optional<pypack::MergeList> merges;
        if (found.merges) merges.emplace(std::move(*found.merges));
        (void)pypack::canonical_bytes(vocabulary, merges ? &*merges : nullptr);
    }
    try {
        (void)pypack::parse_serde_number(json.view().substr(0, 40));
    } catch (const std::invalid_argument&) {
    }
}

}  // namespace fuzz
