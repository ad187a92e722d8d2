// Lists of whole numbers or flags, spelled in JSON: what a column keeps of loss masks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pypack {

// The numbers of some lists, end to end; `small` where all are from 0 to 255, else `wide`.
struct NumberLists {
    std::vector<std::int64_t> counts;  // of each list
    std::vector<std::uint8_t> small;
    std::vector<std::int64_t> wide;
    bool is_small = true;
    bool has_flags = false;  // true and false were among them, as 1 and 0
    bool is_known = true;    // false: a text is something else, and the rest means nothing
};

// Reads texts such as "[0, 1, 1]", "[true,false]" or "[[0, 3], [5, 9]]", whose lists are taken apart; an
// empty text is an empty list. `values`: false counts them alone.
[[nodiscard]] NumberLists read_number_lists(std::span<const std::string_view> texts, bool values);

}  // namespace pypack
