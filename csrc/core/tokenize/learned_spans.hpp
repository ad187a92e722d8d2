// Spans of a text whose tokens are learned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tokenize/normalize/text_sink.hpp"

namespace pypack {

// A token is learned if it meets a span, and an empty span if it stands on both sides of it: so transformers
// has it. Spans may lie in one another.
class LearnedSpans {
  public:
    void assign(std::span<const ByteRange> spans) {
        begins_.clear();
        reached_.clear();
        borders_.clear();
        std::uint32_t farthest = 0;
        for (const ByteRange& span : spans) {
            begins_.push_back(span.start);
            reached_.push_back(farthest = std::max(farthest, span.end));
            borders_.push_back(span.start);
            borders_.push_back(span.end);
        }
        if (!std::is_sorted(borders_.begin(), borders_.end())) std::sort(borders_.begin(), borders_.end());
    }

    // Whether a token that stands for [start, stop) is learned: the first span that ends behind its start
    // decides.
    [[nodiscard]] bool covers(std::uint32_t start, std::uint32_t stop) const {
        const auto found = std::upper_bound(reached_.begin(), reached_.end(), start);
        return found != reached_.end() && stop > begins_[static_cast<std::size_t>(found - reached_.begin())];
    }

    // Where spans begin and end, rising: all tokens between two of these that have a length are learned, or
    // none is.
    [[nodiscard]] std::span<const std::uint32_t> borders() const { return borders_; }

  private:
    std::vector<std::uint32_t> begins_;
    std::vector<std::uint32_t> reached_;  // the farthest end of the spans up to each
    std::vector<std::uint32_t> borders_;
};

// The same ranges of a text in bytes of its UTF-8 instead of characters. A place behind the text stays behind
// it.
void to_byte_ranges(std::string_view text, std::span<const ByteRange> ranges, std::vector<ByteRange>& out);

}  // namespace pypack
