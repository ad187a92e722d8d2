// The sequences of one source that have one length, in the order in which they are drawn: a function of
// (key, epoch), evaluated draw by draw, never stored.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "batch/sequence_source.hpp"
#include "common/permutation.hpp"
#include "common/tabled_permutation.hpp"

namespace pypack {

// Sequences first .. first + count of a plan.
struct SequenceRange {
    std::int64_t first;
    std::int64_t count;
};

class SourceBucket {
  public:
    // `ranges` hold the bucket's sequences; a plan keeps those of one length together, so there are few.
    // `locality` 0: every order of the bucket is as likely as any other. Otherwise only `locality` times
    // kOpenBlocks neighbouring draws lie in kOpenBlocks blocks, each of `locality` neighbouring sequences,
    // for storage that is slow to jump. kPlanOrder: every epoch as the sequences stand in the plan. Throws
    // std::invalid_argument for no sequences or a bad range.
    SourceBucket(std::int32_t source, std::vector<SequenceRange> ranges, std::uint64_t key,
                 std::int64_t locality);

    static constexpr std::int64_t kOpenBlocks = 8;
    static constexpr std::int64_t kPlanOrder = -1;

    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::int32_t source() const { return source_; }

    // One epoch's order.
    class Epoch {
      public:
        Epoch(const SourceBucket& bucket, std::int64_t epoch);
        // Replaces every draw, each below bucket.size() (the caller checks), by its sequence.
        void apply(std::span<std::uint64_t> indices) const;

      private:
        void permute(std::span<std::uint64_t> indices) const;
        void permute_within_blocks(std::span<std::uint64_t> indices) const;

        const SourceBucket& bucket_;
        std::int64_t epoch_;
        std::uint64_t key_;
        Permutation items_;             // of all sequences, or of the blocks
        std::int64_t short_place_ = 0;  // where the last block, which may be short, stands among the others
    };

  private:
    // Steps come epoch by epoch: the tables of the last epoch asked for, once enough was asked of it. Threads
    // that make batches at a time share them.
    struct Tables {
        std::mutex mutex;
        std::int64_t epoch = -1;
        std::uint64_t asked = 0;
        std::shared_ptr<const TabledPermutation> tables;
    };

    [[nodiscard]] std::int64_t sequence(std::int64_t index) const;
    // Null as long as there are none for the order of an epoch, of which `count` more draws are asked for.
    [[nodiscard]] std::shared_ptr<const TabledPermutation> tables(std::int64_t epoch,
                                                                  const Permutation& order,
                                                                  std::size_t count) const;

    std::int32_t source_;
    std::vector<SequenceRange> ranges_;
    std::vector<std::int64_t> first_index_;  // of each range in the bucket
    std::int64_t size_ = 0;
    std::uint64_t key_;
    std::int64_t locality_;
    std::unique_ptr<Tables> tables_ = std::make_unique<Tables>();
};

// `count` draws of a bucket from draw `start` of an epoch.
struct Draw {
    std::int32_t bucket;
    std::int64_t epoch;
    std::int64_t start;
    std::int64_t count;
};

// The rows first, first + stride, ... (`count` of them) of a step's batch. The batch has `slots` rows: those
// of the draws, one after another, then empty ones; draws beyond the slots are left out. With a `shuffle_key`
// they are permuted first, so that the sources of a mixture do not stand in blocks. Throws std::out_of_range
// for a draw outside of its bucket, or for rows that are not among the slots.
[[nodiscard]] std::vector<RowRef> draw_rows(std::span<const SourceBucket> buckets,
                                            std::span<const Draw> draws, std::int64_t slots,
                                            std::int64_t first, std::int64_t stride, std::int64_t count,
                                            std::optional<std::uint64_t> shuffle_key);

}  // namespace pypack
