// One shard: a Megatron-Core indexed dataset, that is a .bin of tokens end to end and a .idx beside it:
//
//   offset 0   magic "MMIDIDX\0\0" (9 bytes)
//          9   version, uint64, 1
//         17   dtype code, uint8
//         18   number of sequences n, uint64
//         26   number of document bounds d, uint64
//         34   sequence lengths, int32 [n], in tokens
//    34 + 4n   sequence offsets, int64 [n], in bytes of the .bin
//   34 + 12n   document bounds, int64 [d], rising from 0 to n: document i holds sequences
//              bounds[i] .. bounds[i+1]
//
// pypack writes one sequence a document, so d = n + 1 and the bounds count 0, 1, ..., n.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/prefetch.hpp"
#include "common/types.hpp"
#include "store/mapped_file.hpp"
#include "store/remote/cached_files.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Where a document's tokens stand: `length` items of the shard's dtype at `data`.
struct DocumentView {
    const std::byte* data;
    Length length;
    // The loss mask of the shard (mask_bits.hpp), and which of its bits the document begins with; null: it
    // has none.
    const std::byte* mask = nullptr;
    std::int64_t first_bit = 0;
};

// A shard of a remote store, in memory of a cache (remote/cached_files.hpp), of which only parts may be
// there.
struct RemoteShard {
    std::string bin_path;
    std::string idx_path;
    std::span<const std::byte> bin;
    std::span<const std::byte> idx;
    std::optional<std::span<const std::byte>> mask;
    std::shared_ptr<const CachedFiles> files;  // that all of them are of
    std::int64_t documents = 0;
    std::int64_t tokens = 0;
    TokenDtype dtype{};
};

class Shard {
  public:
    // Maps both files and checks every size in the header against the real sizes; O(1) when
    // `one_sequence_per_document` promises pypack's own layout, else the bounds are read and checked.
    // `mask_path`: of the loss mask, "" for none. Throws std::invalid_argument that names the file and the
    // field.
    Shard(const std::string& bin_path, const std::string& idx_path, bool one_sequence_per_document,
          const std::string& mask_path = "");

    // Reads nothing: the store says what the header would. Throws std::invalid_argument if that does not fit
    // the sizes of the files.
    explicit Shard(const RemoteShard& remote);

    [[nodiscard]] TokenDtype dtype() const { return dtype_; }
    [[nodiscard]] std::int64_t num_documents() const { return num_documents_; }
    [[nodiscard]] std::int64_t num_bytes() const { return static_cast<std::int64_t>(bin_bytes_.size()); }
    [[nodiscard]] std::int64_t num_tokens() const { return num_bytes() / item_size(dtype_); }
    [[nodiscard]] const std::string& bin_path() const { return bin_path_; }

    // The document's tokens, checked to lie inside the .bin whatever the .idx says. `index` must be below
    // num_documents(); the caller checks.
    [[nodiscard]] DocumentView document(std::int64_t index) const;

    // Asks the memory for what `document` reads.
    void prefetch_entries(std::int64_t index) const {
        prefetch(lengths_ + index * static_cast<std::int64_t>(sizeof(Length)));
        prefetch(offsets_ + index * static_cast<std::int64_t>(sizeof(std::int64_t)));
    }

    // What `document` reads of the mapped index; nothing where it was copied out of it. `index` as above.
    [[nodiscard]] std::array<std::span<const std::byte>, 2> index_entries(std::int64_t index) const;

    // The mapped files.
    [[nodiscard]] std::span<const std::byte> index_bytes() const { return idx_bytes_; }
    [[nodiscard]] std::span<const std::byte> token_bytes() const { return bin_bytes_; }
    [[nodiscard]] bool has_mask() const { return has_mask_; }

    // What its files are cached in; null where they are of this host.
    [[nodiscard]] const CachedFiles* cached() const { return cached_.get(); }
    [[nodiscard]] const std::shared_ptr<const CachedFiles>& cached_files() const { return cached_; }

    // The part of the mask that has a document's bits; empty if there is no mask.
    [[nodiscard]] std::span<const std::byte> mask_part(const DocumentView& document) const {
        if (document.mask == nullptr || document.length == 0) return {};
        const std::int64_t first = document.first_bit / 8;
        const std::int64_t last = (document.first_bit + document.length - 1) / 8;
        return {document.mask + first, static_cast<std::size_t>(last - first + 1)};
    }

    // Copies the lengths of all documents (num_documents() values).
    void copy_lengths(std::span<Length> out) const;

    // Throws std::invalid_argument if a file has been cut since it was opened.
    void check_not_cut() const {
        if (bin_) bin_->check_not_cut();
        if (idx_) idx_->check_not_cut();
        if (mask_) mask_->check_not_cut();
    }

    // Reads the whole index: documents must follow one another without gap from byte 0 to the end of the
    // .bin. Throws std::invalid_argument that names the first document that does not.
    void check_layout() const;

  private:
    void merge_sequences(std::int64_t num_sequences, std::int64_t num_bounds);
    [[nodiscard]] bool follows(std::int64_t sequence) const;
    [[nodiscard]] Length length_at(std::int64_t index) const;
    [[nodiscard]] std::int64_t offset_at(std::int64_t index) const;

    std::string bin_path_;
    std::string idx_path_;
    std::optional<MappedFile> bin_;
    std::optional<MappedFile> idx_;
    std::optional<MappedFile> mask_;
    std::span<const std::byte> bin_bytes_;
    std::span<const std::byte> idx_bytes_;
    std::span<const std::byte> mask_bytes_;
    bool has_mask_ = false;
    std::shared_ptr<const CachedFiles> cached_;  // null: the files are of this host
    TokenDtype dtype_{};
    std::int64_t num_documents_ = 0;
    // Into the mapped index (not aligned: the header has 34 bytes), or into the two vectors below.
    const std::byte* lengths_ = nullptr;
    const std::byte* offsets_ = nullptr;
    // Only where documents hold several sequences.
    std::vector<Length> merged_lengths_;
    std::vector<std::int64_t> merged_offsets_;
};

}  // namespace pypack
