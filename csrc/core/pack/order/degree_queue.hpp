// Documents by how many edges to documents not yet taken they have: a bucket for each number, and in it the
// last that came to that number first. What was taken, or has come to a lower number since, stays in its
// bucket until it is met: every change is an entry more, never a search.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pypack {

class DegreeQueue {
  public:
    void push(std::int32_t document, std::int32_t degree) {
        const auto bucket = static_cast<std::size_t>(degree);
        if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
        buckets_[bucket].push_back(document);
        lowest_ = std::min(lowest_, bucket);
    }

    // The next document of which is_current(document, degree) holds; -1: there is none.
    template <typename IsCurrent>
    std::int32_t pop(IsCurrent&& is_current) {
        for (; lowest_ < buckets_.size(); ++lowest_) {
            auto& bucket = buckets_[lowest_];
            while (!bucket.empty()) {
                const std::int32_t document = bucket.back();
                bucket.pop_back();
                if (is_current(document, static_cast<std::int32_t>(lowest_))) return document;
            }
        }
        return -1;
    }

  private:
    std::vector<std::vector<std::int32_t>> buckets_;
    std::size_t lowest_ = 0;
};

}  // namespace pypack
