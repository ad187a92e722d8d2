// A pattern's streamed states on their way through a piece: see streamed_automaton.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/prefetch.hpp"
#include "tokenize/pretokenize/pattern_automaton.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/pretokenize/streamed_states.hpp"
#include "tokenize/pretokenize/strips.hpp"

namespace pypack {

// One call of split(). Words lie end to end: each begins where the one before it ends.
class StreamedRun {
  public:
    // eighths: of bytes, that a word has as a rule.
    StreamedRun(const PatternAutomaton& pattern, const StreamedStates& states, std::string_view piece,
                WordSpans& words, std::size_t from, std::size_t eighths)
        : pattern_(pattern),
          states_(states),
          piece_(piece),
          words_(words),
          base_(piece.data()),
          last_(base_ + piece.size()),
          p_(base_ + from),
          accept_(p_),
          first_(words.size),
          n_(words.size),
          eighths_(eighths),
          row_(states.start) {
        words_.begin[n_] = static_cast<std::uint32_t>(from);
    }

    [[nodiscard]] bool is_done() const { return is_done_; }
    [[nodiscard]] bool has_room() const { return n_ < words_.capacity; }
    [[nodiscard]] bool has_words() const { return n_ > first_; }

    // Reads on while every character may end a word without there being too many.
    void go_on() {
        const std::uint32_t* const entries = states_.entries.data();
        const std::uint8_t* const class_of_byte = states_.class_of_byte.data();
        const char* const stop =
            p_ + std::min<std::size_t>(static_cast<std::size_t>(last_ - p_), words_.capacity - n_);
        const char* p = p_;
        const char* accept = accept_;
        std::uint32_t row = row_;
        std::uint32_t* const begins = words_.begin;
        std::size_t n = n_;
        std::uint32_t entry = 0;
        const char* next = p;
        while (p < stop) {
            next = p + 1;
            const auto byte = static_cast<unsigned char>(*p);
            const unsigned kind = byte < 0x80 ? class_of_byte[byte] : pattern_.class_at(p, next);
            entry = entries[row + kind];
            if ((entry & kStreamSpecial) != 0) [[unlikely]] {
                break;
            }
            begins[n + 1] = static_cast<std::uint32_t>(p - base_);
            n += entry & kStreamEnds;
            accept = (entry & kStreamAccepts) != 0 ? p : accept;
            row = entry >> kStreamShift;
            p = next;
        }
        p_ = p, accept_ = accept, row_ = row, n_ = n;
        if (p < stop) {
            take(entry, next);
        } else if (p == last_) {
            end_text();
        }
    }

    // Whether there is enough text for strips, and enough room.
    [[nodiscard]] bool has_text_for_strips() const {
        return states_.has_strips && static_cast<std::size_t>(last_ - p_) >= kFewestBytes;
    }
    [[nodiscard]] bool has_room_for_strips() const {
        return size_for_words(words_.capacity - std::min(n_, words_.capacity)) >= kFewestBytes;
    }
    [[nodiscard]] bool has_room_for_more_strips() const {
        return size_for_words(words_.capacity - std::min(n_, words_.capacity)) >= kMostBytes / 2;
    }
    void go_on_by_strips(Strips& strips) {
        const std::size_t begin = at(p_);
        std::size_t size =
            std::min({piece_.size() - begin, size_for_words(words_.capacity - n_), kMostBytes});
        while (begin + size < piece_.size() && is_utf8_continuation(piece_[begin + size])) --size;
        // The text that comes next; the words of this one are looked up before it is.
        for (std::size_t i = 0; i < size && begin + size + i < piece_.size(); i += 64) {
            prefetch(base_ + begin + size + i);
        }
        strips.run(pattern_, states_, piece_, begin, size);
        for (std::size_t strip = 0; strip < Strips::kCount; ++strip) {
            if (at(p_) >= strips.end_of(strip)) continue;
            take_strip(strips, strip);
            if (is_done_ || !has_room()) return;
        }
        if (p_ == last_) end_text();
    }
    // Eighths of a byte, that a word had here.
    [[nodiscard]] std::size_t eighths() const {
        const std::size_t count = std::min(n_, words_.capacity);
        return 8 * (words_.begin[count] - words_.begin[first_]) / std::max<std::size_t>(count - first_, 1);
    }

    // The number of the byte to go on from.
    [[nodiscard]] std::size_t finish() {
        const std::size_t size = std::min(n_, words_.capacity);
        words_.size = size;
        std::copy(words_.begin + first_ + 1, words_.begin + size + 1, words_.end + first_);
        if (is_done_ && size == n_) return piece_.size();
        return words_.begin[size];
    }

  private:
    static constexpr std::size_t kFewestBytes = Strips::kCount * Strips::kFewestBytes;
    static constexpr std::size_t kMostBytes = Strips::kCount * Strips::kMostBytes;

    // Bytes that may have so many words.
    [[nodiscard]] std::size_t size_for_words(std::size_t count) const { return count * eighths_ / 8; }

    [[nodiscard]] std::size_t at(const char* p) const { return static_cast<std::size_t>(p - base_); }
    [[nodiscard]] std::size_t word_begin() const { return words_.begin[n_]; }
    void end_word(const char* p) { words_.begin[++n_] = static_cast<std::uint32_t>(p - base_); }

    // Goes on alone until it agrees with the run through a strip, and takes the rest from there.
    void take_strip(const Strips& strips, std::size_t strip) {
        if (word_begin() == at(p_) && strips.agrees(strip, at(p_))) {
            if (!take_rest(strips, strip, at(p_) + 1)) return;
        } else if (meet(strips, strip)) {
            if (!take_rest(strips, strip, at(p_))) return;
        }
        while (at(p_) < strips.end_of(strip) && !is_done_ && has_room()) {
            const std::size_t before = word_begin();
            step();
            const std::size_t now = word_begin();
            if (now == before || now < strips.begin_of(strip) || now >= strips.end_of(strip)) continue;
            if (strips.agrees(strip, now) && !take_rest(strips, strip, now + 1)) return;
        }
    }

    // One character.
    void step() {
        const char* next = p_ + 1;
        const auto byte = static_cast<unsigned char>(*p_);
        const unsigned kind = byte < 0x80 ? states_.class_of_byte[byte] : pattern_.class_at(p_, next);
        take(states_.entries[row_ + kind], next);
    }

    // Goes on beside the run through a strip, from where that begins, until both do the same, and nothing
    // else tells one from the other; false where a word ends before.
    bool meet(const Strips& strips, std::size_t strip) {
        const std::size_t end = strips.end_of(strip);
        std::size_t here = strips.begin_of(strip);
        while (here < end && strips.class_at(strip, here) == states_.stay) ++here;
        if (here != at(p_)) return false;
        const std::uint32_t* const entries = states_.entries.data();
        std::uint32_t other = states_.start;
        std::uint32_t row = row_;
        bool met = false;
        for (; here < end; ++here) {
            const std::uint32_t kind = strips.class_at(strip, here);
            const std::uint32_t entry = entries[row + kind];
            const std::uint32_t other_entry = entries[other + kind];
            if ((entry & (kStreamSpecial | kStreamEnds)) != 0) break;
            if ((entry & kStreamAccepts) != 0) {
                accept_ = base_ + here;
                met = entry == other_entry;
                if (met) break;
            }
            row = entry >> kStreamShift;
            other = other_entry >> kStreamShift;
        }
        p_ = base_ + here, row_ = row;
        to_character();
        return met;
    }

    // Takes the words that a strip has found to begin from byte `from` on, both agreeing; false behind it.
    bool take_rest(const Strips& strips, std::size_t strip, std::size_t from) {
        const std::size_t lost = strips.lost_from(strip, from);
        const bool is_end = lost == strips.end_of(strip);
        const std::optional<std::size_t> meeting = is_end ? strips.meeting(strip) : std::nullopt;
        n_ += strips.append_words(strip, from, meeting ? *meeting + 1 : lost, meeting.has_value(),
                                  words_.capacity - n_, words_.begin + n_ + 1);
        p_ = base_ + meeting.value_or(lost);
        if (meeting) {
            row_ = states_.start;
            return false;
        }
        if (!has_room()) return false;
        if (const auto accept = strips.accept_before(strip, lost, from)) accept_ = base_ + *accept;
        if (is_end) {
            row_ = strips.end_row(strip);
            to_character();
            return false;
        }
        go_back(strips.bits_at(strip, lost));
        return true;
    }

    // A strip may end within a character, which it has read.
    void to_character() {
        while (p_ < last_ && is_utf8_continuation(*p_)) ++p_;
    }

    // What happens at a character.
    void take(std::uint32_t entry, const char* next) {
        if ((entry & kStreamGoesBack) != 0) {
            go_back(entry);
            return;
        }
        if ((entry & kStreamEndsAtAccept) != 0) end_word(accept_);
        if ((entry & kStreamEndsAtPrevious) != 0) end_word(previous());
        if ((entry & kStreamEnds) != 0) end_word(p_);
        if ((entry & kStreamAcceptsPrevious) != 0) accept_ = previous();
        if ((entry & kStreamAccepts) != 0) accept_ = p_;
        row_ = entry >> kStreamShift;
        p_ = next;
    }

    // The character before p_.
    [[nodiscard]] const char* previous() const {
        const char* p = p_ - 1;
        while (is_utf8_continuation(*p)) --p;
        return p;
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
        const std::size_t found = next_match(tried);
        if (found != tried) end_word(base_ + found);
        p_ = base_ + found;
        is_done_ = found == piece_.size();
    }

    // Where the first match behind byte `from` begins; the end of the text if there is none.
    [[nodiscard]] std::size_t next_match(std::size_t from) const {
        while (from < piece_.size()) {
            from += utf8_length(piece_[from]);
            if (from >= piece_.size()) break;
            const auto byte = static_cast<unsigned char>(piece_[from]);
            const bool cannot_begin =
                byte < 0x80 &&
                (states_.entries[states_.start + states_.class_of_byte[byte]] & kStreamGoesBack);
            if (!cannot_begin && pattern_.match(piece_, from, [](std::size_t) { return 0U; })) break;
        }
        return from;
    }

    const PatternAutomaton& pattern_;
    const StreamedStates& states_;
    std::string_view piece_;
    WordSpans& words_;
    const char* base_;
    const char* last_;
    const char* p_;       // the character to look at
    const char* accept_;  // where the match at hand has ended, so far
    std::size_t first_;   // words that there were before
    std::size_t n_;       // words
    std::size_t eighths_;
    std::uint32_t row_;
    bool is_done_ = false;
};

}  // namespace pypack
