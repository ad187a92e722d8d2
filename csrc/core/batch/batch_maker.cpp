#include "batch/batch_maker.hpp"

#include <stdexcept>
#include <string>

namespace pypack {

std::vector<RowRef> BatchMaker::rows(const StepRequest& request) const {
    if (request.world_size < 1 || request.rank < 0 || request.rank >= request.world_size) {
        throw std::invalid_argument("rank " + std::to_string(request.rank) + " of " +
                                    std::to_string(request.world_size));
    }
    const std::int64_t count = (request.slots - request.rank + request.world_size - 1) / request.world_size;
    return draw_rows(pools, request.draws, request.slots, request.rank, request.world_size, count,
                     request.shuffle_key);
}

MadeBatch BatchMaker::make(const StepRequest& request) {
    return make_batch(sources, rows(request), request.row_length, format, buffers, request.memory,
                      request.num_threads);
}

}  // namespace pypack
