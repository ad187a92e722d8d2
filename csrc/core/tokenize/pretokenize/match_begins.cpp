#include "tokenize/pretokenize/match_begins.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace pypack {
namespace {

constexpr std::size_t kBlock = 64;

}  // namespace

MatchBegins::MatchBegins(PatternAutomaton::Ptr pattern, const StripLoops& loops)
    : pattern_(std::move(pattern)), loops_(loops), anywhere_(pattern_->may_begin(pattern_->num_classes())) {
    for (unsigned byte = 0; byte < 128; ++byte) {
        may_begin_[byte] = pattern_->may_begin(pattern_->class_of_ascii(static_cast<unsigned char>(byte)));
    }
}

MatchBegins::Cursor::Cursor(const MatchBegins& begins, std::string_view text) : begins_(begins), text_(text) {
    if (begins_.anywhere_) return;
    load();
    find(0);
}

void MatchBegins::Cursor::find(std::size_t from) {
    if (from >= base_ + kBlock) {
        base_ = from / kBlock * kBlock;
        load();
    }
    std::uint64_t mask = mask_ & ~std::uint64_t{0} << (from - base_);
    while (mask == 0) {
        base_ += kBlock;
        if (base_ >= text_.size()) {
            found_ = text_.size();
            return;
        }
        load();
        mask = mask_;
    }
    found_ = base_ + static_cast<unsigned>(std::countr_zero(mask));
}

void MatchBegins::Cursor::load() {
    mask_ = 0;
    if (base_ >= text_.size()) return;
    std::array<std::uint8_t, kBlock> bytes;
    std::array<std::uint32_t, kBlock> places;
    std::uint64_t leads = 0;
    std::uint64_t unused = 0;
    const char* const text = text_.data() + base_;
    const std::size_t left = text_.size() - base_;
    const std::size_t size = std::min(kBlock, left);
    begins_.loops_.look_up(text, size, left, begins_.may_begin_, bytes.data(), &leads);
    begins_.loops_.find_bits(bytes.data(), size, 0, &mask_, &unused, places.data());
    for (; leads != 0; leads &= leads - 1) {
        const auto lead = static_cast<unsigned>(std::countr_zero(leads));
        const char* next = nullptr;
        if (begins_.pattern_->may_begin(begins_.pattern_->class_at(text + lead, next))) {
            mask_ |= std::uint64_t{1} << lead;
        }
    }
}

}  // namespace pypack
