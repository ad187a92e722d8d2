#include "tokenize/pretokenize/split_steps.hpp"

#include <algorithm>
#include <utility>

#include "tokenize/pretokenize/looked_ahead.hpp"
#include "tokenize/pretokenize/streamed_automaton.hpp"

namespace pypack {
namespace {

struct Span {
    std::uint32_t begin;
    std::uint32_t end;
};

struct Segment {
    Span span;
    bool is_match;
};

// What one thread has found in the piece at hand, whose words it may be asked for several times.
struct Found {
    const void* owner = nullptr;
    const char* piece = nullptr;
    std::size_t size = 0;
    std::size_t from = 0;  // what is asked for next
    std::size_t next = 0;  // the word that comes then
    std::vector<Span> words;
    std::vector<Span> before;
    std::vector<Segment> segments;
    LookedAhead ahead;
};

constexpr std::size_t kKeptWords = std::size_t{1} << 18;

class SplitSteps final : public Pretokenizer {
  public:
    SplitSteps(std::vector<SplitStep> steps, Instructions instructions) : steps_(std::move(steps)) {
        for (SplitStep& step : steps_) {
            if (step.pattern != nullptr) {
                step.streamed = make_streamed_automaton(step.pattern, instructions);
                step.begins = std::make_shared<MatchBegins>(step.pattern, strip_loops(resolve(instructions)));
            }
        }
    }

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        thread_local Found found;
        const bool goes_on = from != 0 && found.owner == this && found.piece == piece.data() &&
                             found.size == piece.size() && found.from == from;
        if (!goes_on) {
            cut(piece, found);
            const auto first =
                std::lower_bound(found.words.begin(), found.words.end(), from,
                                 [](const Span& word, std::size_t at) { return word.begin < at; });
            found.next = static_cast<std::size_t>(first - found.words.begin());
            found.owner = this, found.piece = piece.data(), found.size = piece.size();
        }
        for (; found.next < found.words.size() && !words.full(); ++found.next) {
            words.push_back(found.words[found.next].begin, found.words[found.next].end);
        }
        const bool is_done = found.next == found.words.size();
        found.from = is_done ? piece.size() : found.words[found.next].begin;
        if (is_done) {
            found.owner = nullptr;
            if (found.words.capacity() > kKeptWords) found.words = {};
            if (found.before.capacity() > kKeptWords) found.before = {};
            if (found.segments.capacity() > kKeptWords) found.segments = {};
            found.ahead.keep(kKeptWords);
        }
        return found.from;
    }

  private:
    void cut(std::string_view piece, Found& found) const {
        found.words.assign(1, {0, static_cast<std::uint32_t>(piece.size())});
        for (const SplitStep& step : steps_) {
            std::swap(found.words, found.before);
            found.words.clear();
            if (step.pattern) {
                cut_by_pattern(step, piece, found);
                continue;
            }
            for (const Span span : found.before) {
                const std::string_view text = piece.substr(span.begin, span.end - span.begin);
                if (step.inner) {
                    cut_by_other(*step.inner, text, span.begin, found.words);
                } else {
                    cut_by_length(step.num_characters, text, span.begin, found.words);
                }
            }
        }
    }

    static void cut_by_pattern(const SplitStep& step, std::string_view piece, Found& found) {
        MatchBegins::Cursor begins(*step.begins, piece);
        const bool drops_rest = step.behavior == SplitBehavior::kRemoved && step.invert;
        for (const Span span : found.before) {
            if (begins.next(span.begin) < span.end) {
                cut_word(step, piece.substr(span.begin, span.end - span.begin), span.begin, begins, found);
            } else if (!drops_rest) {
                found.words.push_back(span);
            }
        }
    }

    static void add(std::vector<Span>& words, std::uint32_t base, std::size_t begin, std::size_t end) {
        words.push_back({base + static_cast<std::uint32_t>(begin), base + static_cast<std::uint32_t>(end)});
    }

    static void cut_by_other(const Pretokenizer& other, std::string_view text, std::uint32_t base,
                             std::vector<Span>& words) {
        constexpr std::size_t kAtOnce = 256;
        std::uint32_t begin[kAtOnce + WordSpans::kSlack];
        std::uint32_t end[kAtOnce + WordSpans::kSlack];
        for (std::size_t from = 0; from < text.size();) {
            WordSpans spans{begin, end, kAtOnce};
            from = other.split(text, from, spans);
            for (std::size_t i = 0; i < spans.size; ++i) add(words, base, begin[i], end[i]);
        }
    }

    static void cut_by_length(std::size_t num_characters, std::string_view text, std::uint32_t base,
                              std::vector<Span>& words) {
        std::size_t begin = 0;
        std::size_t count = 0;
        for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
            if (count == num_characters) {
                add(words, base, begin, at);
                begin = at;
                count = 0;
            }
            ++count;
        }
        if (begin < text.size()) add(words, base, begin, text.size());
    }

    // Calls visit(begin, end, is_match) for every match and for what lies between them, in order. A match of
    // nothing counts, unless it lies where the match before it ended: then the next one is looked for behind
    // the character there, as `tokenizers` does. The text lies at byte `base` of what `begins` goes through.
    template <typename Visit>
    static void for_each_part(const PatternAutomaton& pattern, std::string_view text, std::uint32_t base,
                              MatchBegins::Cursor& begins, LookedAhead& ahead, Visit&& visit) {
        constexpr std::size_t kNone = static_cast<std::size_t>(-1);
        ahead.begin(pattern, text);
        std::size_t kept = 0;  // what lies behind the last match begins here
        std::size_t last_end = kNone;
        for (std::size_t at = 0; at <= text.size();) {
            at = begins.next(base + at) - base;
            if (at > text.size()) break;
            const auto end = pattern.match(text, at, [&](std::size_t place) { return ahead.at(place); });
            if (!end || (*end == at && at == last_end)) {
                if (at == text.size()) break;
                at += utf8_length(text[at]);
                continue;
            }
            if (kept != at) visit(kept, at, false);
            visit(at, *end, true);
            kept = at = last_end = *end;
        }
        if (kept != text.size()) visit(kept, text.size(), false);
    }

    static void cut_word(const SplitStep& step, std::string_view text, std::uint32_t base,
                         MatchBegins::Cursor& begins, Found& found) {
        std::vector<Span>& words = found.words;
        if (step.streamed != nullptr && step.behavior == SplitBehavior::kIsolated) {
            cut_by_other(*step.streamed, text, base, words);
            return;
        }
        if (step.behavior == SplitBehavior::kIsolated || step.behavior == SplitBehavior::kRemoved) {
            const bool keeps_all = step.behavior == SplitBehavior::kIsolated;
            for_each_part(*step.pattern, text, base, begins, found.ahead,
                          [&](std::size_t begin, std::size_t end, bool is_match) {
                              if (begin != end && (keeps_all || is_match == step.invert))
                                  add(words, base, begin, end);
                          });
            return;
        }
        for_each_part(*step.pattern, text, base, begins, found.ahead,
                      [&](std::size_t begin, std::size_t end, bool is_match) {
                          found.segments.push_back(
                              {{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)},
                               is_match != step.invert});
                      });
        merge(step.behavior, base, found);
    }

    // Writes the segments at hand as words, some of them together.
    static void merge(SplitBehavior behavior, std::uint32_t base, Found& found) {
        std::vector<Segment>& segments = found.segments;
        bool before = false;  // whether the segment before was a match
        const std::size_t first = found.words.size();
        if (behavior == SplitBehavior::kMergedWithNext) {
            std::reverse(segments.begin(), segments.end());
        }
        for (const auto& [span, is_match] : segments) {
            const bool has_last = found.words.size() > first;
            const bool joins = has_last && (behavior == SplitBehavior::kContiguous ? is_match == before
                                                                                   : is_match && !before);
            if (!joins) {
                add(found.words, base, span.begin, span.end);
            } else if (behavior == SplitBehavior::kMergedWithNext) {
                found.words.back().begin = base + span.begin;
            } else {
                found.words.back().end = base + span.end;
            }
            before = is_match;
        }
        if (behavior == SplitBehavior::kMergedWithNext) {
            std::reverse(found.words.begin() + static_cast<std::ptrdiff_t>(first), found.words.end());
        }
        segments.clear();
        // Matches of nothing that were joined with nothing.
        const auto is_empty = [](const Span& word) { return word.begin == word.end; };
        found.words.erase(std::remove_if(found.words.begin() + static_cast<std::ptrdiff_t>(first),
                                         found.words.end(), is_empty),
                          found.words.end());
    }

    std::vector<SplitStep> steps_;
};

}  // namespace

PretokenizerPtr make_split_steps(std::vector<SplitStep> steps, Instructions instructions) {
    if (steps.size() == 1 && steps[0].pattern != nullptr && steps[0].behavior == SplitBehavior::kIsolated) {
        if (auto streamed = make_streamed_automaton(steps[0].pattern, instructions)) return streamed;
    }
    return std::make_shared<SplitSteps>(std::move(steps), instructions);
}

}  // namespace pypack
