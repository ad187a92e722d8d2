#include "tokenize/vocabulary/definition_reader.hpp"

#include <algorithm>
#include <charconv>
#include <future>
#include <memory>
#include <stdexcept>

#include "common/json_string.hpp"
#include "tokenize/vocabulary/serde_number.hpp"

namespace pypack {
namespace {

// Tables of fewer tokens are made before a thread has begun.
constexpr std::size_t kFewTokens = std::size_t{1} << 16;

// Strings of JSON, decoded end to end. The memory has room for all that the text could hold; its pages cost
// nothing until they are written.
class StringReader {
  public:
    explicit StringReader(std::size_t most_bytes) : memory_(new char[most_bytes + kJsonStringSlack]) {
        end_ = memory_.get();
    }

    // `p` stands behind the opening quote; nullptr where there is no string.
    const char* read(const char* p, const char* end) {
        p = copy_json_string(p, end, end_);
        if (p != nullptr) mark();
        return p;
    }

    [[nodiscard]] std::string_view last() const {
        const std::size_t begin = list_.offsets[list_.offsets.size() - 2];
        return {memory_.get() + begin, list_.offsets.back() - begin};
    }

    void drop_last() {
        list_.offsets.pop_back();
        end_ = memory_.get() + list_.offsets.back();
    }

    // The last string becomes the two around its byte `at`.
    void cut_last(std::size_t at) {
        char* const begin = memory_.get() + list_.offsets[list_.offsets.size() - 2];
        std::copy(begin + at + 1, end_, begin + at);
        --end_;
        list_.offsets.back() = static_cast<std::uint32_t>(begin + at - memory_.get());
        mark();
    }

    [[nodiscard]] StringList take() {
        list_.text.assign(memory_.get(), end_);
        return std::move(list_);
    }

  private:
    void mark() {
        const auto size = static_cast<std::size_t>(end_ - memory_.get());
        if (size > 0xFFFFFFFF) throw std::invalid_argument("the strings of a vocabulary exceed 4 GiB");
        list_.offsets.push_back(static_cast<std::uint32_t>(size));
    }

    std::unique_ptr<char[]> memory_;
    char* end_;
    StringList list_;
};

class Reader {
  public:
    Reader(std::string_view json, ScoreRounding rounding)
        : begin_(json.data()), p_(json.data()), end_(json.data() + json.size()), rounding_(rounding) {}

    Definition read() {
        each_member([this](std::string_view key) {
            if (key == "model" && next() == '{') {
                each_member([this](std::string_view field) { read_field(field); });
            } else {
                skip_value();
            }
        });
        definition_.rest.append(copied_, end_);
        if (making_.valid()) {
            definition_.vocabulary = making_.get();
            p_ = vocabulary_end_;
            if (definition_.vocabulary->repeats_tokens()) refuse("the vocabulary holds a token twice");
        }
        return std::move(definition_);
    }

  private:
    [[noreturn]] void refuse(const char* what) const {
        throw std::invalid_argument("byte " + std::to_string(p_ - begin_) + ": " + what);
    }

    // The next character that is not a space, without taking it; 0 at the end.
    char next() {
        p_ = skip_json_space(p_, end_);
        return p_ == end_ ? '\0' : *p_;
    }

    bool take_if(char wanted) {
        if (next() != wanted) return false;
        ++p_;
        return true;
    }

    void take(char wanted, const char* what) {
        if (!take_if(wanted)) refuse(what);
    }

    void skip_value() {
        next();
        const char* const behind = p_ == end_ ? nullptr : skip_json_value(p_, end_);
        if (behind == nullptr) refuse("no JSON value that is understood");
        p_ = behind;
    }

    std::string read_key() {
        take('"', "expected a key");
        const char* const closing = skip_json_string(p_, end_);
        if (closing == nullptr) refuse("a key is not a string");
        std::string key(static_cast<std::size_t>(closing - p_) + kJsonStringSlack, '\0');
        char* out = key.data();
        p_ = copy_json_string(p_, end_, out);
        key.resize(static_cast<std::size_t>(out - key.data()));
        take(':', "expected ':' behind a key");
        return key;
    }

    // visit(key) takes the value.
    template <typename Visit>
    void each_member(Visit&& visit) {
        take('{', "expected an object");
        if (take_if('}')) return;
        do visit(read_key());
        while (take_if(','));
        take('}', "expected '}'");
    }

    template <typename Visit>
    void each_item(Visit&& visit) {
        take('[', "expected an array");
        if (take_if(']')) return;
        do visit();
        while (take_if(','));
        take(']', "expected ']'");
    }

    void read_field(std::string_view field) {
        const char first = next();
        const bool is_vocabulary = field == "vocab" && (first == '{' || first == '[');
        if (!is_vocabulary && !(field == "merges" && first == '[')) {
            skip_value();
            return;
        }
        definition_.rest.append(copied_, p_).append("null");
        if (!is_vocabulary) {
            read_merges();
        } else if (definition_.vocabulary != nullptr || making_.valid()) {
            refuse("the model has two vocabularies");
        } else if (first == '{') {
            read_ids();
        } else {
            read_scores();
        }
        copied_ = p_;
    }

    void read_string(StringReader& strings) {
        take('"', "expected a string");
        const char* const behind = strings.read(p_, end_);
        if (behind == nullptr) refuse("not a string of valid UTF-8");
        p_ = behind;
    }

    [[nodiscard]] std::size_t bytes_left() const { return static_cast<std::size_t>(end_ - p_); }

    void read_ids() {
        StringReader tokens(bytes_left());
        std::vector<TokenId> ids;
        take('{', "expected an object");
        if (!take_if('}')) {
            do {
                read_string(tokens);
                take(':', "expected ':' behind a token");
                ids.push_back(read_id());
            } while (take_if(','));
            take('}', "expected '}'");
        }
        // Its tables are made while what comes behind it is read.
        auto when = std::launch::deferred;
        if (ids.size() >= kFewTokens) when |= std::launch::async;
        making_ = std::async(when, [strings = tokens.take(), numbers = std::move(ids)]() mutable {
            return std::make_shared<Vocabulary>(std::move(strings), std::move(numbers));
        });
        vocabulary_end_ = p_;
    }

    TokenId read_id() {
        next();
        TokenId id = 0;
        const auto [behind, error] = std::from_chars(p_, end_, id);
        const bool is_longer = behind != end_ && (*behind == '.' || *behind == 'e' || *behind == 'E');
        const bool has_zeros = behind - p_ > 1 && *p_ == '0';
        if (error != std::errc() || is_longer || has_zeros || id == kNoToken) {
            refuse("an id is not an integer from 0 to 2^32-2");
        }
        p_ = behind;
        return id;
    }

    void read_scores() {
        StringReader tokens(bytes_left());
        std::vector<TokenId> ids;
        std::vector<double> scores;
        each_item([&] {
            take('[', "expected [token, score]");
            read_string(tokens);
            take(',', "expected [token, score]");
            scores.push_back(read_score());
            take(']', "expected [token, score]");
            ids.push_back(static_cast<TokenId>(ids.size()));
        });
        definition_.vocabulary =
            std::make_shared<Vocabulary>(tokens.take(), std::move(ids), std::move(scores));
    }

    double read_score() {
        next();
        const char* behind = p_;
        while (behind != end_ && *behind != ']' && *behind != ',' && *behind != ' ' && *behind != '\n' &&
               *behind != '\r' && *behind != '\t') {
            ++behind;
        }
        const std::string_view text(p_, static_cast<std::size_t>(behind - p_));
        double score = parse_serde_number(text);  // refuses what is not a number
        if (rounding_ == ScoreRounding::kNearest) std::from_chars(p_, behind, score);
        p_ = behind;
        return score;
    }

    // "left right" or [left, right], the same form for all.
    void read_merges() {
        if (definition_.merges) refuse("the model has merges twice");
        StringReader sides(bytes_left());
        char form = '\0';
        each_item([&] {
            const char begin = next();
            if (form == '\0') form = begin;
            if (begin != form) refuse("merges have two forms");
            if (begin == '"') {
                read_string(sides);
                const std::string_view both = sides.last();
                if (both.starts_with("#version")) {
                    sides.drop_last();
                    return;
                }
                const std::size_t space = both.find(' ');
                if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
                    refuse("a merge is not two tokens with a space between");
                }
                sides.cut_last(space);
                return;
            }
            take('[', "expected a merge");
            read_string(sides);
            take(',', "expected [left, right]");
            read_string(sides);
            take(']', "expected [left, right]");
        });
        definition_.merges = sides.take();
    }

    const char* begin_;
    const char* p_;
    const char* end_;
    const char* copied_ = begin_;  // up to here the text is in `rest`
    ScoreRounding rounding_;
    Definition definition_;
    std::future<std::shared_ptr<Vocabulary>> making_;  // with ids
    const char* vocabulary_end_ = nullptr;
};

}  // namespace

Definition read_definition(std::string_view json, ScoreRounding rounding) {
    return Reader(json, rounding).read();
}

}  // namespace pypack
