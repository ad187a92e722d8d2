// Threads that look words up in one shared cache and insert those they miss, for a build with a sanitizer:
//
//   cmake -S . -B build/tsan -DPYPACK_SANITIZE=thread -DPYPACK_SANITIZE_PROGRAMS=ON
//   cmake --build build/tsan --target sanitize_shared_word_cache
//   build/tsan/sanitize_shared_word_cache
//
// The ids of a word are a function of it, so that whatever is found can be checked. There are more words than
// the caches hold: tables grow, and both caches start again empty. Then, with words of few ids, the table of
// short words is filled until words give way to others.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tokenize/vocabulary/token_table.hpp"
#include "tokenize/words/shared_word_cache.hpp"

namespace {

using pypack::SharedWordCache;
using pypack::TokenId;
using pypack::WordKey;

constexpr int kThreads = 4;

struct Load {
    int steps;  // of a thread
    std::uint64_t words;
    std::uint64_t most_ids;
    bool long_ones;
};
constexpr Load kManyIds{400'000, 900'000, 17, true};
constexpr Load kFullTable{1'500'000, 8'000'000, 3, false};

std::string word_of(std::uint64_t number, const Load& load) {
    std::string word = std::to_string(number);
    if (load.long_ones && number % 3 == 0)
        word.append("-longer than any key, so that it is put with others of its kind");
    return word;
}

std::vector<TokenId> ids_of(std::uint64_t number, const Load& load) {
    std::vector<TokenId> ids(1 + number % load.most_ids);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(number * 31 + i);
    return ids;
}

bool work(SharedWordCache& cache, const Load& load, std::uint64_t seed, std::atomic<std::int64_t>& hits) {
    SharedWordCache::Session session(cache);
    std::uint64_t state = seed;
    session.begin();
    for (int step = 0; step < load.steps; ++step) {
        if (step % 200 == 0) session.place_homeless();
        if (step % 5000 == 0) session.without([] { std::this_thread::yield(); });
        if (step % 50 == 0) session.pause_if_asked();
        if (step % 10'000 == 0) {
            session.end();
            session.begin();
        }
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        // Some often, most seldom: what one thread inserts another looks for.
        const std::uint64_t number = (state >> 33) % (step % 2 == 0 ? 2000 : load.words);
        const std::string word = word_of(number, load);
        const std::vector<TokenId> expected = ids_of(number, load);
        std::span<const TokenId> found;
        if (word.size() <= WordKey::kMaxBytes) {
            if (const auto* slot = session.short_words().find(WordKey::of(word)))
                found = session.short_words().ids(*slot);
        } else {
            found = session.long_words().find(word, pypack::hash_bytes(word));
        }
        if (found.empty()) {
            if (word.size() <= WordKey::kMaxBytes) {
                session.insert(WordKey::of(word), expected);
            } else {
                session.insert(word, pypack::hash_bytes(word), expected);
            }
        } else {
            hits.fetch_add(1, std::memory_order_relaxed);
            if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end())) return false;
        }
    }
    session.end();
    return true;
}

bool run(const Load& load) {
    SharedWordCache cache(100);
    std::atomic<std::int64_t> hits{0};
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
            if (!work(cache, load, static_cast<std::uint64_t>(i) + 1, hits)) ++failures;
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("%d threads found wrong ids; %lld hits\n", failures.load(),
                static_cast<long long>(hits.load()));
    // Half of the words are of 2,000, which are soon there.
    return failures == 0 && hits > kThreads * std::int64_t{load.steps} / 3;
}

}  // namespace

int main() {
    const bool well = run(kManyIds) && run(kFullTable);
    std::puts(well ? "all ids as inserted" : "failed");
    return well ? 0 : 1;
}
