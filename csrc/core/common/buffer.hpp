// Uninitialised memory for large outputs. A std::vector would zero its pages first, and the first touch of a
// page is what writing a large output costs most: 100 M documents into fresh 4 KiB pages took 1.3 s, into
// huge pages 0.2 s.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pypack {

template <typename T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    Buffer() = default;
    explicit Buffer(std::int64_t size) : size_(size), capacity_(size), data_(allocate(size)) {}

    // For a table that is read at random: in huge pages from half a page on, because walking the page tables
    // costs as much as the read.
    [[nodiscard]] static Buffer for_lookups(std::int64_t size) {
        Buffer buffer;
        buffer.data_ = allocate(size, kHugePage / 2);
        buffer.size_ = buffer.capacity_ = size;
        return buffer;
    }

    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] std::int64_t capacity() const { return capacity_; }
    [[nodiscard]] T* data() { return data_.get(); }
    [[nodiscard]] const T* data() const { return data_.get(); }
    [[nodiscard]] T& operator[](std::int64_t i) { return data_.get()[i]; }
    [[nodiscard]] const T& operator[](std::int64_t i) const { return data_.get()[i]; }
    [[nodiscard]] std::span<const T> view() const { return {data_.get(), static_cast<std::size_t>(size_)}; }
    [[nodiscard]] std::span<T> view() { return {data_.get(), static_cast<std::size_t>(size_)}; }

    void push_back(T value) {
        if (size_ == capacity_) reserve(std::max<std::int64_t>(1024, 2 * capacity_));
        data_.get()[size_++] = value;
    }

    void reserve(std::int64_t capacity) {
        if (capacity <= capacity_) return;
        auto grown = allocate(capacity);
        if (size_ > 0) std::memcpy(grown.get(), data_.get(), static_cast<std::size_t>(size_) * sizeof(T));
        data_ = std::move(grown);
        capacity_ = capacity;
    }

    // Only within what was reserved; new elements are uninitialised.
    void resize(std::int64_t size) {
        reserve(size);
        size_ = size;
    }

    // Gives the memory up to the caller, who frees it with std::free.
    [[nodiscard]] T* release() {
        size_ = capacity_ = 0;
        return data_.release();
    }

  private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    using Memory = std::unique_ptr<T, Free>;

    static constexpr std::size_t kHugePage = std::size_t{1} << 21;

    static Memory allocate(std::int64_t size, std::size_t smallest_huge = 2 * kHugePage) {
        if (size < 0 || static_cast<std::uint64_t>(size) > (std::uint64_t{1} << 62) / sizeof(T)) {
            throw std::bad_alloc();
        }
        const std::size_t bytes = std::max<std::size_t>(1, static_cast<std::size_t>(size) * sizeof(T));
        void* memory = nullptr;
#if defined(__linux__)
        if (bytes >= smallest_huge) {
            memory = std::aligned_alloc(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage);
            if (memory != nullptr) (void)madvise(memory, bytes, MADV_HUGEPAGE);
        } else {
            memory = std::malloc(bytes);
        }
#else
        (void)smallest_huge;
        memory = std::malloc(bytes);
#endif
        if (memory == nullptr) throw std::bad_alloc();
        return Memory(static_cast<T*>(memory));
    }

    std::int64_t size_ = 0;
    std::int64_t capacity_ = 0;
    Memory data_;
};

}  // namespace pypack
