// Asks the system to read what coming batches need, while the present one is in use.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "batch/sequence_source.hpp"

namespace pypack {

// Outlives the passes over a loader, as what was read stays. Thread-safe.
class ReadAhead {
  public:
    // `whole`: memory holds all files of the sources. Then they are read from end to end besides, after which
    // nothing is left to ask for: small random reads alone would take longer than reading everything, which
    // is what the system soon does by itself where files are small (it reads around every fault).
    ReadAhead(std::span<const SequenceSource> sources, bool whole);

    // Starts reading the tokens of the rows into the page cache. It waits for what says where they stand,
    // once for all rows, but not for them. What is damaged is passed over: resolve_rows names it when the
    // batch is made.
    void rows(std::span<const RowRef> rows) const;

    // Starts reading the next piece of the files, if they are to be read from end to end. Pieces grow from
    // call to call: the first batches need the disk for their own rows.
    void go_on();

    // All that can be asked for has been.
    [[nodiscard]] bool done() const;

  private:
    std::span<const SequenceSource> sources_;
    bool whole_;
    mutable std::mutex mutex_;                       // of what follows
    std::vector<std::span<const std::byte>> files_;  // what is left of them, the next one at the end
    std::size_t piece_;
};

}  // namespace pypack
