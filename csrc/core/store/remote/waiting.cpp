#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "common/interrupt.hpp"
#include "store/remote/cached_files.hpp"

namespace pypack {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kShortestSleep{50};
constexpr std::chrono::microseconds kLongestSleep{2000};
constexpr std::chrono::milliseconds kBetweenRings{250};  // each sees, too, whether the fetcher lives

thread_local const std::atomic<bool>* g_stop = nullptr;

}  // namespace

void stop_waiting_if(const std::atomic<bool>* stop) {
    g_stop = stop;
}

void wait_for_blocks(std::span<const AwaitedBlock> blocks, CacheReader& reader, std::int64_t due,
                     const std::function<void()>& meanwhile) {
    std::vector<std::uint64_t> failures;
    failures.reserve(blocks.size());
    for (const AwaitedBlock& one : blocks) failures.push_back(one.files->failures());
    std::chrono::microseconds sleep = kShortestSleep;
    Clock::time_point next_ring{};
    while (true) {
        bool all = true;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto& [files, block] = blocks[i];
            const BlockState state = files->state(block);
            if (state == BlockState::present) continue;
            all = false;
            // A failure from before is tried again; one since is an answer.
            if (state == BlockState::failed && files->failures() != failures[i]) {
                throw RemoteError(files->failure(block));
            }
        }
        if (Clock::now() >= next_ring) {
            next_ring = Clock::now() + kBetweenRings;
            // Who waits needs them now, however far others of this process have gone meanwhile.
            const std::int64_t now = std::max(due, reader.clock());
            for (const AwaitedBlock& one : blocks) {
                if (one.files->state(one.block) == BlockState::present) continue;
                reader.want_again(one.files->number(), one.block, now);
            }
            reader.ring();
        }
        if (all) break;
        check_interrupt();
        if (g_stop != nullptr && g_stop->load(std::memory_order_relaxed)) throw Interrupted();
        meanwhile();
        std::this_thread::sleep_for(sleep);
        sleep = std::min(2 * sleep, kLongestSleep);
    }
    // Present, and yet not readable: a segment is going, or its file was damaged.
    if (sleep == kShortestSleep) std::this_thread::sleep_for(sleep);
}

}  // namespace pypack
