// A whole file mapped read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/watched_file.hpp"

namespace pypack {

class MappedFile {
  public:
    // Throws std::invalid_argument, naming the file, if it cannot be opened or mapped.
    explicit MappedFile(const std::string& path);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, file_.size}; }
    [[nodiscard]] const std::string& path() const { return file_.path; }

    // Throws std::invalid_argument if the file has been cut since.
    void check_not_cut() const { file_.check_not_cut(); }

  private:
    WatchedFile file_;
    const std::byte* data_ = nullptr;
};

}  // namespace pypack
