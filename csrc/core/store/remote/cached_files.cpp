#include "store/remote/cached_files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "common/atomic_access.hpp"
#include "common/watched_file.hpp"
#include "store/remote/forks.hpp"

namespace pypack {

namespace {

// The system maps some 65,000 files for a process.
constexpr std::size_t kMostMapped = 1 << 14;
constexpr std::size_t kLooksAtOnce = 64;
constexpr std::int64_t kBetweenLooksAround = 50'000'000;
constexpr std::int64_t kBetweenCounts = 20'000'000;  // nanoseconds, of what is there

std::int64_t parts(std::int64_t bytes, std::int64_t each) {
    return (bytes + each - 1) / each;
}

}  // namespace

CachedFiles::CachedFiles(std::string folder, std::uint64_t number, std::vector<RemoteFile> files,
                         std::shared_ptr<CacheReader> reader)
    : folder_(std::move(folder)),
      number_(number),
      files_(std::move(files)),
      reader_(std::move(reader)),
      states_file_(folder_ + "/states", false, sizeof(StatesHeader)),
      first_segment_{0},
      first_block_{0} {
    for (const RemoteFile& file : files_) {
        if (file.size < 0 || file.read_bytes < 0 || file.read_bytes > file.size || file.block_bytes < 4096 ||
            file.block_bytes > kSegmentBytes ||
            !std::has_single_bit(static_cast<std::uint64_t>(file.block_bytes))) {
            throw std::invalid_argument(folder_ + ": a file of " + std::to_string(file.size) +
                                        " bytes in blocks of " + std::to_string(file.block_bytes));
        }
        const std::int64_t segments = parts(file.size, kSegmentBytes);
        file_of_.insert(file_of_.end(), static_cast<std::size_t>(segments),
                        static_cast<std::uint32_t>(first_segment_.size() - 1));
        first_segment_.push_back(first_segment_.back() + segments);
        first_block_.push_back(first_block_.back() + parts(file.size, file.block_bytes));
    }
    const auto segments = static_cast<std::size_t>(first_segment_.back());
    const auto blocks = static_cast<std::size_t>(first_block_.back());
    if (states_file_.size() < sizeof(StatesHeader) + segments * sizeof(std::uint32_t) + blocks ||
        header().magic != kStatesMagic || header().segments != segments || header().blocks != blocks) {
        throw std::invalid_argument(folder_ + "/states: is not of these files; remove the folder");
    }
    counts_ = reinterpret_cast<const std::uint32_t*>(states_file_.data() + sizeof(StatesHeader));
    states_ = reinterpret_cast<const std::uint8_t*>(counts_ + segments);
    mapped_ = std::make_unique<std::atomic<std::uint32_t>[]>(segments);
    room_ = std::max<std::size_t>(segments, 1) << kSegmentBits;
    void* const room = ::mmap(nullptr, room_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        throw std::invalid_argument(folder_ + ": no room for " + std::to_string(room_) +
                                    " bytes of addresses: " + std::strerror(errno));
    }
    base_ = static_cast<std::byte*>(room);
}

CachedFiles::~CachedFiles() {
    if (base_ != nullptr) ::munmap(base_, room_);
}

const StatesHeader& CachedFiles::header() const {
    return *reinterpret_cast<const StatesHeader*>(states_file_.data());
}

std::span<const std::byte> CachedFiles::bytes(std::size_t file) const {
    return {base_ + (first_segment_[file] << kSegmentBits), static_cast<std::size_t>(files_[file].size)};
}

BlockState CachedFiles::state(std::int64_t block) const {
    return static_cast<BlockState>(load_acquire(states_[block]));
}

std::uint32_t CachedFiles::count(std::int64_t segment) const {
    return load_acquire(counts_[segment]);
}

std::uint64_t CachedFiles::failures() const {
    return load_acquire(header().failures);
}

std::int64_t CachedFiles::num_present() const {
    return static_cast<std::int64_t>(load_acquire(header().present));
}

std::string CachedFiles::failure(std::int64_t block) const {
    const std::string path = folder_ + "/failures/" + std::to_string(block);
    std::string text;
    if (std::FILE* const file = std::fopen(path.c_str(), "re")) {
        char room[4096];
        while (const std::size_t read = std::fread(room, 1, sizeof room, file)) text.append(room, read);
        std::fclose(file);
    }
    if (!text.empty()) return text;
    // The fetcher had no room for its words.
    return "RemoteError\n" + folder_ + "\nblock " + std::to_string(block) +
           " could not be fetched, nor why be written: is the disk of the cache full? Make room, or name "
           "another cache";
}

std::int64_t CachedFiles::segment_size(std::int64_t segment) const {
    const std::uint32_t file = file_of_[static_cast<std::size_t>(segment)];
    return std::min(kSegmentBytes, files_[file].size - ((segment - first_segment_[file]) << kSegmentBits));
}

std::string CachedFiles::segment_path(std::int64_t segment) const {
    return folder_ + "/" + std::to_string(segment >> 12) + "/" + std::to_string(segment);
}

std::pair<std::int64_t, std::int64_t> CachedFiles::blocks_of(std::span<const std::byte> memory) const {
    const std::int64_t begin = memory.data() - base_;
    const std::uint32_t file = file_of_[static_cast<std::size_t>(begin >> kSegmentBits)];
    const std::int64_t offset = begin - (first_segment_[file] << kSegmentBits);
    const int bits = std::countr_zero(static_cast<std::uint64_t>(files_[file].block_bytes));
    return {first_block_[file] + (offset >> bits),
            first_block_[file] + ((offset + static_cast<std::int64_t>(memory.size()) - 1) >> bits)};
}

bool CachedFiles::readable(std::span<const std::byte> memory) const {
    return complete_.load(std::memory_order_acquire) || is_there(memory);
}

bool CachedFiles::is_there(std::span<const std::byte> memory) const {
    if (memory.empty()) return true;
    const auto [first, last] = blocks_of(memory);
    for (std::int64_t block = first; block <= last; ++block) {
        if (state(block) != BlockState::present) return false;
    }
    const std::int64_t begin = memory.data() - base_;
    const std::int64_t end = begin + static_cast<std::int64_t>(memory.size()) - 1;
    for (std::int64_t segment = begin >> kSegmentBits; segment <= end >> kSegmentBits; ++segment) {
        // After the states: see StatesHeader.
        const auto s = static_cast<std::size_t>(segment);
        if (mapped_[s].load(std::memory_order_acquire) == count(segment)) continue;
        if (!map(segment)) return false;
        // It may have gone and come back in between, with other blocks.
        for (std::int64_t block = first; block <= last; ++block) {
            if (state(block) != BlockState::present) return false;
        }
        if (mapped_[s].load(std::memory_order_acquire) != count(segment)) return false;
    }
    return true;
}

// Maps the file of a segment, if nobody can be reading another file of it.
bool CachedFiles::map(std::int64_t segment) const {
    const std::lock_guard lock(cache_mutex());
    std::atomic<std::uint32_t>& mapped = mapped_[static_cast<std::size_t>(segment)];
    const std::uint32_t found = count(segment);
    const std::uint32_t before = mapped.load(std::memory_order_relaxed);
    if (before == found) return true;
    if (before != 0) return false;  // goes when no lease lasts
    const int descriptor = ::open(segment_path(segment).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        if (errno != ENOENT) {
            throw RemoteError(segment_path(segment) + ": cannot open: " + std::strerror(errno));
        }
        if (found == count(segment)) reader_->report_damage(number_, segment);
        return false;
    }
    struct stat status{};
    const std::int64_t size = segment_size(segment);
    if (::fstat(descriptor, &status) != 0 || status.st_size != size) {
        ::close(descriptor);
        reader_->report_damage(number_, segment);
        return false;
    }
    void* const place = base_ + (segment << kSegmentBits);
    void* const room =
        ::mmap(place, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0);
    const int error = errno;
    ::close(descriptor);
    if (room == MAP_FAILED) {
        throw RemoteError(segment_path(segment) + ": cannot map: " + std::strerror(error) +
                          "; a process may hold a limited number of mappings (vm.max_map_count)");
    }
    order_.push_back(segment);
    mapped.store(found, std::memory_order_release);
    return true;
}

void CachedFiles::let_go(std::int64_t segment) const {
    std::atomic<std::uint32_t>& mapped = mapped_[static_cast<std::size_t>(segment)];
    if (mapped.load(std::memory_order_relaxed) == 0) return;
    mapped.store(0, std::memory_order_release);
    void* const place = base_ + (segment << kSegmentBits);
    if (::mmap(place, static_cast<std::size_t>(kSegmentBytes), PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        throw RemoteError(folder_ + ": cannot let go of a segment: " + std::strerror(errno));
    }
}

// Nobody is reading: what the cache has evicted is let go of, which gives its room on disk free, and so are
// files that somebody has cut, of which reading would end the process.
void CachedFiles::let_go_of_stale() const {
    const std::uint64_t evicted = load_acquire(header().evicted);
    if (evicted != seen_evicted_) {
        seen_evicted_ = evicted;
        complete_ = false;
        counted_ = -1;
        std::erase_if(order_, [&](std::int64_t segment) {
            const bool stale = mapped_[static_cast<std::size_t>(segment)] != count(segment) ||
                               ::access(segment_path(segment).c_str(), F_OK) != 0;
            if (stale) let_go(segment);
            return stale;
        });
    }
    if (order_.size() > kMostMapped) {
        const auto half = order_.begin() + static_cast<std::ptrdiff_t>(kMostMapped / 2);
        std::for_each(order_.begin(), half, [&](std::int64_t segment) { let_go(segment); });
        order_.erase(order_.begin(), half);
    }
    const std::int64_t now = look_clock();
    if (now < next_look_time_) return;
    next_look_time_ = now + kBetweenLooksAround;
    std::vector<std::int64_t> damaged;
    for (std::size_t i = 0; i < std::min(kLooksAtOnce, order_.size()); ++i) {
        const std::int64_t segment = order_[next_look_++ % order_.size()];
        struct stat status{};
        if (::stat(segment_path(segment).c_str(), &status) != 0 || status.st_size != segment_size(segment)) {
            damaged.push_back(segment);
        }
    }
    for (const std::int64_t segment : damaged) {
        complete_ = false;
        counted_ = -1;
        let_go(segment);
        std::erase(order_, segment);
        reader_->report_damage(number_, segment);
    }
}

CachedFiles::Lease CachedFiles::lease() const {
    const std::lock_guard lock(cache_mutex());
    if (leases_of_fork_ != forks()) {  // those of the parent's threads
        leases_of_fork_ = forks();
        leases_ = 0;
    }
    if (leases_ == 0) let_go_of_stale();
    ++leases_;
    return Lease(this);
}

void CachedFiles::end_lease() const {
    const std::lock_guard lock(cache_mutex());
    if (leases_of_fork_ == forks()) --leases_;
}

bool CachedFiles::complete() const {
    if (complete_.load(std::memory_order_acquire)) return true;
    const std::int64_t present = num_present();
    if (present == counted_ || static_cast<std::size_t>(first_segment_.back()) > kMostMapped) return false;
    const std::int64_t now = look_clock();
    if (now < next_count_) return false;
    next_count_ = now + kBetweenCounts;
    counted_ = present;
    for (std::size_t file = 0; file < files_.size(); ++file) {
        const std::int64_t end =
            first_block_[file] + parts(files_[file].read_bytes, files_[file].block_bytes);
        for (std::int64_t block = first_block_[file]; block < end; ++block) {
            if (state(block) != BlockState::present) return false;
        }
    }
    map_all();
    if (!complete_.load(std::memory_order_acquire)) counted_ = -1;  // it went meanwhile
    return complete_.load(std::memory_order_acquire);
}

void CachedFiles::map_all() const {
    const std::uint64_t evicted = load_acquire(header().evicted);
    for (std::size_t file = 0; file < files_.size(); ++file) {
        if (!is_there(bytes(file).first(static_cast<std::size_t>(files_[file].read_bytes)))) return;
    }
    const std::lock_guard lock(cache_mutex());
    complete_ = evicted == load_acquire(header().evicted) && evicted == seen_evicted_;
}

void CachedFiles::copy(std::span<const std::byte> memory, std::byte* out) const {
    while (!memory.empty()) {
        const std::int64_t begin = memory.data() - base_;
        const std::int64_t room = kSegmentBytes - (begin & (kSegmentBytes - 1));
        const auto piece = memory.first(std::min(memory.size(), static_cast<std::size_t>(room)));
        std::vector<AwaitedBlock> awaited;
        {
            const Lease lease = this->lease();
            if (is_there(piece)) {
                std::memcpy(out, piece.data(), piece.size());
                out += piece.size();
                memory = memory.subspan(piece.size());
                continue;
            }
            for_blocks(piece, [&](std::int64_t block, bool) { awaited.push_back({this, block}); });
        }
        wait_for_blocks(awaited, *reader_, reader_->tick(), [this] { const Lease gone = lease(); });
    }
}

}  // namespace pypack
