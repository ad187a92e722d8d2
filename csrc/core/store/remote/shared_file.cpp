#include "store/remote/shared_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace pypack {

SharedFile::SharedFile(const std::string& path, bool writable, std::size_t least) {
    const int descriptor = ::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    struct stat status{};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
        const int error = errno;
        if (descriptor >= 0) ::close(descriptor);
        throw std::invalid_argument(path + ": cannot open: " + std::strerror(error) +
                                    "; was the cache removed while it was in use?");
    }
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ < least || size_ == 0) {
        ::close(descriptor);
        throw std::invalid_argument(path + ": size: " + std::to_string(size_) + " bytes, must be at least " +
                                    std::to_string(least) + "; remove the folder of the cache");
    }
    void* mapping =
        ::mmap(nullptr, size_, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor, 0);
    const int error = errno;
    ::close(descriptor);
    if (mapping == MAP_FAILED) throw std::invalid_argument(path + ": cannot map: " + std::strerror(error));
    data_ = static_cast<std::byte*>(mapping);
}

SharedFile::SharedFile(SharedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedFile& SharedFile::operator=(SharedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

SharedFile::~SharedFile() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace pypack
