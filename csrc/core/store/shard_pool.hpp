// The shards of a store that has too many to map all: the system maps some 65,000 files for a process, and a
// shard has two or three. Each is mapped when it is first asked for, and the ones mapped longest ago are let
// go, once there are too many and nobody can be reading them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/shard.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Where a shard is, and what its store says that it holds.
struct ShardPlace {
    std::string bin;
    std::string idx;
    std::string mask;  // "" for none
    std::int64_t documents = 0;
    std::int64_t tokens = 0;
};

// Thread-safe.
class ShardPool {
  public:
    // Keeps shards mapped that `at` gives while it lasts, and those mapped before.
    class Lease {
      public:
        Lease() = default;
        Lease(const ShardPool* pool, std::uint64_t number) : pool_(pool), number_(number) {}
        Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), number_(other.number_) {}
        Lease& operator=(Lease&& other) noexcept {
            std::swap(pool_, other.pool_);
            std::swap(number_, other.number_);
            return *this;
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() {
            if (pool_ != nullptr) pool_->end(number_);
        }

      private:
        const ShardPool* pool_ = nullptr;
        std::uint64_t number_ = 0;
    };

    // `most`: so many shards stay mapped. Nothing is opened yet.
    ShardPool(std::vector<ShardPlace> places, TokenDtype dtype, std::size_t most);

    [[nodiscard]] const std::vector<ShardPlace>& places() const { return places_; }
    [[nodiscard]] TokenDtype dtype() const { return dtype_; }

    [[nodiscard]] Lease lease() const;

    // The shard, mapped and checked against its place. The reference is good while a lease lasts that was
    // taken before; the pointer for as long as it is held. Throws std::invalid_argument that names the file.
    [[nodiscard]] const Shard& at(std::size_t index) const { return *held(index); }
    [[nodiscard]] std::shared_ptr<const Shard> held(std::size_t index) const;

    // Up to `count` of those that are mapped, other ones in every call.
    [[nodiscard]] std::vector<std::shared_ptr<const Shard>> some(std::size_t count) const;

    // How many are mapped, those included that are let go as soon as nobody can be reading them.
    [[nodiscard]] std::size_t num_mapped() const;

  private:
    void end(std::uint64_t lease) const;
    void free_unread() const;

    std::vector<ShardPlace> places_;
    TokenDtype dtype_;
    std::size_t most_;
    mutable std::mutex mutex_;                                  // guards what follows
    mutable std::vector<std::shared_ptr<const Shard>> shards_;  // null: not mapped
    mutable std::deque<std::size_t> order_;                     // of the mapped ones, oldest first
    // Those that were let go, each with the number of the first lease that cannot read it.
    mutable std::deque<std::pair<std::uint64_t, std::shared_ptr<const Shard>>> leaving_;
    mutable std::set<std::uint64_t> leases_;
    mutable std::uint64_t next_lease_ = 0;
    mutable std::size_t next_look_ = 0;
};

}  // namespace pypack
