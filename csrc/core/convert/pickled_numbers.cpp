#include "convert/pickled_numbers.hpp"

#include <bit>
#include <cstring>

namespace pypack {

namespace {

template <typename Number>
int opcode_bytes(Number value) {
    const auto number = static_cast<std::uint64_t>(value);
    return number < 256 ? 2 : (number < 65536 ? 3 : 5);
}

template <typename Value>
Value load(const char* from) {
    Value value;
    std::memcpy(&value, from, sizeof(Value));
    return value;
}

// Reads opcodes; `left()` is what the file still has.
class Opcodes {
  public:
    Opcodes(std::string_view pickle, std::int64_t at)
        : next_(pickle.data() + at), end_(pickle.data() + pickle.size()), begin_(pickle.data()) {}

    [[nodiscard]] std::int64_t place() const { return next_ - begin_; }
    [[nodiscard]] bool has(std::int64_t size) const { return end_ - next_ >= size; }
    [[nodiscard]] char code() const { return *next_; }
    [[nodiscard]] const char* behind() const { return next_ + 1; }
    void skip(std::int64_t size) { next_ += size; }

    // Frames say how much belongs together, and nothing else.
    void skip_frames() {
        while (has(9) && code() == '\x95') skip(9);
    }

  private:
    const char* next_;
    const char* end_;
    const char* begin_;
};

// What a number takes with its opcode; 0 of other opcodes.
std::int64_t number_bytes(char code) {
    switch (code) {
        case 'K':
            return 2;
        case 'M':
            return 3;
        case 'J':
            return 5;
        case 'G':
            return 9;
        case '\x88':
        case '\x89':
            return 1;
        default:
            return 0;
    }
}

// Appends the number that stands there; false: there is none, or one of another kind than those before.
bool take_number(Opcodes& codes, PickledList& list) {
    using Kind = PickledList::Kind;
    codes.skip_frames();
    if (!codes.has(1)) return false;
    const auto is = [&](Kind kind, std::int64_t size) {
        if (!codes.has(size) || (list.kind != Kind::kOther && list.kind != kind)) return false;
        list.kind = kind;
        return true;
    };
    switch (codes.code()) {
        case 'K':
            if (!is(Kind::kInts, 2)) return false;
            list.ints.push_back(load<std::uint8_t>(codes.behind()));
            codes.skip(2);
            return true;
        case 'M':
            if (!is(Kind::kInts, 3)) return false;
            list.ints.push_back(load<std::uint16_t>(codes.behind()));
            codes.skip(3);
            return true;
        case 'J':
            if (!is(Kind::kInts, 5)) return false;
            list.ints.push_back(load<std::int32_t>(codes.behind()));
            codes.skip(5);
            return true;
        case 'G':
            if (!is(Kind::kFloats, 9)) return false;
            list.floats.push_back(
                std::bit_cast<double>(__builtin_bswap64(load<std::uint64_t>(codes.behind()))));
            codes.skip(9);
            return true;
        case '\x88':
        case '\x89':
            if (!is(Kind::kFlags, 1)) return false;
            list.flags.push_back(codes.code() == '\x88');
            codes.skip(1);
            return true;
        default:
            return false;
    }
}

// Where the list is remembered; it need not be.
std::int64_t take_memo(Opcodes& codes) {
    codes.skip_frames();
    if (codes.has(1) && codes.code() == '\x94') {
        codes.skip(1);
        return PickledList::kNextPlace;
    }
    if (codes.has(2) && codes.code() == 'q') {
        const auto place = load<std::uint8_t>(codes.behind());
        codes.skip(2);
        return place;
    }
    if (codes.has(5) && codes.code() == 'r') {
        const auto place = load<std::uint32_t>(codes.behind());
        codes.skip(5);
        return place;
    }
    return PickledList::kNotRemembered;
}

// Takes one run of numbers that is appended; false: there is none, and `codes` stand anywhere.
bool take_run(Opcodes& codes, PickledList& list) {
    codes.skip_frames();
    if (!codes.has(1)) return false;
    if (codes.code() != '(') {
        if (!take_number(codes, list)) return false;
        codes.skip_frames();
        if (!codes.has(1) || codes.code() != 'a') return false;
        codes.skip(1);
        return true;
    }
    codes.skip(1);
    while (take_number(codes, list)) {
    }
    if (!codes.has(1) || codes.code() != 'e') return false;
    codes.skip(1);
    return true;
}

// Whether what stands there is appended to the list at all: else it is of what comes behind it.
bool is_appended(Opcodes codes) {
    codes.skip_frames();
    if (!codes.has(2)) return false;
    const bool is_run = codes.code() == '(';
    if (is_run) codes.skip(1);
    codes.skip_frames();
    const std::int64_t size = codes.has(1) ? number_bytes(codes.code()) : 0;
    if (is_run || size == 0 || !codes.has(size)) return size > 0;
    codes.skip(size);
    codes.skip_frames();
    return codes.has(1) && codes.code() == 'a';
}

}  // namespace

template <typename Number>
ByteRows pickle_numbers(std::span<const Number> values, std::span<const std::int64_t> offsets) {
    check_bounds(offsets, values.size());
    const auto first = static_cast<std::size_t>(offsets.front());
    std::int64_t total = 0;
    for (const Number value : values.subspan(first, static_cast<std::size_t>(offsets.back()) - first)) {
        total += opcode_bytes(value);
    }
    ByteRows rows{Buffer<std::uint8_t>(total),
                  Buffer<std::int64_t>(static_cast<std::int64_t>(offsets.size()))};
    std::uint8_t* out = rows.data.data();
    rows.bounds[0] = 0;
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
        for (auto i = static_cast<std::size_t>(offsets[row]); i < static_cast<std::size_t>(offsets[row + 1]);
             ++i) {
            const int size = opcode_bytes(values[i]);
            *out = static_cast<std::uint8_t>(size == 2 ? 'K' : (size == 3 ? 'M' : 'J'));
            const auto number = static_cast<std::uint32_t>(values[i]);
            std::memcpy(out + 1, &number, static_cast<std::size_t>(size - 1));
            out += size;
        }
        rows.bounds[static_cast<std::int64_t>(row) + 1] = out - rows.data.data();
    }
    return rows;
}

template ByteRows pickle_numbers(std::span<const std::int64_t>, std::span<const std::int64_t>);
template ByteRows pickle_numbers(std::span<const std::int32_t>, std::span<const std::int64_t>);
template ByteRows pickle_numbers(std::span<const std::uint8_t>, std::span<const std::int64_t>);

PickledList read_pickled_list(std::string_view pickle, std::int64_t at) {
    PickledList list;
    Opcodes codes(pickle, at);
    list.memo = take_memo(codes);
    bool has_run = false;
    while (is_appended(codes)) {
        if (!take_run(codes, list)) {
            list.kind = PickledList::Kind::kOther;
            return list;
        }
        has_run = true;
    }
    if (!has_run) list.kind = PickledList::Kind::kOther;
    list.end = codes.place();
    return list;
}

}  // namespace pypack
