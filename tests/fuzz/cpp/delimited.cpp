// Rows of CSV: whatever the chunks are, each row is a document or a bad one, and its cells are in place.
#include "corpus/delimited.hpp"

#include <algorithm>

#include "target.hpp"

namespace fuzz {

namespace {

struct Found {
    std::vector<std::string> cells;
    std::vector<std::int64_t> numbers;

    bool operator==(const Found&) const = default;
};

void take(pypack::DelimitedReader& reader, Found& found) {
    const pypack::DelimitedRows rows = reader.take();
    const std::int64_t documents = rows.numbers.size();
    check(rows.columns.size() == 2, "a column is lost");
    for (const auto& column : rows.columns) {
        check(column.offsets.size() == documents + 1, "offsets do not fit the rows");
        check(column.offsets[0] == 0, "offsets begin behind 0");
        check(column.offsets[documents] == column.cells.size(), "bytes of no cell");
        for (std::int64_t i = 0; i < documents; ++i) {
            check(column.offsets[i] <= column.offsets[i + 1], "offsets fall");
            found.cells.emplace_back(reinterpret_cast<const char*>(column.cells.data()) + column.offsets[i],
                                     static_cast<std::size_t>(column.offsets[i + 1] - column.offsets[i]));
        }
    }
    for (std::int64_t i = 0; i < documents; ++i) found.numbers.push_back(rows.numbers[i]);
    for (const auto& row : rows.bad) found.numbers.push_back(row.row);
}

Found read(std::string_view bytes, std::size_t chunk, std::int64_t batch_rows) {
    pypack::DelimitedReader reader({',', {1, -1, 0}, 0, 64, 1 << 20, batch_rows});
    Found found;
    while (!bytes.empty()) {
        const Exact piece(bytes.substr(0, chunk));
        const auto used = static_cast<std::size_t>(reader.feed(piece.view()));
        check(used <= piece.view().size(), "more is read than there is");
        check(used == piece.view().size() || reader.is_full(), "less is read than there is");
        bytes.remove_prefix(used);
        if (reader.is_full()) take(reader, found);
    }
    reader.finish();
    take(reader, found);
    std::sort(found.numbers.begin(), found.numbers.end());
    for (std::size_t i = 0; i < found.numbers.size(); ++i) {
        check(found.numbers[i] == static_cast<std::int64_t>(i), "a row is lost");
    }
    std::sort(found.cells.begin(), found.cells.end());  // they come column by column in each batch
    return found;
}

}  // namespace

std::vector<std::string> seeds() {
    return {
        "id,text,k\n1,a,x\r\n2,\"b, \"\"c\"\"\n\",y\n\n3,\xff\r4,,\n5",
        "a,b,c\n\"1\",\"two\"x\"y\",\"\"\r\n\"\",\"\"\"\",\"open\n1,2,3\n",
        "a\n\n\r\n\r\"\n",
        std::string("a,b,c\n1,") + std::string(100, 'x') + ",3\n4,5,6\n",
    };
}

void run(std::string_view bytes) {
    const std::size_t chunk = 1 + number(bytes, 40);
    const auto batch_rows = static_cast<std::int64_t>(1 + number(bytes, 5));
    check(read(bytes, chunk, batch_rows) == read(bytes, bytes.size() + 1, 1000),
          "chunks change what is read");
}

}  // namespace fuzz
