#include "store/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace pypack {

namespace {

[[noreturn]] void fail(const std::string& path, const char* action, int error) {
    std::string message = path + ": cannot " + action + ": " + std::strerror(error);
    if (error == ENOMEM) {
        message +=
            "; a process may hold a limited number of mappings (vm.max_map_count), use fewer, larger shards";
    }
    throw std::invalid_argument(message);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
    // A pipe that nobody writes to would be waited for.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) fail(path, "open", errno);
    struct stat status{};
    if (::fstat(descriptor, &status) != 0) {
        const int error = errno;
        ::close(descriptor);
        fail(path, "read its size", error);
    }
    if (!S_ISREG(status.st_mode)) {
        ::close(descriptor);
        throw std::invalid_argument(path + ": not a regular file");
    }
    size_ = static_cast<std::size_t>(status.st_size);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    if (size_ > 0) {  // an empty file cannot be mapped, and needs no mapping
        void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
        if (mapping == MAP_FAILED) {
            const int error = errno;
            ::close(descriptor);
            fail(path, "map", error);
        }
        data_ = static_cast<const std::byte*>(mapping);
    }
    ::close(descriptor);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      device_(other.device_),
      inode_(other.inode_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::check_not_cut() const {
    struct stat status{};
    if (::stat(path_.c_str(), &status) != 0) return;
    if (status.st_dev != device_ || status.st_ino != inode_) return;
    if (static_cast<std::size_t>(status.st_size) >= size_) return;
    throw std::invalid_argument(
        path_ + ": was cut from " + std::to_string(size_) + " to " + std::to_string(status.st_size) +
        " bytes while it was open; stop what writes to it, mend it, and open it anew");
}

}  // namespace pypack
