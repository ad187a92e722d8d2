#include "store/mask_bits.hpp"

namespace pypack {

namespace {

// Appends bits, one after another.
class BitWriter {
  public:
    BitWriter(std::vector<std::byte>& out, std::int64_t first_bit) : out_(out), bits_(first_bit) {}

    void add(std::uint8_t bit) {
        word_ |= static_cast<unsigned>(bit) << bits_;
        if (++bits_ == 8) flush();
    }
    void add(std::uint8_t bit, std::int64_t times) {
        for (; times > 0; --times) add(bit);
    }
    void add(std::span<const std::uint8_t> bits) {
        std::size_t i = 0;
        for (; i < bits.size() && bits_ != 0; ++i) add(bits[i]);
        // The low bits of eight bytes, gathered by one multiplication.
        for (; i + 8 <= bits.size(); i += 8) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, bits.data() + i, 8);
            out_.push_back(static_cast<std::byte>((eight * 0x0102040810204080) >> 56));
        }
        for (; i < bits.size(); ++i) add(bits[i]);
    }
    void flush() {
        if (bits_ == 0) return;
        out_.push_back(static_cast<std::byte>(word_));
        word_ = 0;
        bits_ = 0;
    }

  private:
    std::vector<std::byte>& out_;
    unsigned word_ = 0;
    std::int64_t bits_;
};

}  // namespace

std::vector<std::byte> pack_mask(std::span<const std::uint8_t> learned, std::span<const Offset> offsets,
                                 std::int64_t begins, std::int64_t ends, std::int64_t first_bit,
                                 std::uint8_t begin_bit) {
    std::vector<std::byte> out;
    const std::int64_t rows = static_cast<std::int64_t>(offsets.size()) - 1;
    out.reserve(static_cast<std::size_t>(
        mask_bytes(first_bit + offsets.back() - offsets.front() + rows * (begins + ends))));
    BitWriter writer(out, first_bit);
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
        writer.add(begin_bit, begins);
        writer.add(learned.subspan(static_cast<std::size_t>(offsets[i]),
                                   static_cast<std::size_t>(offsets[i + 1] - offsets[i])));
        writer.add(1, ends);
    }
    writer.flush();
    return out;
}

}  // namespace pypack
