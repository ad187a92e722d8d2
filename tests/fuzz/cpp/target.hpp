// A fuzz target: what it is fed, and where it begins. driver.cpp runs it; a target throws std::logic_error's
// children for what it refuses, and calls fail() for what must not be.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

// Inputs that lead deep into the code, past crashers among them.
std::vector<std::string> seeds();

// One execution.
void run(std::string_view bytes);

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "fuzz: %s\n", what);
    std::abort();
}

inline void check(bool holds, const char* what) {
    if (!holds) fail(what);
}

// A piece of the input that is not there twice, so that a sanitizer sees the byte behind it.
class Exact {
  public:
    explicit Exact(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

  private:
    std::vector<char> bytes_;
};

// The input cut in two: the first byte says where.
inline std::string_view take(std::string_view& bytes) {
    if (bytes.empty()) return {};
    const std::size_t size = static_cast<unsigned char>(bytes[0]) * (bytes.size() - 1) / 255;
    const std::string_view taken = bytes.substr(1, size);
    bytes.remove_prefix(1 + size);
    return taken;
}

// True of one input among `many`: where a check takes long. Which one depends on its bytes alone.
inline bool is_chosen(std::string_view bytes, std::uint64_t many) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return (sum >> 20) % many == 0;
}

// A number below `bound`.
inline std::size_t number(std::string_view& bytes, std::size_t bound) {
    if (bytes.empty()) return 0;
    const std::size_t value = static_cast<unsigned char>(bytes[0]) % bound;
    bytes.remove_prefix(1);
    return value;
}

}  // namespace fuzz
