#include "tokenize/pretokenize/strips.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pypack {

void Strips::run(const PatternAutomaton& pattern, const StreamedStates& states, std::string_view text,
                 std::size_t begin, std::size_t size) {
    states_ = &states;
    text_ = text;
    length_ = (size + 2 * kCount - 1) / (2 * kCount) * 2;  // whole pairs
    for (std::size_t strip = 0; strip <= kCount; ++strip) {
        begins_[strip] = begin + std::min(size, strip * length_);
    }
    find_classes(pattern, states);
    if (states.pairs.empty()) {
        run_side_by_side(states);
    } else {
        run_by_pairs(states);
    }
    look_through();
    for (std::size_t strip = 0; strip < kCount; ++strip) find_joints(strip);
}

namespace {

// Of mask i, the bits before bit `end` of all masks.
std::uint64_t bits_before(std::size_t end, std::size_t i) {
    if (end >= 64 * i + 64) return ~std::uint64_t{0};
    return end <= 64 * i ? 0 : (std::uint64_t{1} << (end - 64 * i)) - 1;
}

}  // namespace

void Strips::find_classes(const PatternAutomaton& pattern, const StreamedStates& states) {
    for (std::size_t strip = 0; strip < kCount; ++strip) {
        const std::size_t begin = begins_[strip];
        const std::size_t size = size_of_run(strip);
        const char* const text = text_.data() + begin;
        std::uint8_t* const classes = classes_[strip].data();
        Mask leads{};
        loops_.look_up(text, size, text_.size() - begin, states.class_of_byte, classes, leads.data());
        for (std::size_t i = size; i < length_ + kBeyond; ++i) classes[i] = states.class_of_byte[0x80];
        for (std::size_t i = 0; i < kMasks; ++i) {
            for (std::uint64_t rest = leads[i]; rest != 0; rest &= rest - 1) {
                const std::size_t lead = 64 * i + static_cast<unsigned>(std::countr_zero(rest));
                const char* next = nullptr;
                classes[lead] = static_cast<std::uint8_t>(pattern.class_at(text + lead, next));
            }
        }
    }
}

void Strips::run_side_by_side(const StreamedStates& states) {
    const std::uint32_t* const entries = states.entries.data();
    const std::uint8_t* classes = classes_[0].data();
    std::uint8_t* bits = bits_[0].data();
    std::array<std::size_t, kCount> rows;
    rows.fill(states.start);
    const auto go_on = [&](std::size_t size) {
        for (const std::uint8_t* const end = classes + size; classes != end; ++classes, ++bits) {
#pragma GCC unroll 8
            for (std::size_t strip = 0; strip < kCount; ++strip) {
                const std::uint32_t entry = entries[rows[strip] + classes[strip * kStride]];
                bits[strip * kStride] = static_cast<std::uint8_t>(entry);
                rows[strip] = entry >> kStreamShift;
            }
        }
    };
    go_on(length_);
    std::copy(rows.begin(), rows.end(), rows_.begin());
    go_on(kBeyond);
}

// The same, two characters at a time.
void Strips::run_by_pairs(const StreamedStates& states) {
    for (std::size_t strip = 0; strip < kCount; ++strip) {
        loops_.pair_up(classes_[strip].data(), length_ + kBeyond, states.width, pairs_[strip].data());
    }
    const std::uint32_t* const entries = states.pairs.data();
    const std::uint16_t* pairs = pairs_[0].data();
    std::uint8_t* bits = bits_[0].data();
    std::array<std::size_t, kCount> rows;
    rows.fill(states.start * states.width);
    const auto go_on = [&](std::size_t size) {
        for (const std::uint16_t* const end = pairs + size / 2; pairs != end; ++pairs, bits += 2) {
#pragma GCC unroll 8
            for (std::size_t strip = 0; strip < kCount; ++strip) {
                const std::uint32_t entry = entries[rows[strip] + pairs[strip * (kStride / 2)]];
                const auto both = static_cast<std::uint16_t>(entry);
                std::memcpy(bits + strip * kStride, &both, sizeof both);
                rows[strip] = entry >> kStreamPairShift;
            }
        }
    };
    go_on(length_);
    std::copy(rows.begin(), rows.end(), rows_.begin());
    go_on(kBeyond);
}

void Strips::look_through() {
    // Those of all strips in one list: the end of a loop is mispredicted.
    std::array<std::uint32_t, kCount * kStride + 64> special;
    std::size_t count = 0;
    for (std::size_t strip = 0; strip < kCount; ++strip) {
        Marks& marks = marks_[strip];
        marks = {};
        count += loops_.find_bits(bits_[strip].data(), size_of_run(strip),
                                  static_cast<std::uint32_t>(strip * kStride), marks.words.data(),
                                  marks.accepts.data(), special.data() + count);
    }
    for (std::size_t s = 0; s < count; ++s) {
        const std::size_t strip = special[s] / kStride;
        const std::size_t i = special[s] % kStride;
        Marks& marks = marks_[strip];
        const std::uint8_t bits = bits_[strip][i];
        const std::uint64_t accepts = marks.accepts[i / 64] & (bit(i) - 1);
        const bool is_plain =
            (bits & kStreamGoesBack) == 0 && accepts != 0 && classes_[strip][i - 1] != states_->stay;
        if (!is_plain) {
            look_at_special(strip, i);
            continue;
        }
        // What look_at_special does, without a branch; all in the words of the masks that have bit i.
        const std::size_t size = begins_[strip + 1] - begins_[strip];
        const std::uint64_t previous = bit(i) >> 1;
        const std::uint64_t words = ((bits & kStreamEndsAtAccept) != 0 ? std::bit_floor(accepts) : 0) |
                                    ((bits & kStreamEndsAtPrevious) != 0 ? previous : 0);
        marks.words[i / 64] |= words;
        marks.late[i / 64] |= i >= size && i / 64 == size / 64 ? words & (bit(size) - 1) : 0;
        marks.accepts[i / 64] |= (bits & kStreamAcceptsPrevious) != 0 ? previous : 0;
    }
}

void Strips::find_joints(std::size_t strip) {
    Marks& marks = marks_[strip];
    const std::size_t begin = begins_[strip];
    const std::size_t size = begins_[strip + 1] - begin;
    std::size_t first = 0;
    while (first < size && is_utf8_continuation(text_[begin + first])) ++first;
    if ((marks.lost[first / 64] & bit(first)) == 0) marks.joints[first / 64] |= bit(first);
    for (std::size_t i = 0; i < kMasks; ++i) marks.joints[i] |= marks.words[i] & ~marks.late[i];
}

void Strips::look_at_special(std::size_t strip, std::size_t i) {
    Marks& marks = marks_[strip];
    const std::uint8_t bits = bits_[strip][i];
    const std::size_t begin = begins_[strip];
    const std::size_t size = begins_[strip + 1] - begin;
    if ((bits & kStreamGoesBack) != 0) {
        marks.lost[i / 64] |= bit(i);
        // It goes on with a match that begins here, or where none does, behind this character.
        std::size_t anew = i;
        if ((states_->entries[states_->start + classes_[strip][i]] & kStreamGoesBack) != 0) {
            do ++anew;
            while (anew < size && is_utf8_continuation(text_[begin + anew]));
        }
        marks.joints[anew / 64] |= bit(anew);
        return;
    }
    const auto add_word = [&](std::size_t word) {
        marks.words[word / 64] |= bit(word);
        if (i >= size && word < size) marks.late[word / 64] |= bit(word);
    };
    if ((bits & kStreamEndsAtAccept) != 0) add_word(*accept_before(strip, begin + i, begin) - begin);
    if ((bits & (kStreamEndsAtPrevious | kStreamAcceptsPrevious)) == 0) return;
    const std::size_t previous = previous_of(strip, i);
    if ((bits & kStreamEndsAtPrevious) != 0) add_word(previous);
    if ((bits & kStreamAcceptsPrevious) != 0) marks.accepts[previous / 64] |= bit(previous);
}

std::size_t Strips::previous_of(std::size_t strip, std::size_t i) const {
    do --i;
    while (is_utf8_continuation(text_[begins_[strip] + i]));
    return i;
}

std::optional<std::size_t> Strips::accept_before(std::size_t strip, std::size_t at, std::size_t from) const {
    const std::size_t begin = begins_[strip];
    std::uint64_t before = bit(at - begin) - 1;
    for (std::size_t i = (at - begin) / 64 + 1; i-- > (from - begin) / 64; before = ~std::uint64_t{0}) {
        const std::uint64_t accepts = marks_[strip].accepts[i] & before;
        if (accepts == 0) continue;
        const std::size_t last = begin + 64 * i + 63 - static_cast<unsigned>(std::countl_zero(accepts));
        return last < from ? std::nullopt : std::optional(last);
    }
    return std::nullopt;
}

std::size_t Strips::lost_from(std::size_t strip, std::size_t from) const {
    const std::size_t begin = begins_[strip];
    std::uint64_t ignored = ~std::uint64_t{0} << (from - begin) % 64;
    for (std::size_t i = (from - begin) / 64; i < kMasks; ++i) {
        const std::uint64_t lost = marks_[strip].lost[i] & ignored;
        if (lost != 0) {
            return std::min(end_of(strip), begin + 64 * i + static_cast<unsigned>(std::countr_zero(lost)));
        }
        ignored = ~std::uint64_t{0};
    }
    return end_of(strip);
}

std::optional<std::size_t> Strips::meeting(std::size_t strip) const {
    if (strip + 1 == kCount) return std::nullopt;
    const std::size_t size = begins_[strip + 1] - begins_[strip];
    // Of a mask, the 64 bits that belong to the next strip.
    const auto behind = [&](const Mask& mask) {
        std::uint64_t bits = mask[size / 64] >> size % 64;
        if (size % 64 != 0 && size / 64 + 1 < kMasks) bits |= mask[size / 64 + 1] << (64 - size % 64);
        return bits;
    };
    const std::uint64_t both = behind(marks_[strip].words) & marks_[strip + 1].joints[0];
    const std::uint64_t lost = behind(marks_[strip].lost);
    if ((both & ((lost & (~lost + 1)) - 1)) == 0) return std::nullopt;
    return end_of(strip) + static_cast<unsigned>(std::countr_zero(both));
}

std::size_t Strips::append_words(std::size_t strip, std::size_t from, std::size_t to, bool knows_late,
                                 std::size_t most, std::uint32_t* out) const {
    const std::size_t begin = begins_[strip];
    const Marks& marks = marks_[strip];
    Mask words = marks.words;
    for (std::size_t i = 0; i < kMasks; ++i) {
        if (!knows_late) words[i] &= ~marks.late[i];
        words[i] &= bits_before(to - begin, i) & ~bits_before(from - begin, i);
    }
    return loops_.write_positions(words.data(), kMasks, static_cast<std::uint32_t>(begin), most, out);
}

}  // namespace pypack
