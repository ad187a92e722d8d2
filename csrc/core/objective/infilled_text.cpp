#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "objective/infilled_spans.hpp"
#include "objective/infilling.hpp"

namespace pypack {

namespace {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

using Parts = std::array<std::vector<std::uint32_t>, 3>;

// Memory of a thread for the text of a span and the ids of its parts.
struct TextMemory {
    std::vector<std::uint32_t> ids;
    std::string text;
    Parts parts;
    std::vector<std::uint32_t> tail;
};

bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

// Of eight bytes those that begin a character.
std::int64_t count_begins(const char* bytes) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes, sizeof eight);
    const std::uint64_t inside = eight >> 7 & ~(eight >> 6) & 0x0101010101010101U;
    return 8 - std::popcount(inside);
}

// The byte at which so many characters of a text end.
std::size_t byte_of(std::string_view text, std::int64_t characters, std::size_t from) {
    while (from + 8 <= text.size()) {
        const std::int64_t begins = count_begins(text.data() + from);
        if (begins > characters) break;
        characters -= begins;
        from += 8;
    }
    for (; from < text.size(); ++from) {
        if (!begins_character(text[from])) continue;
        if (characters-- == 0) break;
    }
    return from;
}

std::int64_t count_characters(std::string_view text) {
    std::size_t at = 0;
    std::int64_t found = 0;
    for (; at + 8 <= text.size(); at += 8) found += count_begins(text.data() + at);
    return found +
           std::count_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), begins_character);
}

class InfilledText : public InfilledSpans<InfilledText> {
  public:
    InfilledText(const Infilling& infilling, std::shared_ptr<const TextCodec> codec)
        : InfilledSpans(infilling), codec_(std::move(codec)) {}

    template <typename Id>
    bool change(const ObjectiveSpan& span, const InfillContent& content, const InfillDraws& draws,
                const ObjectiveArrays<Id>& arrays, InfillCounts& counts) const {
        thread_local TextMemory memory;  // a text has room in it, if one before it was as long
        auto& [ids, text, parts, tail] = memory;
        Id* const items = arrays.input_ids + span.begin;
        ids.assign(items + content.first, items + content.last);
        text.clear();
        codec_->decode(ids, text);
        if (span.labels_tell || text.find(kReplacementCharacter) != std::string::npos) {
            count(counts, InfillCount::kNotText);
            return false;
        }
        if (!how().skip_text.empty() && std::string_view(text).starts_with(how().skip_text)) return false;
        std::int64_t length = span.length - (content.last - content.first) + kInfillTokens;
        length += encode_parts(text, draws, parts);
        if (length > span.room) {
            count(counts, InfillCount::kWithoutRoom);
            return false;
        }
        tail.assign(items + content.last, items + span.length);
        Id* next = items + content.first;
        const auto put = [&](const std::vector<std::uint32_t>& part) {
            next = std::transform(part.begin(), part.end(), next,
                                  [](std::uint32_t id) { return static_cast<Id>(id); });
        };
        const std::array<Id, 3> mark = marks<Id>();
        *next++ = mark[0];
        if (!content.suffix_first) put(parts[0]);
        *next++ = mark[1];
        put(parts[2]);
        *next++ = mark[2];
        if (content.suffix_first) put(parts[0]);
        put(parts[1]);
        put(tail);
        learn_all(span, length, arrays);
        resize_span(span, length, arrays);
        return true;
    }

  private:
    // Ids of prefix, middle and suffix; returns how many.
    std::int64_t encode_parts(std::string_view text, const InfillDraws& draws, Parts& parts) const {
        const auto [from, to] = draws.cuts(count_characters(text));
        const std::size_t middle = byte_of(text, from, 0);
        const std::size_t suffix = byte_of(text, to - from, middle);
        const std::string_view texts[3]{text.substr(0, middle), text.substr(middle, suffix - middle),
                                        text.substr(suffix)};
        std::int64_t count = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            parts[i].clear();
            codec_->encode(texts[i], parts[i]);
            count += static_cast<std::int64_t>(parts[i].size());
        }
        return count;
    }

    std::shared_ptr<const TextCodec> codec_;
};

}  // namespace

std::shared_ptr<Objective> infilled_text(const Infilling& infilling, std::shared_ptr<const TextCodec> codec) {
    return std::make_shared<InfilledText>(infilling, std::move(codec));
}

}  // namespace pypack
