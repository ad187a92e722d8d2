// A Megatron-Core index beside its tokens, as files: refused, or every document lies in the tokens.
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <unistd.h>

#include "store/shard.hpp"
#include "target.hpp"

namespace fuzz {

namespace {

std::string path_of(const char* suffix) {
    static const std::string stem = "/dev/shm/pypack_fuzz_shard_" + std::to_string(::getpid());
    return stem + suffix;
}

void write_file(const std::string& path, std::string_view bytes) {
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) fail("no file can be written in /dev/shm");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
}

template <typename T>
void append(std::string& bytes, std::initializer_list<T> values) {
    for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::vector<std::string> seeds() {
    std::string one("MMIDIDX\0\0", 9);  // two documents of one sequence each
    append<std::uint64_t>(one, {1});
    append<std::uint8_t>(one, {8});
    append<std::uint64_t>(one, {2, 3});
    append<std::int32_t>(one, {3, 2});
    append<std::int64_t>(one, {0, 6, 0, 1, 2});
    std::string merged("MMIDIDX\0\0", 9);  // one document of two sequences
    append<std::uint64_t>(merged, {1});
    append<std::uint8_t>(merged, {8});
    append<std::uint64_t>(merged, {2, 2});
    append<std::int32_t>(merged, {3, 2});
    append<std::int64_t>(merged, {0, 6, 0, 2});
    std::string many = merged.substr(0, merged.size() - 16);  // lengths whose sum passes 2^31
    many.replace(34, 8, std::string("\xff\xff\xff\x7f\xff\xff\xff\x7f"));
    many.append(merged.substr(merged.size() - 16));
    return {one, merged, many};
}

void run(std::string_view bytes) {
    const std::string bin = path_of(".bin");
    const std::string idx = path_of(".idx");
    static const bool written = (write_file(bin, "0123456789"), true);  // the same for every index
    (void)written;
    write_file(idx, bytes);
    for (const bool strict : {true, false}) {
        try {
            const pypack::Shard shard(bin, idx, strict);
            std::size_t sum = 0;
            for (std::int64_t i = 0; i < shard.num_documents(); ++i) {
                const auto document = shard.document(i);
                const auto size = static_cast<std::size_t>(document.length) *
                                  static_cast<std::size_t>(pypack::item_size(shard.dtype()));
                for (std::size_t b = 0; b < size; ++b) sum += static_cast<std::size_t>(document.data[b]);
            }
            if (sum == 1) std::puts("");  // so that the reads are made
            shard.check_layout();
        } catch (const std::invalid_argument&) {
        }
    }
}

}  // namespace fuzz
