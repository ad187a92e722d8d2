// Passes over a small store with the prefetching thread, for a build with a sanitizer:
//
//   cmake -S . -B build/tsan -DPYPACK_SANITIZE=thread -DPYPACK_SANITIZE_PROGRAMS=ON
//   cmake --build build/tsan --target sanitize_prefetcher
//   build/tsan/sanitize_prefetcher
//
// The store is written first, to the system's folder for temporary files. Every batch is compared with the
// one that is made at once; passes are also broken off, and made to fail. Eight threads make batches besides.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "batch/batch_maker.hpp"
#include "batch/prefetcher.hpp"

namespace {

using pypack::BalanceStrategy;
using pypack::BatchMaker;
using pypack::MadeBatch;
using pypack::StepRequest;

constexpr std::int64_t kRow = 64;
constexpr std::int64_t kRanks = 4;
constexpr std::int64_t kRows = 8;  // of a rank

// One document a sequence, cut to the row.
struct Plan {
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int64_t> document;
    std::vector<std::int32_t> start;
    std::vector<std::int32_t> length;
    std::vector<std::int32_t> capacity;
};

StepRequest request_of(std::int64_t step, std::int64_t bucket_size, BalanceStrategy balance) {
    StepRequest request;
    const std::int64_t rows = kRanks * kRows;
    // Many steps of one epoch, so that threads share the tables of its order.
    request.draws.push_back({0, step / 100, step * rows % (bucket_size - rows), rows});
    request.slots = rows;
    request.row_length = kRow;
    request.rank = 1;
    request.world_size = kRanks;
    request.balance = balance;
    request.num_threads = 1 + static_cast<int>(step % 2);
    return request;
}

bool same(const MadeBatch& a, const MadeBatch& b) {
    const auto bytes = static_cast<std::size_t>(a.num_items) * sizeof(std::int64_t);
    return a.num_items == b.num_items && std::memcmp(a.input_ids, b.input_ids, bytes) == 0 &&
           std::memcmp(a.segment_ids, b.segment_ids, bytes) == 0;
}

void pass(const std::shared_ptr<BatchMaker>& maker, BalanceStrategy balance, std::int64_t depth, bool ahead,
          std::int64_t stop_at) {
    constexpr std::int64_t kSteps = 200;
    const std::int64_t size = maker->buckets.front().size();
    pypack::Prefetcher prefetcher(
        maker, depth, ahead ? std::make_shared<pypack::ReadAhead>(maker->sources, depth == 1) : nullptr, 5);
    std::int64_t asked = 0;
    for (std::int64_t step = 0; step < stop_at; ++step) {
        for (; asked < kSteps && asked < step + depth + 3; ++asked) {
            prefetcher.request(request_of(asked, size, balance));
        }
        const MadeBatch got = prefetcher.next();
        if (!same(got, maker->make(request_of(step, size, balance))))
            throw std::runtime_error("batches differ");
    }
}

// Eight threads that make batches of one maker at the same time.
void make_in_threads(BatchMaker& maker) {
    constexpr std::int64_t kSteps = 60;
    const std::int64_t size = maker.buckets.front().size();
    std::vector<MadeBatch> expected;
    for (std::int64_t step = 0; step < kSteps; ++step) {
        expected.push_back(maker.make(request_of(step, size, BalanceStrategy::deal)));
    }
    std::atomic<bool> equal{true};
    std::vector<std::thread> threads;
    for (std::int64_t t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (std::int64_t i = 0; i < 4 * kSteps; ++i) {
                const std::int64_t step = (i + 7 * t) % kSteps;
                const MadeBatch got = maker.make(request_of(step, size, BalanceStrategy::deal));
                if (!same(got, expected[static_cast<std::size_t>(step)])) equal = false;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    if (!equal) throw std::runtime_error("batches of several threads differ");
}

template <typename T>
void put(std::ofstream& file, const std::vector<T>& values) {
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(T)));
}

// A Megatron-Core dataset of int32 tokens, of which document i has 1 + i % 150. Returns its prefix.
std::string write_store() {
    constexpr std::int32_t kDocuments = 3000;
    const std::string prefix =
        (std::filesystem::temp_directory_path() / "pypack_sanitize_prefetcher").string();
    std::vector<std::int32_t> lengths;
    std::vector<std::int64_t> places{0};
    for (std::int32_t i = 0; i < kDocuments; ++i) {
        lengths.push_back(1 + i % 150);
        places.push_back(places.back() + std::int64_t{4} * lengths.back());
    }
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(places.back() / 4));
    std::iota(tokens.begin(), tokens.end(), 0);
    std::vector<std::int64_t> bounds(kDocuments + 1);
    std::iota(bounds.begin(), bounds.end(), 0);
    places.pop_back();
    std::ofstream bin(prefix + ".bin", std::ios::binary);
    put(bin, tokens);
    std::ofstream idx(prefix + ".idx", std::ios::binary);
    idx.write("MMIDIDX\0\0", 9);
    put(idx, std::vector<std::uint64_t>{1});
    put(idx, std::vector<std::uint8_t>{static_cast<std::uint8_t>(pypack::TokenDtype::kInt32)});
    put(idx, std::vector<std::uint64_t>{lengths.size(), bounds.size()});
    put(idx, lengths);
    put(idx, places);
    put(idx, bounds);
    return prefix;
}

}  // namespace

int main() {
    const std::string prefix = write_store();
    std::vector<pypack::Shard> shards;
    shards.emplace_back(prefix + ".bin", prefix + ".idx", false);
    const auto store = std::make_shared<pypack::StoreView>(std::move(shards));
    Plan plan;
    for (std::int64_t d = 0; d < store->num_documents(); ++d) {
        plan.document.push_back(d);
        plan.start.push_back(0);
        plan.length.push_back(
            static_cast<std::int32_t>(std::min<std::int64_t>(kRow, store->document(d, 0).length)));
        plan.capacity.push_back(kRow);
        plan.offsets.push_back(d + 1);
    }
    const auto maker = std::make_shared<BatchMaker>(4);
    pypack::SequenceSource source;
    source.store = store;
    source.plan = {plan.offsets, plan.document, plan.start, plan.length, plan.capacity};
    maker->sources.push_back(source);
    maker->buckets.emplace_back(0, std::vector<pypack::SequenceRange>{{0, store->num_documents()}}, 7, 0);
    for (const BalanceStrategy balance :
         {BalanceStrategy::none, BalanceStrategy::deal, BalanceStrategy::lpt}) {
        for (const std::int64_t depth : {1, 2, 5}) {
            for (const bool ahead : {false, true}) {
                pass(maker, balance, depth, ahead, 200);
                for (int i = 0; i < 20; ++i) pass(maker, balance, depth, ahead, i);
            }
        }
    }
    make_in_threads(*maker);
    pypack::Prefetcher failing(maker, 2, nullptr, 0);
    StepRequest wrong = request_of(0, maker->buckets.front().size(), BalanceStrategy::deal);
    wrong.draws.front().start = maker->buckets.front().size();
    failing.request(wrong);
    try {
        (void)failing.next();
    } catch (const std::out_of_range&) {
        std::puts("all batches equal");
        return 0;
    }
    std::puts("a wrong step was not refused");
    return 1;
}
