// Rows that are gathered until there are enough of them to be written as columns.
#pragma once

#include <cstdint>

#include "pack/best_fit/columns.hpp"

namespace pypack {

// Of `count` words each; write(rows, num_rows) writes them.
template <typename Write>
class GatheredRows {
  public:
    explicit GatheredRows(Write write) : write_(write) {}

    void add(const std::uint64_t* row) {
        rows_[num_rows_++] = row;
        if (num_rows_ == kMostRows) flush();
    }
    // Before anything else is written to the columns, and at the end.
    void flush() {
        if (num_rows_ > 0) write_(static_cast<const std::uint64_t* const*>(rows_), num_rows_);
        num_rows_ = 0;
    }

  private:
    Write write_;
    const std::uint64_t* rows_[kMostRows];
    int num_rows_ = 0;
};

}  // namespace pypack
