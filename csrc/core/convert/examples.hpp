// `tf.train.Example` messages, read without protobuf.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "convert/byte_rows.hpp"

namespace pypack {

// The values of one feature: of each record the packed numbers, or the bytes of the one value.
struct Feature {
    int kind = 0;  // the field that it is in a Feature: 1 bytes, 2 floats, 3 whole numbers
    ByteRows values;
};

// The features of these names of all records. A name that stands twice in a record counts as its last one,
// and what a writer did not pack is packed. Throws std::invalid_argument that says what is wrong: a record
// is no Example or cut off, has no feature of a name or one of another kind than the records before.
[[nodiscard]] std::vector<Feature> read_examples(std::span<const std::string_view> records,
                                                 std::span<const std::string_view> names);

// Names and kinds of the features of one record, in its order.
struct NamedKind {
    std::string_view name;
    int kind;
};
[[nodiscard]] std::vector<NamedKind> example_features(std::string_view record);

}  // namespace pypack
