#include "common/summed_write.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "common/crc32c.hpp"

namespace pypack {

namespace {

constexpr std::size_t kPiece = std::size_t{128} << 10;

[[noreturn]] void fail() {
    throw std::system_error(errno, std::generic_category());
}

}  // namespace

std::uint32_t write_summed(int descriptor, std::string_view bytes, std::int64_t at, std::uint32_t before) {
    std::uint32_t sum = before;
    while (!bytes.empty()) {
        std::string_view piece = bytes.substr(0, kPiece);
        bytes.remove_prefix(piece.size());
        sum = crc32c(piece, sum);
        while (!piece.empty()) {
            const ssize_t count = ::pwrite(descriptor, piece.data(), piece.size(), static_cast<off_t>(at));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) fail();
            piece.remove_prefix(static_cast<std::size_t>(count));
            at += count;
        }
    }
    return sum;
}

void make_file_room([[maybe_unused]] int descriptor, [[maybe_unused]] std::int64_t at,
                    [[maybe_unused]] std::int64_t size) {
#ifdef __linux__
    while (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at), static_cast<off_t>(size)) !=
           0) {
        if (errno == EINTR) continue;
        if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) fail();
        return;  // it has no such call
    }
#endif
}

}  // namespace pypack
