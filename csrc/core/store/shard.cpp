#include "store/shard.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "common/interrupt.hpp"
#include "store/mask_bits.hpp"

namespace pypack {

namespace {

constexpr std::array<unsigned char, 9> kMagic = {'M', 'M', 'I', 'D', 'I', 'D', 'X', 0, 0};
constexpr std::int64_t kHeaderBytes = 34;
constexpr std::int64_t kBytesPerSequence = sizeof(std::int32_t) + sizeof(std::int64_t);

template <typename T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
    throw std::invalid_argument(path + ": " + problem);
}

}  // namespace

Shard::Shard(const std::string& bin_path, const std::string& idx_path, bool one_sequence_per_document,
             const std::string& mask_path)
    : bin_path_(bin_path), idx_path_(idx_path), bin_(bin_path), idx_(idx_path) {
    bin_bytes_ = bin_->bytes();
    idx_bytes_ = idx_->bytes();
    const std::span<const std::byte> index = idx_bytes_;
    const auto index_size = static_cast<std::int64_t>(index.size());
    if (index_size < kHeaderBytes) {
        refuse(idx_path, "magic: the file has " + std::to_string(index_size) +
                             " bytes, an index begins with a header of 34; it is truncated or not an index");
    }
    if (std::memcmp(index.data(), kMagic.data(), kMagic.size()) != 0) {
        refuse(idx_path, "magic: not a Megatron-Core index (it must begin with MMIDIDX)");
    }
    const auto version = load<std::uint64_t>(index.data() + 9);
    if (version != 1) {
        refuse(idx_path, "version: " + std::to_string(version) + ", only version 1 can be read");
    }
    const auto code = load<std::uint8_t>(index.data() + 17);
    const auto dtype = token_dtype_from_code(code);
    if (!dtype) {
        refuse(idx_path, "dtype code: " + std::to_string(code) + " is not an integer type (1 to 5, or 8)");
    }
    dtype_ = *dtype;

    // Compared by division, so that no count in a damaged header can overflow.
    const auto sequences = load<std::uint64_t>(index.data() + 18);
    const auto bounds = load<std::uint64_t>(index.data() + 26);
    const auto body = static_cast<std::uint64_t>(index_size - kHeaderBytes);
    if (sequences > body / kBytesPerSequence || bounds > body / sizeof(std::int64_t) ||
        body != sequences * kBytesPerSequence + bounds * sizeof(std::int64_t)) {
        refuse(idx_path, "sequence count " + std::to_string(sequences) + " and document bound count " +
                             std::to_string(bounds) + " do not fit the file's size of " +
                             std::to_string(index_size) +
                             " bytes; it is truncated, has trailing data, or is a multimodal index");
    }
    if (num_bytes() % item_size(dtype_) != 0) {
        refuse(bin_path, "size: " + std::to_string(num_bytes()) + " bytes is not a multiple of the " +
                             std::to_string(item_size(dtype_)) + " bytes of a token; it is truncated");
    }
    if (!mask_path.empty()) {
        mask_.emplace(mask_path);
        mask_bytes_ = mask_->bytes();
        has_mask_ = true;
        const auto found = static_cast<std::int64_t>(mask_bytes_.size());
        if (found != mask_bytes(num_tokens())) {
            refuse(mask_path, "size: " + std::to_string(found) + " bytes, a loss mask of " +
                                  std::to_string(num_tokens()) + " tokens has " +
                                  std::to_string(mask_bytes(num_tokens())) +
                                  "; it is truncated or of another shard");
        }
    }
    lengths_ = index.data() + kHeaderBytes;
    offsets_ = lengths_ + sequences * sizeof(std::int32_t);
    num_documents_ = static_cast<std::int64_t>(sequences);
    if (!one_sequence_per_document) {
        merge_sequences(num_documents_, static_cast<std::int64_t>(bounds));
    } else if (bounds != sequences + 1) {
        refuse(idx_path, "document bound count: " + std::to_string(bounds) + ", must be " +
                             std::to_string(sequences + 1) + " (one sequence a document)");
    }
}

Shard::Shard(const RemoteShard& remote)
    : bin_path_(remote.bin_path),
      idx_path_(remote.idx_path),
      bin_bytes_(remote.bin),
      idx_bytes_(remote.idx),
      mask_bytes_(remote.mask.value_or(std::span<const std::byte>{})),
      has_mask_(remote.mask.has_value()),
      cached_(remote.files),
      dtype_(remote.dtype),
      num_documents_(remote.documents) {
    const auto found = static_cast<std::int64_t>(idx_bytes_.size());
    const auto documents = static_cast<std::uint64_t>(num_documents_);
    constexpr std::int64_t kBytesPerDocument = kBytesPerSequence + sizeof(std::int64_t);
    const auto body = found - kHeaderBytes - static_cast<std::int64_t>(sizeof(std::int64_t));
    if (num_documents_ < 0 || body < 0 || body % kBytesPerDocument != 0 ||
        static_cast<std::uint64_t>(body / kBytesPerDocument) != documents) {
        refuse(idx_path_, "size: " + std::to_string(found) + " bytes do not fit " +
                              std::to_string(num_documents_) + " documents");
    }
    if (num_bytes() % item_size(dtype_) != 0 || num_tokens() != remote.tokens) {
        refuse(bin_path_, "size: " + std::to_string(num_bytes()) + " bytes do not fit " +
                              std::to_string(remote.tokens) + " tokens");
    }
    if (has_mask_ && static_cast<std::int64_t>(mask_bytes_.size()) != mask_bytes(num_tokens())) {
        refuse(bin_path_, "the loss mask has " + std::to_string(mask_bytes_.size()) +
                              " bytes, which do not fit " + std::to_string(num_tokens()) + " tokens");
    }
    lengths_ = idx_bytes_.data() + kHeaderBytes;
    offsets_ = lengths_ + documents * sizeof(std::int32_t);
}

// Makes the documents of the bounds from the sequences; where each holds exactly one, nothing is copied.
void Shard::merge_sequences(std::int64_t num_sequences, std::int64_t num_bounds) {
    const std::byte* const bounds =
        offsets_ + num_sequences * static_cast<std::int64_t>(sizeof(std::int64_t));
    const auto bound = [&](std::int64_t i) {
        return load<std::int64_t>(bounds + i * static_cast<std::int64_t>(sizeof(std::int64_t)));
    };
    if (num_bounds < 1 || bound(0) != 0 || bound(num_bounds - 1) != num_sequences) {
        refuse(idx_path_,
               "document bounds: must rise from 0 to the sequence count " + std::to_string(num_sequences));
    }
    bool one_each = num_bounds == num_sequences + 1;
    for (std::int64_t i = 0; i + 1 < num_bounds; ++i) {
        check_interrupt_at(static_cast<std::size_t>(i));
        if (bound(i + 1) < bound(i) || bound(i + 1) > num_sequences) {
            refuse(idx_path_, "document bounds: bound " + std::to_string(i + 1) + " is " +
                                  std::to_string(bound(i + 1)) + ", below the one before or above the " +
                                  "sequence count");
        }
        one_each = one_each && bound(i + 1) == i + 1;
    }
    if (one_each) return;

    std::vector<Length> lengths(static_cast<std::size_t>(num_bounds - 1));
    std::vector<std::int64_t> offsets(lengths.size());
    for (std::int64_t i = 0; i + 1 < num_bounds; ++i) {
        check_interrupt_at(static_cast<std::size_t>(i));
        std::int64_t length = 0;
        for (std::int64_t s = bound(i); s < bound(i + 1); ++s) {
            if (s > bound(i) && !follows(s)) {
                refuse(idx_path_, "sequence offsets: sequence " + std::to_string(s) +
                                      " does not follow the one before it in document " + std::to_string(i));
            }
            length += length_at(s);
        }
        if (length < 0 || length > std::numeric_limits<Length>::max()) {
            refuse(idx_path_, "sequence lengths: document " + std::to_string(i) + " has " +
                                  std::to_string(length) + " tokens, must be 0 to 2^31-1");
        }
        lengths[static_cast<std::size_t>(i)] = static_cast<Length>(length);
        offsets[static_cast<std::size_t>(i)] = bound(i) < num_sequences ? offset_at(bound(i)) : num_bytes();
    }
    merged_lengths_ = std::move(lengths);
    merged_offsets_ = std::move(offsets);
    num_documents_ = num_bounds - 1;
    lengths_ = reinterpret_cast<const std::byte*>(merged_lengths_.data());
    offsets_ = reinterpret_cast<const std::byte*>(merged_offsets_.data());
}

// Whether a sequence begins where the one before it ends. Offsets of a damaged file may be any number.
bool Shard::follows(std::int64_t sequence) const {
    const auto before = static_cast<std::uint64_t>(offset_at(sequence - 1));
    const auto bytes = static_cast<std::uint64_t>(length_at(sequence - 1) * item_size(dtype_));
    return static_cast<std::uint64_t>(offset_at(sequence)) == before + bytes;
}

Length Shard::length_at(std::int64_t index) const {
    return load<Length>(lengths_ + index * static_cast<std::int64_t>(sizeof(Length)));
}

std::int64_t Shard::offset_at(std::int64_t index) const {
    return load<std::int64_t>(offsets_ + index * static_cast<std::int64_t>(sizeof(std::int64_t)));
}

std::array<std::span<const std::byte>, 2> Shard::index_entries(std::int64_t index) const {
    if (!merged_lengths_.empty()) return {};
    return {
        std::span(lengths_ + index * static_cast<std::int64_t>(sizeof(Length)), sizeof(Length)),
        std::span(offsets_ + index * static_cast<std::int64_t>(sizeof(std::int64_t)), sizeof(std::int64_t))};
}

DocumentView Shard::document(std::int64_t index) const {
    const Length length = length_at(index);
    const std::int64_t offset = offset_at(index);
    // Sizes are powers of two, and a division would cost more than all the rest here.
    const std::int64_t size = item_size(dtype_);
    if (length < 0 || offset < 0 || offset > num_bytes() || length * size > num_bytes() - offset ||
        (offset & (size - 1)) != 0) {
        refuse(idx_path_, "document " + std::to_string(index) + ": length " + std::to_string(length) +
                              " at byte " + std::to_string(offset) + " does not lie inside " + bin_path_ +
                              " (" + std::to_string(num_bytes()) + " bytes)");
    }
    DocumentView view{bin_bytes_.data() + offset, length};
    if (has_mask_) {
        view.mask = mask_bytes_.data();
        view.first_bit = offset >> std::countr_zero(static_cast<std::uint64_t>(size));
    }
    return view;
}

void Shard::copy_lengths(std::span<Length> out) const {
    if (out.empty()) return;
    if (cached_) {
        cached_->copy({lengths_, out.size_bytes()}, reinterpret_cast<std::byte*>(out.data()));
    } else {
        std::memcpy(out.data(), lengths_, out.size_bytes());
    }
}

void Shard::check_layout() const {
    std::int64_t expected = 0;
    for (std::int64_t i = 0; i < num_documents_; ++i) {
        check_interrupt_at(static_cast<std::size_t>(i));
        const DocumentView view = document(i);
        if (view.data != bin_bytes_.data() + expected) {
            refuse(idx_path_, "sequence offsets: document " + std::to_string(i) + " begins at byte " +
                                  std::to_string(offset_at(i)) + ", expected " + std::to_string(expected));
        }
        expected += view.length * item_size(dtype_);
    }
    if (expected != num_bytes()) {
        refuse(bin_path_, "size: " + std::to_string(num_bytes()) + " bytes, the index accounts for " +
                              std::to_string(expected));
    }
}

}  // namespace pypack
