// The least that a loader of packed rows can do: copy spans whose places are already known, and widen them.
// Rows beyond the first `batch` write over the same batch again: warm memory. Compiled by bare_loop.py with
// -O3 -march=native.
#include <cstdint>

extern "C" {

void bare_ids(const uint16_t* tokens, const int64_t* offsets, const int32_t* lengths,
              const int64_t* first_span, const int64_t* rows, int64_t num_rows, int64_t batch,
              int64_t row_length, int64_t* ids) {
    for (int64_t r = 0; r < num_rows; ++r) {
        int64_t* out = ids + r % batch * row_length;
        int64_t* const end = out + row_length;
        for (int64_t s = first_span[rows[r]]; s < first_span[rows[r] + 1]; ++s) {
            const uint16_t* from = tokens + offsets[s];
            for (int32_t i = 0; i < lengths[s]; ++i) out[i] = from[i];
            out += lengths[s];
        }
        for (; out < end; ++out) *out = 0;
    }
}

void bare_four(const uint16_t* tokens, const int64_t* offsets, const int32_t* lengths,
               const int64_t* first_span, const int64_t* rows, int64_t num_rows, int64_t batch,
               int64_t row_length, int64_t* ids, int64_t* labels, int64_t* positions, int64_t* segments) {
    for (int64_t r = 0; r < num_rows; ++r) {
        int64_t at = r % batch * row_length;
        const int64_t end = at + row_length;
        int64_t segment = 0;
        for (int64_t s = first_span[rows[r]]; s < first_span[rows[r] + 1]; ++s) {
            const uint16_t* from = tokens + offsets[s];
            const int32_t n = lengths[s];
            ++segment;
            for (int32_t i = 0; i < n; ++i) ids[at + i] = labels[at + i] = from[i];
            for (int32_t i = 0; i < n; ++i) positions[at + i] = i;
            for (int32_t i = 0; i < n; ++i) segments[at + i] = segment;
            labels[at] = -100;
            at += n;
        }
        for (; at < end; ++at) {
            ids[at] = positions[at] = segments[at] = 0;
            labels[at] = -100;
        }
    }
}
}
