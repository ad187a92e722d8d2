#include "corpus/number_lists.hpp"

#include <algorithm>
#include <limits>

namespace pypack {

namespace {

constexpr int kMostDepth = 2;

class Reader {
  public:
    Reader(NumberLists& out, bool keeps_values) : out_(out), keeps_values_(keeps_values) {}

    // Reads one text; false if it is something else.
    bool read(std::string_view text) {
        at_ = text.data();
        end_ = at_ + text.size();
        count_ = 0;
        if (!text.empty() && !list(1)) return false;
        skip_blanks();
        if (at_ != end_) return false;
        out_.counts.push_back(count_);
        return true;
    }

  private:
    void skip_blanks() {
        while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    bool take(char c) {
        skip_blanks();
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool take(std::string_view word) {
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word) {
            return false;
        }
        at_ += word.size();
        return true;
    }

    bool list(int depth) {
        if (depth > kMostDepth || !take('[')) return false;
        if (take(']')) return true;
        do {
            skip_blanks();
            if (at_ == end_) return false;
            if (*at_ == '[' ? !list(depth + 1) : !value()) return false;
        } while (take(','));
        return take(']');
    }

    bool value() {
        if (*at_ == 't' || *at_ == 'f') {
            const bool flag = *at_ == 't';
            if (!take(flag ? std::string_view("true") : std::string_view("false"))) return false;
            out_.has_flags = true;
            add(flag ? 1 : 0);
            return true;
        }
        const bool is_negative = *at_ == '-';
        if (is_negative) ++at_;
        const char* const digits = at_;
        std::int64_t number = 0;
        for (; at_ < end_ && *at_ >= '0' && *at_ <= '9'; ++at_) number = number * 10 + (*at_ - '0');
        if (at_ == digits || at_ - digits > 18 || (*digits == '0' && at_ - digits > 1)) return false;
        add(is_negative ? -number : number);
        return true;
    }

    void add(std::int64_t number) {
        ++count_;
        if (!keeps_values_) return;
        if (out_.is_small && (number < 0 || number > std::numeric_limits<std::uint8_t>::max())) {
            out_.wide.assign(out_.small.begin(), out_.small.end());
            out_.small.clear();
            out_.is_small = false;
        }
        if (out_.is_small) {
            out_.small.push_back(static_cast<std::uint8_t>(number));
        } else {
            out_.wide.push_back(number);
        }
    }

    NumberLists& out_;
    bool keeps_values_;
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    std::int64_t count_ = 0;
};

}  // namespace

NumberLists read_number_lists(std::span<const std::string_view> texts, bool values) {
    NumberLists out;
    out.counts.reserve(texts.size());
    Reader reader(out, values);
    out.is_known =
        std::all_of(texts.begin(), texts.end(), [&](std::string_view text) { return reader.read(text); });
    return out;
}

}  // namespace pypack
