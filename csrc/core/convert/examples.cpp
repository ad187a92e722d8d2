#include "convert/examples.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "convert/varints.hpp"

namespace pypack {

namespace {

constexpr int kBytes = 1, kFloats = 2, kInts = 3;
constexpr int kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5;

[[noreturn]] void refuse() {
    throw std::invalid_argument("no tf.train.Example, or one that is cut off");
}

struct Field {
    std::uint64_t number;
    int form;
    std::string_view bytes;  // as they stand there; of a varint, its own
};

// The fields of a message, one after another.
class Fields {
  public:
    explicit Fields(std::string_view message) : left_(message) {}

    [[nodiscard]] std::optional<Field> next() {
        if (left_.empty()) return std::nullopt;
        const std::uint64_t tag = varint();
        Field field{tag >> 3, static_cast<int>(tag & 7), {}};
        if (field.form == kVarint) {
            const std::string_view before = left_;
            varint();
            field.bytes = before.substr(0, before.size() - left_.size());
            return field;
        }
        std::uint64_t size = 0;
        if (field.form == kDelimited) {
            size = varint();
        } else if (field.form == kFixed64 || field.form == kFixed32) {
            size = field.form == kFixed64 ? 8 : 4;
        } else {
            refuse();
        }
        if (size > left_.size()) refuse();
        field.bytes = left_.substr(0, size);
        left_.remove_prefix(size);
        return field;
    }

  private:
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int i = 0; i < kMostVarintBytes && i < static_cast<int>(left_.size()); ++i) {
            const auto byte = static_cast<std::uint8_t>(left_[static_cast<std::size_t>(i)]);
            value |= static_cast<std::uint64_t>(byte & 127) << (7 * i);
            if (byte < 128) {
                left_.remove_prefix(static_cast<std::size_t>(i) + 1);
                return value;
            }
        }
        refuse();
    }

    std::string_view left_;
};

// A message inside another one.
std::string_view message(const Field& field) {
    if (field.form == kVarint) refuse();
    return field.bytes;
}

// Calls use(name, kind, list) for each feature of a record.
template <typename Use>
void each_feature(std::string_view record, Use&& use) {
    Fields example(record);
    while (const auto features = example.next()) {
        if (features->number != 1 || features->form == kVarint) continue;
        Fields entries(features->bytes);
        while (const auto entry = entries.next()) {
            std::string_view name, feature;
            Fields parts(message(*entry));
            while (const auto part = parts.next()) {
                if (part->number == 1) name = message(*part);
                if (part->number == 2) feature = message(*part);
            }
            Fields kinds(feature);
            while (const auto list = kinds.next()) {
                if (list->number < kBytes || list->number > kInts) refuse();
                use(name, static_cast<int>(list->number), message(*list));
            }
        }
    }
}

// Adds the values of a list, as packed: writers may also give each a tag of its own.
void add_values(Buffer<std::uint8_t>& out, int kind, std::string_view list) {
    int parts = 0;
    Fields fields(list);
    while (const auto field = fields.next()) {
        if (field->number != 1) continue;
        if (++parts > 1 && kind == kBytes) throw std::invalid_argument("a list of several bytes values");
        if (field->form == kVarint && kind != kInts) refuse();
        const std::int64_t before = out.size();
        const auto size = static_cast<std::int64_t>(field->bytes.size());
        if (out.capacity() < before + size) out.reserve(2 * (before + size));
        out.resize(before + size);
        if (size > 0) std::memcpy(out.data() + before, field->bytes.data(), field->bytes.size());
    }
}

}  // namespace

std::vector<Feature> read_examples(std::span<const std::string_view> records,
                                   std::span<const std::string_view> names) {
    std::vector<Feature> found(names.size());
    for (Feature& feature : found) {
        feature.values.bounds = Buffer<std::int64_t>(static_cast<std::int64_t>(records.size()) + 1);
        feature.values.bounds[0] = 0;
    }
    std::vector<bool> is_there(names.size());
    for (std::size_t row = 0; row < records.size(); ++row) {
        std::fill(is_there.begin(), is_there.end(), false);
        each_feature(records[row], [&](std::string_view name, int kind, std::string_view list) {
            const auto place =
                static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
            if (place == names.size()) return;
            Feature& feature = found[place];
            if (feature.kind != 0 && feature.kind != kind) {
                throw std::invalid_argument("the feature '" + std::string(name) + "' is of several kinds");
            }
            feature.kind = kind;
            feature.values.data.resize(feature.values.bounds[static_cast<std::int64_t>(row)]);
            add_values(feature.values.data, kind, list);
            is_there[place] = true;
        });
        for (std::size_t place = 0; place < names.size(); ++place) {
            if (!is_there[place]) {
                throw std::invalid_argument("a record has no feature '" + std::string(names[place]) + "'");
            }
            found[place].values.bounds[static_cast<std::int64_t>(row) + 1] = found[place].values.data.size();
        }
    }
    return found;
}

std::vector<NamedKind> example_features(std::string_view record) {
    std::vector<NamedKind> found;
    each_feature(record,
                 [&](std::string_view name, int kind, std::string_view) { found.push_back({name, kind}); });
    return found;
}

}  // namespace pypack
