// Uninitialised memory for large outputs, taken from what the process has at hand (large_memory.hpp). A
// std::vector would zero it first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "common/large_memory.hpp"

namespace pypack {

template <typename T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kMemoryAlignment);

  public:
    Buffer() = default;
    explicit Buffer(std::int64_t size) : size_(size), capacity_(size), data_(allocate(size, size)) {}
    // A buffer that was moved from is empty, with room for nothing.
    Buffer(Buffer&& other) noexcept
        : size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)),
          data_(std::move(other.data_)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }

    // An empty one with room for `capacity` elements, or for `enough` where that much memory is at hand.
    [[nodiscard]] static Buffer with_room(std::int64_t capacity, std::int64_t enough) {
        Buffer buffer;
        buffer.data_ = allocate(capacity, enough);
        buffer.capacity_ = static_cast<std::int64_t>(buffer.data_.get_deleter().size / sizeof(T));
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
        auto grown = allocate(capacity, capacity);
        if (size_ > 0) std::memcpy(grown.get(), data_.get(), static_cast<std::size_t>(size_) * sizeof(T));
        data_ = std::move(grown);
        capacity_ = capacity;
    }

    // New elements are uninitialised.
    void resize(std::int64_t size) {
        reserve(size);
        size_ = size;
    }

  private:
    struct GiveBack {
        std::size_t size = 0;
        void operator()(T* p) const { give_back_memory({reinterpret_cast<std::byte*>(p), size}); }
    };
    using Memory = std::unique_ptr<T, GiveBack>;

    static Memory allocate(std::int64_t size, std::int64_t enough) {
        if (size < 0 || static_cast<std::uint64_t>(size) > (std::uint64_t{1} << 62) / sizeof(T)) {
            throw std::bad_alloc();
        }
        const MemoryBlock block = take_memory(static_cast<std::size_t>(size) * sizeof(T),
                                              static_cast<std::size_t>(enough) * sizeof(T));
        return Memory(reinterpret_cast<T*>(block.data), GiveBack{block.size});
    }

    std::int64_t size_ = 0;
    std::int64_t capacity_ = 0;
    Memory data_;
};

}  // namespace pypack
