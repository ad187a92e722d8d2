// A file that several processes have mapped, to tell one another things.
#pragma once

#include <cstddef>
#include <string>

namespace pypack {

class SharedFile {
  public:
    SharedFile() = default;
    // Maps a file whole, for writing too if `writable`. Throws std::invalid_argument that names it if it
    // cannot be mapped, or has less than `least` bytes.
    SharedFile(const std::string& path, bool writable, std::size_t least);
    SharedFile(SharedFile&& other) noexcept;
    SharedFile& operator=(SharedFile&& other) noexcept;
    SharedFile(const SharedFile&) = delete;
    SharedFile& operator=(const SharedFile&) = delete;
    ~SharedFile();

    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace pypack
