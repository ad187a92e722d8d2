#include "corpus/delimited.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack {

namespace {

// The first byte that ends a cell without quotes.
[[nodiscard]] const char* cell_end(const char* p, const char* end, char delimiter) {
#if defined(__SSE2__)  // part of every x86-64
    const __m128i delimiters = _mm_set1_epi8(delimiter);
    const __m128i newline = _mm_set1_epi8('\n');
    const __m128i carriage_return = _mm_set1_epi8('\r');
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, delimiters), _mm_cmpeq_epi8(bytes, newline)),
                         _mm_cmpeq_epi8(bytes, carriage_return));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
        if (mask != 0) return p + std::countr_zero(mask);
        p += 16;
    }
#endif
    while (p != end && *p != delimiter && *p != '\n' && *p != '\r') ++p;
    return p;
}

}  // namespace

DelimitedReader::DelimitedReader(Options options) : options_(std::move(options)) {
    std::vector<bool> is_taken(options_.slots.size());
    for (const std::int64_t slot : options_.slots) {
        if (slot == -1) continue;
        if (slot < 0 || slot >= static_cast<std::int64_t>(is_taken.size()) ||
            is_taken[static_cast<std::size_t>(slot)]) {
            throw std::invalid_argument("slots are -1, or numbers from 0 on, each once");
        }
        is_taken[static_cast<std::size_t>(slot)] = true;
        num_slots_ = std::max(num_slots_, static_cast<std::size_t>(slot) + 1);
    }
    begin_batch({});
}

void DelimitedReader::begin_batch(const DelimitedRows& last) {
    rows_.columns.resize(num_slots_);
    for (std::size_t i = 0; i < num_slots_; ++i) {
        rows_.columns[i].offsets.push_back(0);
        if (i >= last.columns.size()) continue;
        const std::int64_t size = last.columns[i].cells.size();
        rows_.columns[i].cells.reserve(size + size / 8);  // about as much again
    }
    batch_bytes_ = 0;
    is_full_ = false;
}

void DelimitedReader::begin_cell() {
    const bool is_asked_for =
        row_ >= options_.first_row && column_ < static_cast<std::int64_t>(options_.slots.size());
    slot_ = is_asked_for ? options_.slots[static_cast<std::size_t>(column_)] : -1;
    quoted_bytes_ = 0;
}

void DelimitedReader::append(const char* begin, const char* end) {
    if (slot_ < 0 || begin == end) return;
    const std::int64_t size = end - begin;
    row_bytes_ += size;
    if (row_bytes_ > options_.max_row_bytes) return;  // the row is none; that much memory is enough
    auto& cells = rows_.columns[static_cast<std::size_t>(slot_)].cells;
    const std::int64_t before = cells.size();
    if (before + size > cells.capacity()) cells.reserve(std::max(before + size, 2 * cells.capacity()));
    cells.resize(before + size);
    std::memcpy(cells.data() + before, begin, static_cast<std::size_t>(size));
}

void DelimitedReader::end_cell() {
    ++column_;
    if (slot_ < 0) return;
    auto& column = rows_.columns[static_cast<std::size_t>(slot_)];
    column.offsets.push_back(column.cells.size());
}

void DelimitedReader::end_row() {
    const std::int64_t cells = column_;
    const std::int64_t bytes = row_bytes_;
    if (row_ < 0) {
        num_columns_ = cells;
    } else if (row_ >= options_.first_row) {
        if (cells != num_columns_) {
            rows_.bad.push_back({BadRow::Kind::kCells, row_, cells});
        } else if (bytes > options_.max_row_bytes) {
            rows_.bad.push_back({BadRow::Kind::kTooLong, row_, bytes});
        } else {
            rows_.numbers.push_back(row_);
            batch_bytes_ += bytes;
            for (auto& column : rows_.columns) {  // of a file that has fewer columns than slots
                if (column.offsets.size() <= rows_.numbers.size())
                    column.offsets.push_back(column.cells.size());
            }
        }
    }
    drop_row();
    ++row_;
    const auto rows = rows_.numbers.size() + static_cast<std::int64_t>(rows_.bad.size());
    is_full_ = rows >= std::max<std::int64_t>(1, options_.batch_rows) || batch_bytes_ >= options_.batch_bytes;
}

// What is there of a row that is no document, or none that is complete.
void DelimitedReader::drop_row() {
    state_ = State::kRowStart;
    column_ = 0;
    row_bytes_ = 0;
    for (auto& column : rows_.columns) {
        column.offsets.resize(rows_.numbers.size() + 1);
        column.cells.resize(column.offsets[rows_.numbers.size()]);
    }
}

std::int64_t DelimitedReader::feed(std::string_view chunk) {
    const char* const begin = chunk.data();
    const char* const end = begin + chunk.size();
    const char* p = begin;
    while (p != end && !is_full_) {
        switch (state_) {
            case State::kRowStart: {
                const bool is_second_half = after_return_ && *p == '\n';
                after_return_ = *p == '\r';
                if (is_second_half || *p == '\n' || *p == '\r') {
                    ++p;
                    break;
                }
                state_ = State::kCellStart;
                [[fallthrough]];
            }
            case State::kCellStart:
                begin_cell();
                state_ = *p == '"' ? State::kQuoted : State::kPlain;
                p += state_ == State::kQuoted;
                break;
            case State::kPlain: {
                const char* const stop = cell_end(p, end, options_.delimiter);
                append(p, stop);
                p = stop;
                if (p == end) break;
                end_cell();
                if (*p == options_.delimiter) {
                    state_ = State::kCellStart;
                } else {
                    end_row();
                    after_return_ = *p == '\r';
                }
                ++p;
                break;
            }
            case State::kQuoted: {
                const auto* quote =
                    static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
                const char* const stop = quote != nullptr ? quote : end;
                append(p, stop);
                quoted_bytes_ += stop - p;
                p = stop;
                if (quote == nullptr) break;
                state_ = State::kQuoteInQuoted;
                ++p;
                break;
            }
            case State::kQuoteInQuoted:
                if (*p == '"') {
                    append(p, p + 1);
                    quoted_bytes_ += 2;
                    ++p;
                    state_ = State::kQuoted;
                } else {
                    state_ = State::kPlain;
                }
                break;
        }
    }
    return p - begin;
}

void DelimitedReader::finish() {
    if (state_ == State::kRowStart) return;
    if (state_ == State::kQuoted) {
        if (row_ < 0) {
            num_columns_ = 0;
        } else if (row_ >= options_.first_row) {
            rows_.bad.push_back({BadRow::Kind::kOpenQuote, row_, quoted_bytes_});
        }
        drop_row();
        ++row_;
        return;
    }
    if (state_ == State::kCellStart) begin_cell();
    end_cell();
    end_row();
}

void DelimitedReader::cut_off() {
    if (state_ != State::kRowStart) drop_row();
}

DelimitedRows DelimitedReader::take() {
    if (state_ != State::kRowStart) throw std::logic_error("a row has begun");
    DelimitedRows taken = std::exchange(rows_, {});
    begin_batch(taken);
    return taken;
}

}  // namespace pypack
