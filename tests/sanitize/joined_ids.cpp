// Threads that encode chunks, some out of order and most before their place is known, into one array.
#include <cstdio>
#include <thread>
#include <vector>

#include "tokenize/joined_ids.hpp"

namespace {

using namespace pypack;

constexpr std::size_t kChunks = 2000;
constexpr std::size_t kThreads = 4;

Offset count_of(std::size_t chunk) {
    return static_cast<Offset>(chunk * 2654435761U % 97);
}

TokenId id_of(std::size_t chunk, Offset at) {
    return static_cast<TokenId>(chunk * 1000 + static_cast<std::size_t>(at));
}

// Whether every id came to its place, with room for `room` ids at first.
bool joins(std::int64_t room) {
    JoinedIds joined(kChunks, Buffer<TokenId>::with_room(room, room));
    const auto ids_of = [](std::size_t chunk) {
        std::vector<TokenId> ids;
        for (Offset at = 0; at < count_of(chunk); ++at) ids.push_back(id_of(chunk, at));
        return ids;
    };
    std::atomic<std::size_t> next{0};
    std::vector<std::vector<std::size_t>> unplaced(kThreads);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            auto& mine = unplaced[thread];
            for (std::size_t claimed; (claimed = next.fetch_add(1)) < kChunks;) {
                // The tenth of them that come last are claimed first.
                const std::size_t chunk = (claimed + kChunks * 9 / 10) % kChunks;
                joined.set_count(chunk, count_of(chunk));
                mine.push_back(chunk);
                std::erase_if(mine, [&](std::size_t i) { return joined.write(i, ids_of(i)); });
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    joined.finish();
    for (const auto& chunks : unplaced) {
        for (const std::size_t chunk : chunks) {
            if (!joined.write(chunk, ids_of(chunk))) return false;
        }
    }
    const Buffer<TokenId> ids = joined.take();
    Offset start = 0;
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
        for (Offset at = 0; at < count_of(chunk); ++at, ++start) {
            if (ids[start] != id_of(chunk, at)) return false;
        }
    }
    return ids.size() == start;
}

}  // namespace

int main() {
    for (const std::int64_t room : {0, 1000, 1000000}) {
        for (int round = 0; round < 20; ++round) {
            if (!joins(room)) {
                std::fprintf(stderr, "an id is not in its place, room %lld\n", static_cast<long long>(room));
                return 1;
            }
        }
    }
    return 0;
}
