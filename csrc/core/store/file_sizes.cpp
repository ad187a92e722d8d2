#include "store/file_sizes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "common/parallel.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kNamesAtOnce = 1024;

// A folder that is open while this lives.
class Folder {
  public:
    explicit Folder(const std::string& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (descriptor_ < 0) {
            throw std::invalid_argument(path + ": cannot open the folder: " + std::strerror(errno));
        }
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { ::close(descriptor_); }

    // `name` ends with a zero byte.
    [[nodiscard]] std::int64_t size_of(std::string_view name) const {
        if (name.find('/') != std::string_view::npos) return -1;
        struct stat status{};
        if (::fstatat(descriptor_, name.data(), &status, 0) != 0 || S_ISDIR(status.st_mode)) return -1;
        return status.st_size;
    }

  private:
    int descriptor_;
};

}  // namespace

void file_sizes(const std::string& folder, std::string_view names, int num_threads,
                std::span<std::int64_t> sizes) {
    const std::string ended(names);  // the last one, too, has its zero byte
    std::vector<std::string_view> of_each;
    of_each.reserve(sizes.size());
    for (std::size_t begin = 0; begin <= ended.size();) {
        const std::size_t end = std::min(ended.find('\0', begin), ended.size());
        of_each.push_back(std::string_view(ended).substr(begin, end - begin));
        begin = end + 1;
    }
    if (sizes.empty() && names.empty()) return;
    if (of_each.size() != sizes.size()) {
        throw std::invalid_argument(folder + ": " + std::to_string(of_each.size()) + " names of " +
                                    std::to_string(sizes.size()) + " files");
    }
    const Folder opened(folder);
    const auto count = static_cast<std::int64_t>(sizes.size());
    parallel_for((count + kNamesAtOnce - 1) / kNamesAtOnce, num_threads, [&](std::int64_t chunk) {
        const std::int64_t end = std::min(count, (chunk + 1) * kNamesAtOnce);
        for (std::int64_t i = chunk * kNamesAtOnce; i < end; ++i) {
            const auto at = static_cast<std::size_t>(i);
            sizes[at] = opened.size_of(of_each[at]);
        }
    });
}

}  // namespace pypack
