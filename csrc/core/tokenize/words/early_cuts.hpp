// Long words cut before anybody looks for them, where they hardly ever come again.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenize/models/word_cutter.hpp"
#include "tokenize/words/word_cache.hpp"

namespace pypack {

// A pretokenizer whose words run across spaces makes half sentences of a text: each is new, and all its
// pieces are known. Whether words are like that shows in what becomes of them. Ids are the same, cut or not.
class EarlyCuts {
  public:
    static constexpr std::size_t kBatch = 256;

    // `cutter` outlives it; null where nothing may be cut.
    explicit EarlyCuts(const WordCutter* cutter) : cutter_(cutter) {}

    [[nodiscard]] bool pay() const { return gain_ > kMostGain / 2; }

    // What became of a word longer than a key that was not cut: whether it had better been.
    void note(bool is_better_cut) {
        if (cutter_ != nullptr) count(is_better_cut);
    }

    // Cuts words of `piece` from word `next` on, and moves it, until there are kBatch pieces or more, or no
    // more words. Returns how many; they are at hand until the next call.
    std::size_t cut(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                    std::size_t count, std::size_t& next);
    [[nodiscard]] const std::uint32_t* begins() const { return begins_.data(); }
    [[nodiscard]] const std::uint32_t* ends() const { return ends_.data(); }

  private:
    static constexpr int kMostGain = 64;

    // Bursts of such words do not count, only texts that are full of them.
    void count(bool is_better_cut) {
        gain_ = std::clamp(is_better_cut ? gain_ + 1 : gain_ - 1, -kMostGain, kMostGain);
    }
    void put(std::uint32_t begin, std::uint32_t end) {
        begins_[size_] = begin;
        ends_[size_++] = end;
    }
    void cut_word(std::string_view piece, std::uint32_t begin, std::uint32_t end);

    const WordCutter* cutter_;
    int gain_ = 0;
    std::size_t size_ = 0;
    std::array<std::uint32_t, kBatch + LongWordCache::kMaxWordBytes> begins_;
    std::array<std::uint32_t, kBatch + LongWordCache::kMaxWordBytes> ends_;
};

}  // namespace pypack
