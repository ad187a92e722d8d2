// Everything that the batches of a loader are made from, and the making of one step's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "batch/buffer_pool.hpp"
#include "batch/made_batch.hpp"
#include "batch/pair_batch.hpp"
#include "batch/remote_rows.hpp"
#include "batch/sequence_source.hpp"
#include "batch/source_bucket.hpp"
#include "objective/objective.hpp"
#include "pack/balance/balance.hpp"

namespace pypack {

// One step on one rank.
struct StepRequest {
    std::vector<Draw> draws;
    std::int64_t slots = 0;  // rows of the global batch, empty ones included
    std::int64_t row_length = 0;
    std::optional<std::uint64_t> shuffle_key;
    std::int64_t rank = 0;
    std::int64_t world_size = 1;
    BalanceStrategy balance = BalanceStrategy::none;
    OutsideMemory memory;
    int num_threads = 1;
    std::shared_ptr<const Objective> objective;  // of this step alone, with the maker's extras; null: its own
};

struct BatchMaker {
    std::vector<SequenceSource> sources;
    std::vector<SourceBucket> buckets;
    BatchFormat format;
    std::shared_ptr<const Objective> objective;  // null: none
    std::shared_ptr<const Denoising> denoising;  // null: rows have one side
    PairLengths rooms{0, 0};                     // else those of both
    BufferPool buffers;

    std::unique_ptr<RemoteRows> remote;  // null: all files are of this host

    explicit BatchMaker(std::size_t idle_buffers) : buffers(idle_buffers) {}

    // The rows of the rank: of the global batch's slots every world_size-th, from its rank on; balanced,
    // those that even out the ranks' sums of squared span lengths (every rank computes the same assignment).
    [[nodiscard]] std::vector<RowRef> rows(const StepRequest& request) const;

    // Has remote files fetched, as this reader. To be called when the sources are complete.
    void read_remote(std::shared_ptr<CacheReader> reader) {
        remote = std::make_unique<RemoteRows>(sources, std::move(reader));
    }

    // The batch of these rows, which `rows` gave for the request.
    [[nodiscard]] MadeBatch make(const StepRequest& request, std::span<const RowRef> rows);
    [[nodiscard]] MadeBatch make(const StepRequest& request) { return make(request, rows(request)); }

  private:
    [[nodiscard]] MadeBatch make_here(const StepRequest& request, std::span<const RowRef> rows);
    // Throws if there is no such source, or its plan was cut. `now`: of look_clock.
    void check_source(const RowRef& row, std::int64_t now) const;
    // Valid until the thread asks again.
    [[nodiscard]] std::span<const std::int64_t> attention_costs(std::span<const RowRef> rows) const;
    [[nodiscard]] std::span<const std::int64_t> costs_here(std::span<const RowRef> rows) const;
};

}  // namespace pypack
