// Runs a fuzz target: under libFuzzer where it is compiled in (-DPYPACK_LIBFUZZER), else by its own loop,
// which mutates the seeds at random without looking at what they reach.
//
//   fuzz_TARGET [seconds] [executions] [seed]     both bounds hold; 0: no bound
//   fuzz_TARGET FILE                              one input, to see a crash again
//
// An input that crashes is left in the file fuzz_TARGET.crash of the working directory.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <utility>

#include "target.hpp"

namespace {

void run_once(std::string_view bytes) {
    try {
        fuzz::run(bytes);
    } catch (const std::invalid_argument&) {  // ValueError
    } catch (const std::length_error&) {
    } catch (const std::out_of_range&) {  // IndexError
    }
}

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed), seeds_(fuzz::seeds()) {
        if (seeds_.empty()) seeds_.emplace_back();
        num_made_ = seeds_.size();
        for (const std::string& made : seeds_) most_bytes_ = std::max(most_bytes_, made.size() + 64);
    }

    std::string next() {
        std::string bytes = seeds_[below(seeds_.size())];
        for (std::size_t times = 1 + below(4); times > 0; --times) mutate(bytes);
        if (below(2000) == 0) keep(bytes);
        return bytes;
    }

  private:
    static constexpr std::size_t kMostKept = 200;

    // Damage on top of damage. The seeds themselves stay.
    void keep(const std::string& bytes) {
        if (seeds_.size() < num_made_ + kMostKept) {
            seeds_.push_back(bytes);
        } else {
            seeds_[num_made_ + below(kMostKept)] = bytes;
        }
    }

    std::size_t below(std::size_t bound) { return random_() % bound; }

    void mutate(std::string& bytes) {
        const std::size_t at = below(bytes.size() + 1);
        switch (below(7)) {
            case 0:
                if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
                break;
            case 1:
                if (at < bytes.size()) bytes[at] = static_cast<char>(random_());
                break;
            case 2:
                bytes.insert(at, 1 + below(8), static_cast<char>(random_()));
                break;
            case 3:
                bytes.erase(at, 1 + below(8));
                break;
            case 4: {  // another seed's end
                const std::string& other = seeds_[below(seeds_.size())];
                bytes = bytes.substr(0, at) + other.substr(below(other.size() + 1));
                break;
            }
            case 5:  // a part once more
                bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(64)));
                break;
            default: {  // a number that sizes like to be
                constexpr std::uint64_t kNumbers[] = {0,
                                                      1,
                                                      0x7F,
                                                      0x80,
                                                      0xFFFF,
                                                      0x7FFFFFFF,
                                                      0x80000000,
                                                      0xFFFFFFFF,
                                                      0x7FFFFFFFFFFFFFFF,
                                                      ~std::uint64_t{0}};
                const std::uint64_t value = kNumbers[below(std::size(kNumbers))];
                const std::size_t size = std::size_t{1} << below(4);
                for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i) {
                    bytes[at + i] = static_cast<char>(value >> 8 * i);
                }
            }
        }
        if (bytes.size() > most_bytes_) bytes.resize(most_bytes_);
    }

    std::mt19937_64 random_;
    std::vector<std::string> seeds_;
    std::size_t most_bytes_ = 1 << 11;  // what is longer says the same more slowly
    std::size_t num_made_ = 0;          // the first so many are the target's own
};

}  // namespace

#ifdef PYPACK_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    run_once({reinterpret_cast<const char*>(data), size});
    return 0;
}

#else

namespace {

// The input that is being run, in a file: there when the run ends the process.
class LastInput {
  public:
    explicit LastInput(std::string path)
        : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
        if (file_ < 0) fuzz::fail("no file can be written in this folder");
    }
    LastInput(const LastInput&) = delete;
    LastInput& operator=(const LastInput&) = delete;
    ~LastInput() { ::close(file_); }

    void write(const std::string& bytes) {
        if (bytes.size() < size_ && ::ftruncate(file_, static_cast< ::off_t>(bytes.size())) != 0) return;
        size_ =
            static_cast<std::size_t>(std::max< ::ssize_t>(0, ::pwrite(file_, bytes.data(), bytes.size(), 0)));
    }

    void remove() const { std::remove(path_.c_str()); }

  private:
    std::string path_;
    int file_;
    std::size_t size_ = 0;
};

int replay(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return 2;
    run_once(std::string(std::istreambuf_iterator<char>(file), {}));
    std::puts("no crash");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strtod(argv[1], nullptr) == 0) return replay(argv[1]);
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 10;
    const auto most = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
    Mutator mutator(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
    const std::string crash = std::string(argv[0]).substr(std::string(argv[0]).rfind('/') + 1) + ".crash";

    for (const std::string& seed : fuzz::seeds()) run_once(seed);
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t executions = 0;
    LastInput last(crash);
    while (most == 0 || executions < most) {
        if (executions % 256 == 0 && seconds > 0 &&
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) {
            break;
        }
        const std::string bytes = mutator.next();
        last.write(bytes);
        run_once(bytes);
        ++executions;
    }
    last.remove();
    std::printf("%llu executions\n", static_cast<unsigned long long>(executions));
    return 0;
}

#endif
