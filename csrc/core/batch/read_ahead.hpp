// Asks the system to read what coming batches need, while the present one is in use.
#pragma once

#include <span>

#include "batch/sequence_source.hpp"

namespace pypack {

// Starts reading the tokens of the rows into the page cache, without waiting for them. What is damaged is
// passed over: resolve_rows names it when the batch is made.
void read_ahead(std::span<const SequenceSource> sources, std::span<const RowRef> rows);

}  // namespace pypack
