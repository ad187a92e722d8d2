// Rows that are gathered until there are enough of them to be written as columns.
#pragma once

#include <cstdint>

#include "pack/best_fit/columns.hpp"
#include "pack/best_fit/stride_windows.hpp"

namespace pypack {

class ColumnWriter {
  public:
    // columns[i]: where the next word of column i goes; counts on. At most StrideWindows::kBatch of them.
    ColumnWriter(std::uint64_t** columns, Instructions instructions)
        : columns_(columns), instructions_(instructions) {}

    // The rows that follow are of columns [first, first + count).
    void aim(std::int64_t first, std::int64_t count) {
        if (first == first_ && count == count_) return;
        flush();
        first_ = first;
        count_ = count;
    }
    // Memory for the next row, until it is written.
    [[nodiscard]] std::uint64_t* room() { return made_[num_rows_]; }
    // `row` stays where it is until it is written.
    void add(const std::uint64_t* row) {
        rows_[num_rows_++] = row;
        if (num_rows_ == kMostRows) flush();
    }
    // Before the columns are looked at, and at the end.
    void flush() {
        if (num_rows_ > 0) rows_to_columns(rows_, num_rows_, count_, columns_ + first_, instructions_);
        num_rows_ = 0;
    }

  private:
    std::uint64_t** columns_;
    Instructions instructions_;
    std::int64_t first_ = 0;
    std::int64_t count_ = 0;
    int num_rows_ = 0;
    const std::uint64_t* rows_[kMostRows];
    std::uint64_t made_[kMostRows][StrideWindows::kBatch];
};

}  // namespace pypack
