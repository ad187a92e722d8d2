#include "tokenize/idle_contexts.hpp"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace pypack {
namespace {

// How often this process has been forked from another. (To ask for its number is a call to the system, which
// takes as long as a short text.)
std::atomic<long> num_forks{0};

long process_id() {
#if defined(__unix__) || defined(__APPLE__)
    static const int watching = pthread_atfork(nullptr, nullptr, [] { num_forks.fetch_add(1); });
    (void)watching;
#endif
    return num_forks.load(std::memory_order_relaxed);
}

}  // namespace

struct IdleContexts::State {
    long process = process_id();
    std::mutex mutex;
    std::unique_ptr<SharedWords> words;  // made once
    std::vector<std::unique_ptr<EncoderContext>> free;
};

IdleContexts::IdleContexts() : state_(new State) {}

IdleContexts::~IdleContexts() {
    delete state_.load();
}

std::unique_ptr<EncoderContext> IdleContexts::take(const EncoderParts& parts) {
    SharedWords* words = nullptr;
    {
        State& state = current();
        const std::lock_guard lock(state.mutex);
        if (!state.free.empty()) {
            auto context = std::move(state.free.back());
            state.free.pop_back();
            return context;
        }
        if (!state.words) state.words = std::make_unique<SharedWords>(*parts.model);
        words = state.words.get();
    }
    return std::make_unique<EncoderContext>(parts, *words);
}

void IdleContexts::give_back(std::unique_ptr<EncoderContext> context, std::int64_t most_kept) {
    if (context->words().ids().capacity() > most_kept) (void)context->take_ids();
    State& state = current();
    const std::lock_guard lock(state.mutex);
    state.free.push_back(std::move(context));
}

IdleContexts::State& IdleContexts::current() {
    State* state = state_.load(std::memory_order_acquire);
    if (state->process == process_id()) return *state;
    auto fresh = std::make_unique<State>();
    // The parent's state is left as it is: its pages are shared with the parent until they are written.
    if (state_.compare_exchange_strong(state, fresh.get())) return *fresh.release();
    return *state;
}

}  // namespace pypack
