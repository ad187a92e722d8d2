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
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
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
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace pypack
