// The sizes of very many files of one folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pypack {

// Calls nothing of a file but its status. `names`: of files in the folder, with a zero byte between two;
// sizes[i] becomes that of the i-th, -1 where there is no file of that name (a folder is none; a name with a
// slash is of none). Throws std::invalid_argument if the folder cannot be opened, or if there are not as many
// names as sizes.
void file_sizes(const std::string& folder, std::string_view names, int num_threads,
                std::span<std::int64_t> sizes);

}  // namespace pypack
