#include "tokenize/pretokenize/streamed_automaton.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "tokenize/pretokenize/streamed_states.hpp"

namespace pypack {
namespace {

class StreamedAutomaton final : public Pretokenizer {
  public:
    StreamedAutomaton(PatternAutomaton::Ptr pattern, StreamedStates states)
        : pattern_(std::move(pattern)), states_(std::move(states)) {}

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        Run run{*pattern_, states_, piece, words, from};
        while (!run.is_done() && run.has_room()) run.go_on();
        return run.finish();
    }

  private:
    class Run {
      public:
        Run(const PatternAutomaton& pattern, const StreamedStates& states, std::string_view piece,
            WordSpans& words, std::size_t from)
            : pattern_(pattern),
              states_(states),
              piece_(piece),
              words_(words),
              base_(piece.data()),
              last_(base_ + piece.size()),
              p_(base_ + from),
              accept_(p_),
              previous_(p_),
              n_(words.size) {
            words_.begin[n_] = static_cast<std::uint32_t>(from);
        }

        [[nodiscard]] bool is_done() const { return is_done_; }
        [[nodiscard]] bool has_room() const { return n_ < words_.capacity; }

        // Reads on while every character may end a word without there being too many.
        void go_on() {
            const std::uint32_t* const entries = states_.entries.data();
            const std::uint8_t* const ascii = states_.ascii.data();
            const char* const stop =
                p_ + std::min<std::size_t>(static_cast<std::size_t>(last_ - p_), words_.capacity - n_);
            const char* p = p_;
            const char* accept = accept_;
            const char* previous = previous_;
            std::uint32_t row = row_;
            std::uint32_t* const begins = words_.begin;
            std::uint32_t* const ends = words_.end;
            std::size_t n = n_;
            std::uint32_t entry = 0;
            const char* next = p;
            while (p < stop) {
                next = p + 1;
                const auto byte = static_cast<unsigned char>(*p);
                const unsigned kind = byte < 0x80 ? ascii[byte] : pattern_.class_at(p, next);
                entry = entries[row + kind];
                if ((entry & kStreamSpecial) != 0) [[unlikely]] {
                    break;
                }
                const auto here = static_cast<std::uint32_t>(p - base_);
                ends[n] = here;
                begins[n + 1] = here;
                n += entry & kStreamEnds;
                accept = (entry & kStreamAccepts) != 0 ? p : accept;
                row = entry >> kStreamShift;
                previous = p;
                p = next;
            }
            p_ = p, accept_ = accept, previous_ = previous, row_ = row, n_ = n;
            if (p < stop) {
                take_special(entry, next);
            } else if (p == last_) {
                end_text();
            }
        }

        // The number of the byte to go on from.
        [[nodiscard]] std::size_t finish() {
            const std::size_t size = std::min(n_, words_.capacity);
            words_.size = size;
            if (is_done_ && size == n_) return piece_.size();
            return words_.begin[size];
        }

      private:
        void end_word(const char* at) {
            const auto here = static_cast<std::uint32_t>(at - base_);
            words_.end[n_] = here;
            words_.begin[++n_] = here;
        }

        // What happens at a character besides that a word ends before it.
        void take_special(std::uint32_t entry, const char* next) {
            if ((entry & kStreamGoesBack) != 0) {
                go_back(entry);
                return;
            }
            if ((entry & kStreamEndsAtAccept) != 0) end_word(accept_);
            if ((entry & kStreamEndsAtPrevious) != 0) end_word(previous_);
            if ((entry & kStreamEnds) != 0) end_word(p_);
            if ((entry & kStreamAcceptsPrevious) != 0) accept_ = previous_;
            if ((entry & kStreamAccepts) != 0) accept_ = p_;
            row_ = entry >> kStreamShift;
            previous_ = p_;
            p_ = next;
        }

        void end_text() {
            const std::uint32_t entry = states_.entries[row_ + pattern_.num_classes()];
            if ((entry & kStreamGoesBack) != 0) {
                go_back(entry);
                return;
            }
            if (words_.begin[n_] != piece_.size()) end_word(last_);
            is_done_ = true;
        }

        // To where the match ended, or, where none begins, on to where the next one does.
        void go_back(std::uint32_t entry) {
            row_ = states_.start;
            if ((entry & kStreamHasAccept) != 0) {
                end_word(accept_);
                p_ = accept_;
                return;
            }
            const std::size_t tried = words_.begin[n_];
            const std::size_t at = next_match(tried);
            if (at != tried) end_word(base_ + at);
            p_ = base_ + at;
            is_done_ = at == piece_.size();
        }

        // Where the first match behind byte `at` begins; the end of the text if there is none.
        [[nodiscard]] std::size_t next_match(std::size_t at) const {
            while (at < piece_.size()) {
                at += utf8_length(piece_[at]);
                if (at >= piece_.size()) break;
                const auto byte = static_cast<unsigned char>(piece_[at]);
                const bool cannot_begin =
                    byte < 0x80 && (states_.entries[states_.start + states_.ascii[byte]] & kStreamGoesBack);
                if (!cannot_begin && pattern_.match(piece_, at, {})) break;
            }
            return at;
        }

        const PatternAutomaton& pattern_;
        const StreamedStates& states_;
        std::string_view piece_;
        WordSpans& words_;
        const char* base_;
        const char* last_;
        const char* p_;         // the character to look at
        const char* accept_;    // where the match at hand has ended, so far
        const char* previous_;  // the character before p_
        std::size_t n_;         // words
        std::uint32_t row_ = states_.start;
        bool is_done_ = false;
    };

    PatternAutomaton::Ptr pattern_;
    StreamedStates states_;
};

}  // namespace

PretokenizerPtr make_streamed_automaton(const PatternAutomaton::Ptr& pattern) {
    if (!pattern->is_plain()) return nullptr;
    std::optional<StreamedStates> states = make_streamed_states(*pattern);
    if (!states) return nullptr;
    return std::make_shared<StreamedAutomaton>(pattern, std::move(*states));
}

}  // namespace pypack
