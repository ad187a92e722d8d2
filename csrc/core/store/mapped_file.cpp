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

MappedFile::MappedFile(const std::string& path) {
    file_.path = path;
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
    file_.size = static_cast<std::size_t>(status.st_size);
    file_.device = status.st_dev;
    file_.inode = status.st_ino;
    if (file_.size > 0) {  // an empty file cannot be mapped, and needs no mapping
        void* mapping = ::mmap(nullptr, file_.size, PROT_READ, MAP_SHARED, descriptor, 0);
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
    : file_(std::exchange(other.file_, {})), data_(std::exchange(other.data_, nullptr)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(data_, other.data_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), file_.size);
}

}  // namespace pypack
