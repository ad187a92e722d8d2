// A thread that makes batches ahead of their use.
#pragma once

#include <cstdint>
#include <memory>

#include "batch/batch_maker.hpp"
#include "batch/read_ahead.hpp"

namespace pypack {

// Belongs to one pass over a loader, and to the process that made it: in a forked child it is dead, where
// destroying it does nothing and waiting on it throws.
class Prefetcher {
  public:
    // At most `depth` batches are ready at a time. With `ahead`, what requested steps need is asked of the
    // storage, for a part of `steps_ahead` at a time, the steps that the caller requests ahead for it.
    Prefetcher(std::shared_ptr<BatchMaker> maker, std::int64_t depth, std::shared_ptr<ReadAhead> ahead,
               std::int64_t steps_ahead);
    Prefetcher(const Prefetcher&) = delete;
    Prefetcher& operator=(const Prefetcher&) = delete;
    ~Prefetcher();  // waits for the batch being made

    // Adds a step to be made, after those requested before.
    void request(StepRequest request);

    // The next step's batch, waiting for it if need be. Rethrows what making it threw. Throws
    // std::invalid_argument if no step is requested, or in a forked child.
    [[nodiscard]] MadeBatch next();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace pypack
