#include <bit>
#include <string>

#include "pack/decompose/decompose.hpp"

namespace pypack {

void DecomposeOptions::validate(const PackOptions& options) const {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    const auto check_power = [&](const char* name, Length value) {
        if (value < 1 || !std::has_single_bit(static_cast<std::uint32_t>(value))) {
            refuse(std::string(name) + " must be a power of two, got " + std::to_string(value));
        }
    };
    check_power("max_length", max_length);
    check_power("min_length", min_length);
    if (max_length > options.sequence_length) {
        refuse("max_length must be at most sequence_length (" + std::to_string(options.sequence_length) +
               "), got " + std::to_string(max_length));
    }
    if (min_length > max_length) {
        refuse("min_length must be at most max_length (" + std::to_string(max_length) + "), got " +
               std::to_string(min_length));
    }
    if (options.drop_shorter_than > max_length) {
        refuse("drop_shorter_than must be at most max_length (" + std::to_string(max_length) + "), got " +
               std::to_string(options.drop_shorter_than));
    }
    const Length shortest = remainder == Remainder::keep ? 1 : min_length;
    if (options.align > 1 && (piece_length == PieceLength::shifted || shortest % options.align != 0)) {
        refuse("align must divide the length of every piece, got " + std::to_string(options.align) +
               ": use mode 'exact', min_length a multiple of align, and remainder 'pack' or 'drop'");
    }
}

}  // namespace pypack
