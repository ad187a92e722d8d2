// What an encoder keeps for its threads between calls.
#pragma once

#include <atomic>
#include <memory>

#include "tokenize/encoder_context.hpp"

namespace pypack {

// Contexts that no thread is using, and the words that all of them share. A forked child starts with none of
// its own: another thread of the parent may have held the lock, or been changing the list, at the moment of
// the fork.
class IdleContexts {
  public:
    IdleContexts();
    ~IdleContexts();
    IdleContexts(const IdleContexts&) = delete;
    IdleContexts& operator=(const IdleContexts&) = delete;

    // Thread-safe. A context for an encoder of these parts, always the same ones.
    [[nodiscard]] std::unique_ptr<EncoderContext> take(const EncoderParts& parts);

    // Thread-safe. A context whose room for ids is larger than `most_kept` gives that back.
    void give_back(std::unique_ptr<EncoderContext> context, std::int64_t most_kept);

  private:
    struct State;

    State& current();

    std::atomic<State*> state_;
};

}  // namespace pypack
