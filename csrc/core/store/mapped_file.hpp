// A whole file mapped read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

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

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
    [[nodiscard]] const std::string& path() const { return path_; }

    // Throws std::invalid_argument if the file has been cut since: what lies behind its end can be read no
    // more, and trying ends the process (SIGBUS). A file that was renamed, replaced or deleted stays mapped.
    void check_not_cut() const;

  private:
    std::string path_;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    // Which file it is, whatever its name stands for by now.
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
};

}  // namespace pypack
