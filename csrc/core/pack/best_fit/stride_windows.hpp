// Windows of a GoldenStride: its images cut into neighbouring stretches, so that all images can be written
// front to back in many places at once, from indices that are read front to back as well.
//
// Window i begins at the image i * step. Its d-th image comes from an index that is the same for all windows
// but for i itself: so the d-th images of neighbouring windows come from neighbouring indices. Cut at the
// images of 0, 1, ..., N - 1, the circle of images has gaps of two lengths for suitable N, those of the
// convergents of step / size (the three-gap theorem; Sos, "On the distribution mod 1 of the sequence n
// alpha", 1958).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pack/best_fit/stride.hpp"

namespace pypack {

class StrideWindows {
  public:
    // Windows next to one another in number, all of one length.
    struct Batch {
        std::int64_t first;
        std::int64_t count;  // at most kBatch
        std::int64_t length;
    };
    static constexpr std::int64_t kBatch = 256;  // lines of as many places stay in the first cache

    StrideWindows(const GoldenStride& stride, std::int64_t size)
        : size_(size),
          stride_(stride),
          back_(stride.inverse()),
          base_(size > 0 ? back_.at(0) : 0),
          to_right_(size > 1 ? 1 : 0),
          to_left_(size > 0 ? 1 : 0),
          right_(size > 1 ? stride.step() : 1),
          left_(size > 1 ? size - stride.step() : 1) {
        // One window more of a length splits the longer gap beside the image of 0.
        while (right_ != left_ && !is_enough()) {
            if (right_ > left_) {
                right_ -= left_;
                to_right_ += to_left_;
            } else {
                left_ -= right_;
                to_left_ += to_right_;
            }
        }
    }

    [[nodiscard]] std::int64_t num() const { return to_right_ + to_left_; }
    [[nodiscard]] std::int64_t first_image(std::int64_t window) const { return stride_.times(window); }
    // That of the next window by number.
    [[nodiscard]] std::int64_t next_image(std::int64_t image) const { return stride_.next(image); }
    // The window behind this one; the first is window 0, at image 0.
    [[nodiscard]] std::int64_t next(std::int64_t window) const {
        return window < to_left_ ? window + to_right_ : window - to_left_;
    }

    [[nodiscard]] std::int64_t num_batches() const { return batches(to_left_) + batches(to_right_); }
    [[nodiscard]] Batch batch(std::int64_t number) const {
        const bool is_right = number < batches(to_left_);
        const std::int64_t begin = is_right ? 0 : to_left_;
        const std::int64_t end = is_right ? to_left_ : num();
        const std::int64_t first = begin + (number - (is_right ? 0 : batches(to_left_))) * kBatch;
        return {first, std::min(kBatch, end - first), is_right ? right_ : left_};
    }

    // Calls work(begin, end, window) for indices [begin, end), whose images are the next ones of the windows
    // from `window` of the batch on; and before that soon(begin) for indices that will come a little later.
    template <typename Soon, typename Work>
    void each(const Batch& batch, Soon&& soon, Work&& work) const {
        constexpr std::int64_t kAhead = 2;
        const std::int64_t ahead = back_.times(kAhead);
        std::int64_t index = back_.moved(base_, batch.first % size_);
        for (std::int64_t d = 0; d < batch.length; ++d, index = back_.next(index)) {
            if (d + kAhead < batch.length) soon(back_.moved(index, ahead));
            const std::int64_t first = std::min(batch.count, size_ - index);
            work(index, index + first, std::int64_t{0});
            if (first < batch.count) work(std::int64_t{0}, batch.count - first, first);
        }
    }

  private:
    static std::int64_t batches(std::int64_t windows) { return (windows + kBatch - 1) / kBatch; }

    // Whether there are batches for many threads, and few that are short.
    [[nodiscard]] bool is_enough() const {
        constexpr std::int64_t kEnough = 32;
        if (num_batches() < kEnough) return false;
        const std::int64_t runs = batches(to_left_) * right_ + batches(to_right_) * left_;
        return runs * kBatch <= size_ + size_ / 4;
    }

    std::int64_t size_;
    GoldenStride stride_;
    GoldenStride back_;
    std::int64_t base_;  // whose image is 0
    // Of the first images of all windows, the one to the right of 0 is that of window to_right_, the one to
    // the left that of to_left_; and how far they are. to_left_ windows are right_ long, to_right_ are left_
    // long.
    std::int64_t to_right_;
    std::int64_t to_left_;
    std::int64_t right_;
    std::int64_t left_;
};

}  // namespace pypack
