// Models with vocabularies made of the input, on words of the input: ids that the vocabulary has, the same
// one by one, side by side and with offsets, and text that decodes. Of a few inputs also a whole encoder,
// whose caches and threads take a hundred times as long: the same ids for any number of threads.
#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>

#include "target.hpp"
#include "tokenize/decoder.hpp"
#include "tokenize/encoder.hpp"
#include "tokenize/models/bpe_model.hpp"
#include "tokenize/models/unigram_model.hpp"
#include "tokenize/models/wordpiece_model.hpp"
#include "tokenize/pretokenize/pattern_pretokenizer.hpp"
#include "tokenize/unicode/utf8.hpp"

namespace fuzz {

namespace {

std::string lossy(std::string_view bytes) {
    std::string text;
    pypack::append_lossy(bytes, text);
    return text;
}

// Characters of the text, and words of two to five of them.
pypack::StringList tokens_of(const std::string& text) {
    std::vector<std::string> tokens{"<unk>"};
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts.push_back(i);
    }
    starts.push_back(text.size());
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
        const std::size_t size = 1 + i % 5;
        const std::size_t last = std::min(i + size, starts.size() - 1);
        tokens.push_back(text.substr(starts[i], starts[i + 1] - starts[i]));
        tokens.push_back(text.substr(starts[i], starts[last] - starts[i]));
        tokens.push_back("##" + tokens.back());
    }
    std::sort(tokens.begin() + 1, tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    pypack::StringList list;
    for (const std::string& token : tokens) {
        if (!token.empty()) list.push_back(token);
    }
    return list;
}

pypack::ModelPtr model_of(std::size_t kind, const pypack::VocabularyPtr& vocabulary) {
    if (kind == 0) return pypack::make_unigram_model({vocabulary, 0, false, std::nullopt});
    if (kind == 1) return pypack::make_wordpiece_model({vocabulary, 0, "##", 100});
    pypack::BpeOptions options;
    options.alphabet = pypack::BpeAlphabet::kCharacters;
    options.unk_token = "<unk>";
    options.fuse_unk = kind == 3;
    pypack::StringList merges;
    for (std::size_t i = 1; i < vocabulary->size(); ++i) {
        const std::string_view token = vocabulary->tokens()[i];
        for (std::size_t cut = 1; cut < token.size(); ++cut) {
            if ((*vocabulary)[token.substr(0, cut)] == pypack::kNoToken) continue;
            if ((*vocabulary)[token.substr(cut)] == pypack::kNoToken) continue;
            merges.push_back(token.substr(0, cut));
            merges.push_back(token.substr(cut));
        }
    }
    return pypack::make_bpe_model(options, vocabulary, pypack::MergeList(merges));
}

using Words = std::vector<std::string_view>;

// Cut after each space, and after each `most` characters.
Words words_of(std::string_view text, std::size_t most) {
    Words words;
    std::size_t begin = 0;
    for (std::size_t i = 0, characters = 0; i < text.size(); ++i) {
        if (i + 1 < text.size() && pypack::is_utf8_continuation(text[i + 1])) continue;
        if (++characters < most && text[i] != ' ' && i + 1 < text.size()) continue;
        words.push_back(text.substr(begin, i + 1 - begin));
        begin = i + 1;
        characters = 0;
    }
    return words;
}

std::vector<pypack::TokenId> check_words(const pypack::Model& model, const Words& words, std::size_t size) {
    const auto workspace = model.make_workspace();
    std::vector<pypack::TokenId> together;
    std::vector<pypack::Model::Ids> found;
    model.tokenize_all(words, *workspace, together, found);
    check(found.size() == words.size(), "a word without ids");
    std::vector<pypack::TokenId> all;
    for (std::size_t w = 0; w < words.size(); ++w) {
        const std::size_t before = all.size();
        const Exact word(words[w]);
        model.tokenize(word.view(), *workspace, all);
        const auto ids = std::span(all).subspan(before);
        const auto at_once = std::span(together).subspan(found[w].begin, found[w].count);
        check(std::equal(ids.begin(), ids.end(), at_once.begin(), at_once.end()), "words change each other");
        check(std::all_of(ids.begin(), ids.end(), [size](pypack::TokenId id) { return id < size; }),
              "an id that the vocabulary does not have");
        std::vector<pypack::TokenId> aligned;
        std::vector<pypack::ByteRange> ranges;
        try {
            model.tokenize_aligned(word.view(), *workspace, aligned, ranges);
        } catch (const std::invalid_argument&) {  // the model drops a character
            continue;
        }
        check(std::equal(ids.begin(), ids.end(), aligned.begin(), aligned.end()), "offsets change ids");
        check(ranges.size() == aligned.size(), "an id without a range");
        for (const auto& range : ranges) {
            check(range.start <= range.end && range.end <= words[w].size(),
                  "an offset lies outside of the word");
        }
    }
    return all;
}

void check_encoder(const pypack::ModelPtr& model, std::string_view held) {
    pypack::EncoderParts parts;
    parts.model = model;
    parts.pretokenizer = pypack::make_pattern_pretokenizer(pypack::Pattern::kGpt2);
    const pypack::Encoder encoder(std::move(parts));
    const std::vector<pypack::TextView> documents(
        3, pypack::TextView{held.data(), held.size(), pypack::TextEncoding::kUtf8});
    const auto one = encoder.encode(documents, {false, false, 1});
    const auto two = encoder.encode(documents, {false, false, 2});
    const auto same = [](const auto& a, const auto& b) {
        return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data());
    };
    check(same(one.values, two.values) && same(one.offsets, two.offsets), "threads change ids");
    const auto aligned = encoder.encode_aligned(documents, {false, false, 1}, pypack::OffsetUnit::kByte, {});
    check(same(one.values, aligned.ids.values), "offsets change ids");
    for (std::int64_t i = 0; i < aligned.ranges.size(); i += 2) {
        const std::uint32_t begin = aligned.ranges.data()[i];
        check(begin <= aligned.ranges.data()[i + 1] && aligned.ranges.data()[i + 1] <= held.size(),
              "an offset lies outside of the text");
    }
}

}  // namespace

std::vector<std::string> seeds() {
    return {
        std::string("\x00\x0a\x60", 3) + "abc ab the then there" + "the cat sat then there abcabc",
        std::string("\x01\x0a\x80") + "low lower lowest new newer" + "lowest newest unlow lower",
        std::string("\x02\x20\x70") + "aaaa aab abab" + "aaaaaaaaaaaa abababa aab\xc3\xa9",
        std::string("\x03\x27\x80") + "\xe6\x9d\xb1\xe4\xba\xac ab" +
            "\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1 ab",
    };
}

void run(std::string_view bytes) {
    const bool with_encoder = is_chosen(bytes, 1024);
    const std::size_t kind = number(bytes, 4);
    const std::size_t longest = 1 + number(bytes, 40);
    const std::string part = lossy(take(bytes)).substr(0, 100);
    pypack::StringList tokens = tokens_of(lossy(part));
    std::vector<pypack::TokenId> ids(tokens.size());
    std::vector<double> scores(kind == 0 ? tokens.size() : 0);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<pypack::TokenId>(i);
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<double>(i % 7) - 0.25;
    const auto vocabulary = std::make_shared<const pypack::Vocabulary>(std::move(tokens), ids, scores);
    const pypack::ModelPtr model = model_of(kind, vocabulary);

    const Exact text(lossy(bytes.substr(0, 500)));
    const auto found = check_words(*model, words_of(text.view(), longest), vocabulary->size());
    std::string decoded;
    pypack::Decoder({}, *vocabulary, {}).decode(found, false, decoded);
    if (with_encoder) check_encoder(model, text.view());
}

}  // namespace fuzz
