// CSV and TSV, chunk by chunk: the cells of some columns, row by row.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/buffer.hpp"

namespace pypack {

// A row that is no document.
struct BadRow {
    enum class Kind { kCells, kTooLong, kOpenQuote };

    Kind kind;
    std::int64_t row;
    std::int64_t size;  // its cells; the bytes of those asked for; the bytes behind the quote
};

struct DelimitedColumn {
    Buffer<std::uint8_t> cells;    // the bytes of its cells, end to end
    Buffer<std::int64_t> offsets;  // [D + 1]
};

struct DelimitedRows {
    std::vector<DelimitedColumn> columns;
    Buffer<std::int64_t> numbers;  // [D] numbers of the rows
    std::vector<BadRow> bad;       // by number
};

// Rows end with \n, \r or \r\n; an empty line is none. A cell that begins with a quote goes on to the next
// single one, over delimiters and line ends; two quotes in it are one. What follows the closing quote belongs
// to the cell. All other bytes are cells, whatever they are. The first row has the names and says how many
// cells every row has; the next one is number 0.
class DelimitedReader {
  public:
    struct Options {
        char delimiter = ',';
        std::vector<std::int64_t> slots;  // which output each column of the file goes to, -1 for none
        std::int64_t first_row = 0;       // those before it are passed over
        std::int64_t max_row_bytes = 0;   // of the cells asked for
        std::int64_t batch_bytes = 0;     // `is_full` from so many on,
        std::int64_t batch_rows = 0;      // or from so many rows
    };

    explicit DelimitedReader(Options options);

    // Reads on; returns how many of the bytes are read: all, or up to the row at which it is full.
    [[nodiscard]] std::int64_t feed(std::string_view chunk);
    // Behind the last byte: a row that has no line end is one.
    void finish();
    // Instead, where what follows cannot be read: the row that has begun is none.
    void cut_off();
    // Hands out the rows so far; one may not have begun.
    [[nodiscard]] DelimitedRows take();

    [[nodiscard]] bool is_full() const { return is_full_; }
    // Cells of the first row; -1 as long as it has not ended, 0 if its quote has no end.
    [[nodiscard]] std::int64_t num_columns() const { return num_columns_; }
    // The row that reading is at, from -1 for that of the names.
    [[nodiscard]] std::int64_t next_row() const { return row_; }

  private:
    enum class State { kRowStart, kCellStart, kPlain, kQuoted, kQuoteInQuoted };

    void begin_cell();
    void append(const char* begin, const char* end);
    void end_cell();
    void end_row();
    void drop_row();
    void begin_batch(const DelimitedRows& last);

    Options options_;
    std::size_t num_slots_ = 0;
    DelimitedRows rows_;
    State state_ = State::kRowStart;
    bool after_return_ = false;  // the last byte was a \r that ended a row
    bool is_full_ = false;
    std::int64_t num_columns_ = -1;
    std::int64_t row_ = -1;
    std::int64_t column_ = 0;        // of the row
    std::int64_t slot_ = -1;         // of the cell
    std::int64_t row_bytes_ = 0;     // of the cells asked for
    std::int64_t quoted_bytes_ = 0;  // behind the quote that is open
    std::int64_t batch_bytes_ = 0;   // of the rows that are complete
};

}  // namespace pypack
