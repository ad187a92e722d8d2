#include "batch/remote_rows.hpp"

#include <algorithm>

#include "batch/row_memory.hpp"
#include "common/watched_file.hpp"
#include "store/remote/cache_layout.hpp"
#include "store/remote/forks.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kBetweenTries = 2'000'000;  // nanoseconds
constexpr std::int64_t kBetweenRings = 1'000'000;  // more often it does not listen
constexpr std::size_t kWanted = 1 << 12;
constexpr std::size_t kTriedAtOnce = 256;

}  // namespace

std::vector<std::shared_ptr<const CachedFiles>> cached_groups(std::span<const SequenceSource> sources) {
    std::vector<std::shared_ptr<const CachedFiles>> groups;
    const auto add = [&](const std::shared_ptr<const CachedFiles>& files) {
        if (files && std::find(groups.begin(), groups.end(), files) == groups.end()) groups.push_back(files);
    };
    for (const SequenceSource& source : sources) {
        add(source.cached_plan);
        for (const auto& files : source.store->cached_files()) add(files);
    }
    return groups;
}

RemoteRows::RemoteRows(std::span<const SequenceSource> sources, std::shared_ptr<CacheReader> reader)
    : sources_(sources), groups_(cached_groups(sources)), reader_(std::move(reader)) {}

bool RemoteRows::complete() const {
    return std::all_of(groups_.begin(), groups_.end(), [](const auto& files) { return files->complete(); });
}

std::vector<CachedFiles::Lease> RemoteRows::lease_all() const {
    std::vector<CachedFiles::Lease> leases;
    leases.reserve(groups_.size());
    for (const auto& files : groups_) leases.push_back(files->lease());
    return leases;
}

void RemoteRows::add_missing(const CachedFiles& files, std::span<const std::byte> memory,
                             std::vector<AwaitedBlock>& missing) {
    files.for_blocks(memory, [&](std::int64_t block, bool) {
        const bool known = std::any_of(missing.begin(), missing.end(), [&](const AwaitedBlock& one) {
            return one.files == &files && one.block == block;
        });
        if (!known) missing.push_back({&files, block});
    });
}

bool RemoteRows::is_there(std::span<const RowRef> rows, std::vector<AwaitedBlock>& missing) const {
    bool there = true;
    for_memory_of_rows(sources_, rows, look_clock(),
                       [&](const CachedFiles* files, std::span<const std::byte> memory, bool) {
                           if (files == nullptr || files->readable(memory)) return true;
                           add_missing(*files, memory, missing);
                           there = false;
                           return false;
                       });
    return there;
}

void RemoteRows::want(const CachedFiles& files, std::int64_t block, std::int64_t due) {
    const std::uint64_t place = files.number() + static_cast<std::uint64_t>(block);
    Wanted& last = wanted_[place % kWanted];
    if (last.files == &files && last.block == block && due >= last.due && due <= last.due + kSameWant) return;
    last = {&files, block, due};
    reader_->want(files.number(), block, due);
}

bool RemoteRows::ask(const Planned& planned, bool& asked) {
    if (wanted_of_fork_ != forks() || wanted_.empty()) {  // the child's reader knows of nothing
        wanted_.assign(kWanted, {});
        wanted_of_fork_ = forks();
    }
    const std::vector<CachedFiles::Lease> leases = lease_all();
    bool known = true;
    for_memory_of_rows(sources_, planned.rows, look_clock(),
                       [&](const CachedFiles* files, std::span<const std::byte> memory, bool leads_on) {
                           if (files == nullptr) return true;
                           bool there = true;
                           files->for_blocks(memory, [&](std::int64_t block, bool is_present) {
                               want(*files, block, planned.due);
                               there = there && is_present;
                           });
                           if (there && files->readable(memory)) return true;
                           asked = true;
                           known = known && !leads_on;
                           return false;
                       });
    return known;
}

void RemoteRows::plan(std::vector<RowRef> rows, std::int64_t batches) {
    {
        const std::vector<CachedFiles::Lease> leases = lease_all();
        if (complete()) return;
    }
    Planned planned{std::move(rows), reader_->clock() + batches};
    bool asked = false;
    const std::lock_guard lock(mutex_);
    const bool known = ask(planned, asked);
    is_silent_ = is_silent_ || asked;
    ring();
    if (!known) unknown_.push_back(std::move(planned));
}

void RemoteRows::ring() {
    if (!is_silent_) return;
    const std::int64_t now = look_clock();
    if (now < next_ring_) return;
    next_ring_ = now + kBetweenRings;
    is_silent_ = false;
    reader_->ring();
}

void RemoteRows::go_on() {
    const std::lock_guard lock(mutex_);
    ring();
    if (unknown_.empty() || look_clock() < next_try_) return;
    next_try_ = look_clock() + kBetweenTries;
    const std::int64_t clock = reader_->clock();
    std::deque<Planned> rest;
    bool asked = false;
    for (std::size_t tried = 0; !unknown_.empty() && tried < kTriedAtOnce; ++tried) {
        Planned planned = std::move(unknown_.front());
        unknown_.pop_front();
        if (planned.due > clock && !ask(planned, asked)) rest.push_back(std::move(planned));
    }
    while (!rest.empty()) {
        unknown_.push_front(std::move(rest.back()));
        rest.pop_back();
    }
    is_silent_ = is_silent_ || asked;
    ring();
}

}  // namespace pypack
