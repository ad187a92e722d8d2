#include "tokenize/models/segmented_merge.hpp"

#include <algorithm>
#include <utility>

namespace pypack {
namespace {

// Tokens on each side of a border that are encoded once more, and how many where that is not enough.
constexpr std::uint32_t kBeside = 3;
constexpr std::uint32_t kFarBeside = 8;
constexpr std::size_t kKeptTokens = std::size_t{1} << 16;  // a word that needed more gives their memory back

}  // namespace

bool SegmentedMerge::merge(const MergeTable& table, std::vector<TokenId>& symbols) {
    const std::uint64_t size = symbols.size();
    if (size <= ShortMerge::kMaxSymbols || table.size() > ShortMerge::kMaxMerges) return false;
    segments_.clear();
    tokens_.clear();
    borders_.clear();
    border_tokens_.clear();
    const std::uint64_t count = (size + kSegment - 1) / kSegment;
    for (std::uint64_t i = 0; i < count; ++i) {
        segments_.push_back({static_cast<std::uint32_t>(size * i / count),
                             static_cast<std::uint32_t>(size * (i + 1) / count)});
    }
    bool done = true;
    for (std::size_t from = 0; done && from < count; from += kAtOnce) {
        const std::size_t to = std::min<std::size_t>(from + kAtOnce, count);
        encode(table, symbols, std::span(segments_).subspan(from, to - from), tokens_);
        done = look_around_borders(table, symbols, from, to);
    }
    if (done) join(symbols);
    if (tokens_.capacity() > kKeptTokens) *this = SegmentedMerge();
    return done;
}

// Encodes the symbols of each job, and appends what they come to.
void SegmentedMerge::encode(const MergeTable& table, std::span<const TokenId> symbols, std::span<Job> jobs,
                            std::vector<Token>& tokens) {
    std::array<ShortMerge*, kLanes> lanes{};
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = &lanes_[i];
    std::array<std::size_t, kLanes> job_of{};
    std::size_t active = 0;
    for (std::size_t next = 0; next < jobs.size() || active > 0;) {
        for (; active < kLanes && next < jobs.size(); ++next) {
            const Job& job = jobs[next];
            lanes[active]->begin(table, job.end - job.begin,
                                 [&](std::size_t i) { return symbols[job.begin + i]; });
            job_of[active++] = next;
        }
        const std::size_t done = merge_until_done(table, std::span(lanes).first(active));
        Job& job = jobs[job_of[done]];
        job.first_token = static_cast<std::uint32_t>(tokens.size());
        lanes[done]->for_each_symbol([&](TokenId id, std::size_t symbol) {
            tokens.push_back({id, job.begin + static_cast<std::uint32_t>(symbol)});
        });
        job.num_tokens = static_cast<std::uint32_t>(tokens.size()) - job.first_token;
        --active;
        std::swap(lanes[done], lanes[active]);
        std::swap(job_of[done], job_of[active]);
    }
}

// The border behind segment `index`, with so many tokens on each side, or as many as there are: but a token
// less than all, for those behind it are looked for. False where they are too many symbols, or too few
// tokens.
bool SegmentedMerge::place_border(std::size_t index, std::uint32_t beside, Border& border) const {
    const Job& left = segments_[index];
    const Job& right = segments_[index + 1];
    const std::uint32_t on_left = std::min(beside, left.num_tokens);
    const std::uint32_t on_right = std::min(beside, right.num_tokens - 1);
    if (on_left < 2 || on_right < 1) return false;
    border.kept_left = left.first_token + left.num_tokens - on_left;
    border.kept_right = right.first_token + on_right - 1;
    border.job = {tokens_[border.kept_left].begin, tokens_[border.kept_right + 1].begin};
    return border.job.end - border.job.begin <= ShortMerge::kMaxSymbols;
}

// Whether the outer tokens have stayed. A token ends where the next one begins.
bool SegmentedMerge::keeps(const Border& border) const {
    if (border.job.num_tokens < 2) return false;
    const Token* const found = border_tokens_.data() + border.job.first_token;
    return found[0] == tokens_[border.kept_left] && found[1].begin == tokens_[border.kept_left + 1].begin &&
           found[border.job.num_tokens - 1] == tokens_[border.kept_right];
}

// Looks around the borders that segments [from, to) have with those before them: whether all can be joined.
bool SegmentedMerge::look_around_borders(const MergeTable& table, std::span<const TokenId> symbols,
                                         std::size_t from, std::size_t to) {
    const std::size_t first = borders_.size();
    jobs_.clear();
    for (std::size_t i = std::max<std::size_t>(from, 1) - 1; i + 1 < to; ++i) {
        Border& border = borders_.emplace_back();
        if (!place_border(i, kBeside, border)) return false;
        jobs_.push_back(border.job);
    }
    encode(table, symbols, jobs_, border_tokens_);
    for (std::size_t i = first; i < borders_.size(); ++i) {
        Border& border = borders_[i];
        border.job = jobs_[i - first];
        if (!keeps(border)) {
            if (!place_border(i, kFarBeside, border)) return false;
            encode(table, symbols, {&border.job, 1}, border_tokens_);
            if (!keeps(border)) return false;
        }
        // The token that one border keeps last may be the one that the next border keeps first.
        if (i > 0 && borders_[i - 1].kept_right > border.kept_left) return false;
    }
    return true;
}

// Writes the tokens: of a segment those from what one border keeps to what the next one does, of a border
// those within.
void SegmentedMerge::join(std::vector<TokenId>& symbols) const {
    std::size_t size = 0;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const bool is_last = i == borders_.size();
        std::uint32_t next = i == 0 ? segments_[0].first_token : borders_[i - 1].kept_right;
        const std::uint32_t end =
            is_last ? segments_[i].first_token + segments_[i].num_tokens : borders_[i].kept_left + 1;
        for (; next < end; ++next) symbols[size++] = tokens_[next].id;
        if (is_last) break;
        const Job& border = borders_[i].job;
        for (std::uint32_t token = 1; token + 1 < border.num_tokens; ++token) {
            symbols[size++] = border_tokens_[border.first_token + token].id;
        }
    }
    symbols.resize(size);
}

}  // namespace pypack
