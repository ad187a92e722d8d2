// Models with vocabularies made of the input, on text of the input: ids that the vocabulary has, the same for
// any number of threads and with offsets, and text that decodes.
#include <algorithm>
#include <memory>

#include "target.hpp"
#include "tokenize/decoder.hpp"
#include "tokenize/encoder.hpp"
#include "tokenize/models/bpe_model.hpp"
#include "tokenize/models/unigram_model.hpp"
#include "tokenize/models/wordpiece_model.hpp"
#include "tokenize/pretokenize/pattern_pretokenizer.hpp"

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
    return pypack::make_bpe_model(options, vocabulary, merges);
}

}  // namespace

std::vector<std::string> seeds() {
    return {
        std::string("\x00\x30") + "abc ab the then there" + "the cat sat then there abcabc",
        std::string("\x01\x60") + "low lower lowest new newer" + "lowest newest unlow lower",
        std::string("\x02\x50") + "aaaa aab abab" + "aaaaaaaaaaaa abababa aab\xc3\xa9",
        std::string("\x03\x80") + "\xe6\x9d\xb1\xe4\xba\xac ab" + "\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1 ab",
    };
}

void run(std::string_view bytes) {
    const std::size_t kind = number(bytes, 4);
    const std::string words = lossy(take(bytes)).substr(0, 400);
    pypack::StringList tokens = tokens_of(lossy(words));
    std::vector<pypack::TokenId> ids(tokens.size());
    std::vector<double> scores(kind == 0 ? tokens.size() : 0);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<pypack::TokenId>(i);
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -static_cast<double>(i % 7) - 0.25;
    const auto vocabulary = std::make_shared<const pypack::Vocabulary>(std::move(tokens), ids, scores);
    const std::size_t size = vocabulary->size();

    pypack::EncoderParts parts;
    parts.model = model_of(kind, vocabulary);
    parts.pretokenizer = pypack::make_pattern_pretokenizer(pypack::Pattern::kGpt2);
    const pypack::Encoder encoder(std::move(parts));
    const Exact text(lossy(bytes));
    const std::string_view held = text.view();
    const std::vector<pypack::TextView> documents(
        3, pypack::TextView{held.data(), held.size(), pypack::TextEncoding::kUtf8});
    const auto one = encoder.encode(documents, {false, false, 1});
    const auto two = encoder.encode(documents, {false, false, 2});
    const auto same = [](const auto& a, const auto& b) {
        return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data());
    };
    check(same(one.values, two.values) && same(one.offsets, two.offsets), "threads change ids");
    check(std::all_of(one.values.data(), one.values.data() + one.values.size(),
                      [size](pypack::TokenId id) { return id < size; }),
          "an id that the vocabulary does not have");
    const auto aligned = encoder.encode_aligned(documents, {false, false, 1}, pypack::OffsetUnit::kByte);
    check(same(one.values, aligned.ids.values), "offsets change ids");
    for (std::int64_t i = 0; i < aligned.ranges.size(); i += 2) {
        const std::uint32_t begin = aligned.ranges.data()[i];
        check(begin <= aligned.ranges.data()[i + 1] && aligned.ranges.data()[i + 1] <= held.size(),
              "an offset lies outside of the text");
    }
    std::string decoded;
    pypack::Decoder({}, *vocabulary, {})
        .decode({one.values.data(), static_cast<std::size_t>(one.values.size())}, false, decoded);
}

}  // namespace fuzz
