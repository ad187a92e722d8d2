// Eight threads that encode with one encoder, for a build with a sanitizer:
//
//   cmake -S . -B build/tsan -DPYPACK_SANITIZE=thread -DPYPACK_SANITIZE_PROGRAMS=ON
//   cmake --build build/tsan --target sanitize_encoder
//   build/tsan/sanitize_encoder
//
// They share its caches of words and its idle contexts, each over its own batches, with one thread and with
// two, with offsets and without. The ids of every batch are those that one thread alone gave before.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tokenize/encoder.hpp"
#include "tokenize/models/bpe_model.hpp"
#include "tokenize/pretokenize/pattern_pretokenizer.hpp"

namespace {

using pypack::TokenId;

constexpr int kThreads = 8;
constexpr int kBatches = 40;
constexpr int kRounds = 5;

// Letters, and every pair of them in one merge.
pypack::ModelPtr letters_and_pairs() {
    pypack::StringList tokens;
    pypack::StringList merges;
    tokens.push_back("<unk>");
    tokens.push_back(" ");
    for (char c = 'a'; c <= 'z'; ++c) tokens.push_back(std::string(1, c));
    for (char left = 'a'; left <= 'z'; ++left) {
        for (char right = 'a'; right <= 'z'; ++right) {
            tokens.push_back(std::string{left, right});
            merges.push_back(std::string(1, left));
            merges.push_back(std::string(1, right));
        }
    }
    std::vector<TokenId> ids(tokens.size());
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i);
    pypack::BpeOptions options;
    options.alphabet = pypack::BpeAlphabet::kCharacters;
    options.unk_token = "<unk>";
    const auto vocabulary = std::make_shared<const pypack::Vocabulary>(std::move(tokens), std::move(ids));
    return pypack::make_bpe_model(options, vocabulary, pypack::MergeList(merges));
}

// Documents of words of up to 40 letters, many of them in several batches.
std::vector<std::string> documents_of(int batch) {
    std::uint64_t state = static_cast<std::uint64_t>(batch) % 16 + 1;
    const auto random = [&state] {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return state >> 33;
    };
    std::vector<std::string> documents(12);
    for (std::string& document : documents) {
        for (int word = 0; word < 200; ++word) {
            for (std::uint64_t letters = 1 + random() % 40; letters > 0; --letters) {
                document.push_back(static_cast<char>('a' + random() % 26));
            }
            document.push_back(' ');
        }
    }
    return documents;
}

std::vector<pypack::TextView> views_of(const std::vector<std::string>& documents) {
    std::vector<pypack::TextView> views;
    for (const std::string& document : documents) {
        views.push_back({document.data(), document.size(), pypack::TextEncoding::kUtf8});
    }
    return views;
}

std::vector<TokenId> ids_of(const pypack::EncodedBatch& batch) {
    return {batch.values.data(), batch.values.data() + batch.values.size()};
}

}  // namespace

int main() {
    pypack::EncoderParts parts;
    parts.model = letters_and_pairs();
    parts.pretokenizer = pypack::make_pattern_pretokenizer(pypack::Pattern::kGpt2);
    const pypack::Encoder alone(parts);
    std::vector<std::vector<std::string>> batches;
    std::vector<std::vector<TokenId>> expected;
    for (int i = 0; i < kBatches; ++i) {
        batches.push_back(documents_of(i));
        expected.push_back(ids_of(alone.encode(views_of(batches.back()), {false, false, 1})));
    }

    const pypack::Encoder shared(parts);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kRounds * kBatches; ++i) {
                const auto batch = static_cast<std::size_t>((i * 7 + t * 5) % kBatches);
                const auto views = views_of(batches[batch]);
                const pypack::EncodeOptions options{false, false, 1 + (i + t) % 2};
                const bool with_offsets = i % 8 == 0;
                const auto ids =
                    with_offsets
                        ? ids_of(shared.encode_aligned(views, options, pypack::OffsetUnit::kByte, {}).ids)
                        : ids_of(shared.encode(views, options));
                if (ids != expected[batch]) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("%d batches with wrong ids\n", wrong.load());
    return wrong == 0 ? 0 : 1;
}
