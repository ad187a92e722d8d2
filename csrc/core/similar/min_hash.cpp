#include "similar/min_hash.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/interrupt.hpp"
#include "common/interruptible_sort.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "similar/document_ids.hpp"

namespace pypack {

namespace {

constexpr std::uint64_t kHashes = 0x6d696e68617368ULL;  // purpose of the hash functions
constexpr std::size_t kTries = 8;  // documents of a band's bucket that another is compared with

// signature[j] = the least of a[j] * shingle + b[j], all modulo 2^32.
PYPACK_SIMD_CLONES void lower(std::uint32_t shingle, const std::uint32_t* a, const std::uint32_t* b,
                              std::uint32_t* signature, std::size_t size) {
    for (std::size_t j = 0; j < size; ++j) {
        const std::uint32_t value = a[j] * shingle + b[j];
        signature[j] = value < signature[j] ? value : signature[j];
    }
}

struct Functions {
    explicit Functions(const MinHashOptions& options) {
        const auto size = static_cast<std::size_t>(options.bands * options.rows);
        for (std::size_t j = 0; j < size; ++j) {
            const std::uint64_t bits = random_bits(options.seed, kHashes, j);
            a.push_back(static_cast<std::uint32_t>(bits) | 1);
            b.push_back(static_cast<std::uint32_t>(bits >> 32));
        }
    }
    std::vector<std::uint32_t> a, b;
};

void hash_bands(std::span<const std::uint64_t> shingles, const MinHashOptions& options,
                const Functions& functions, std::vector<std::uint32_t>& signature,
                std::span<std::uint64_t> out) {
    signature.assign(functions.a.size(), std::numeric_limits<std::uint32_t>::max());
    for (const std::uint64_t shingle : shingles) {
        lower(static_cast<std::uint32_t>(shingle >> 32), functions.a.data(), functions.b.data(),
              signature.data(), signature.size());
    }
    const auto rows = static_cast<std::size_t>(options.rows);
    for (std::size_t band = 0; band < out.size(); ++band) {
        std::uint64_t hash = 0;
        for (std::size_t row = 0; row < rows; ++row) hash = combine_keys(hash, signature[band * rows + row]);
        out[band] = hash;
    }
}

// Sets of documents, each known by its first.
class Sets {
  public:
    explicit Sets(std::int64_t size) : above_(static_cast<std::size_t>(size)) {
        std::iota(above_.begin(), above_.end(), 0);
    }
    std::int64_t first(std::int64_t document) {
        while (above_[at(document)] != document) {
            above_[at(document)] = above_[at(above_[at(document)])];
            document = above_[at(document)];
        }
        return document;
    }
    void join(std::int64_t one, std::int64_t other) {
        one = first(one);
        other = first(other);
        above_[at(std::max(one, other))] = std::min(one, other);
    }

  private:
    static std::size_t at(std::int64_t document) { return static_cast<std::size_t>(document); }
    std::vector<std::int64_t> above_;
};

// Compares documents of a store, one kept from the last comparison.
class Comparer {
  public:
    Comparer(const StoreView& store, const MinHashOptions& options) : store_(store), options_(options) {}

    bool are_similar(std::int64_t one, std::int64_t other) {
        load(one, one_, kept_one_);
        load(other, other_, kept_other_);
        return jaccard(one_, other_) >= options_.threshold;
    }

  private:
    void load(std::int64_t document, std::vector<std::uint64_t>& shingles, std::int64_t& kept) {
        if (kept == document) return;
        const auto lease = store_.lease();
        copy_ids(store_, document, look_clock(), options_.max_ids, ids_);
        shingles_of(ids_, options_.shingle, shingles);
        kept = document;
    }

    const StoreView& store_;
    const MinHashOptions& options_;
    std::vector<std::uint32_t> ids_;
    std::vector<std::uint64_t> one_, other_;
    std::int64_t kept_one_ = -1, kept_other_ = -1;
};

// Joins the similar ones among documents [begin, end) that agree in a band.
void join_bucket(std::span<const std::pair<std::uint64_t, std::int64_t>> bucket, Sets& sets,
                 Comparer& comparer) {
    std::vector<std::int64_t> tried;  // one of each set so far
    for (const auto& [hash, document] : bucket) {
        check_interrupt();
        bool is_joined = false;
        for (const std::int64_t other : tried) {
            is_joined = sets.first(other) == sets.first(document) || comparer.are_similar(other, document);
            if (is_joined) {
                sets.join(other, document);
                break;
            }
        }
        if (!is_joined && tried.size() < kTries) tried.push_back(document);
    }
}

}  // namespace

void MinHashOptions::validate() const {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    if (shingle < 1 || shingle > 1024) refuse("shingle must be from 1 to 1024");
    if (bands < 1 || rows < 1 || bands * rows > 4096) refuse("bands times rows must be from 1 to 4096");
    if (!(threshold > 0) || threshold > 1) refuse("threshold must be above 0, and at most 1");
    if (max_ids < 1) refuse("max_ids must be at least 1");
}

void shingles_of(std::span<const std::uint32_t> ids, std::int64_t shingle, std::vector<std::uint64_t>& out) {
    out.clear();
    if (ids.empty()) return;
    const auto width = std::min(static_cast<std::size_t>(shingle), ids.size());
    for (std::size_t first = 0; first + width <= ids.size(); ++first) {
        std::uint64_t hash = width;
        for (const std::uint32_t id : ids.subspan(first, width)) hash = combine_keys(hash, id);
        out.push_back(hash);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
}

void band_hashes(std::span<const std::uint64_t> shingles, const MinHashOptions& options,
                 std::span<std::uint64_t> out) {
    std::vector<std::uint32_t> signature;
    hash_bands(shingles, options, Functions(options), signature, out);
}

double jaccard(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
    if (a.empty() && b.empty()) return 1;
    std::size_t both = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        if (a[i] == b[j]) {
            ++both;
            ++i;
            ++j;
        } else {
            ++(a[i] < b[j] ? i : j);
        }
    }
    return static_cast<double>(both) / static_cast<double>(a.size() + b.size() - both);
}

StoreBands bands_of_store(const StoreView& store, const MinHashOptions& options, int num_threads) {
    options.validate();
    StoreBands found;
    found.documents = store.num_documents();
    const auto bands = static_cast<std::size_t>(options.bands);
    const Functions functions(options);
    found.hashes = Buffer<std::uint64_t>(found.documents * options.bands);
    found.is_empty.assign(static_cast<std::size_t>(found.documents), 0);
    struct Scratch {
        std::vector<std::uint64_t> shingles, bands;
        std::vector<std::uint32_t> signature;
    };
    for_each_document(
        store, 0, found.documents, options.max_ids, num_threads, [] { return Scratch(); },
        [&](std::int64_t document, const std::vector<std::uint32_t>& ids, Scratch& made) {
            shingles_of(ids, options.shingle, made.shingles);
            found.is_empty[static_cast<std::size_t>(document)] = ids.empty() ? 1 : 0;
            made.bands.resize(bands);
            hash_bands(made.shingles, options, functions, made.signature, made.bands);
            for (std::size_t band = 0; band < bands; ++band) {
                found.hashes[static_cast<std::int64_t>(band) * found.documents + document] = made.bands[band];
            }
        });
    return found;
}

void StoreBands::sort(std::int64_t band, Sorted& out) const {
    out.clear();
    for (std::int64_t document = 0; document < documents; ++document) {
        if (is_empty[static_cast<std::size_t>(document)] != 0) continue;
        out.emplace_back(hashes[band * documents + document], document);
    }
    interruptible_sort(out.begin(), out.end(), std::less<>());
}

Buffer<std::int64_t> first_similar(const StoreView& store, const MinHashOptions& options, int num_threads) {
    const StoreBands bands = bands_of_store(store, options, num_threads);
    Sets sets(bands.documents);
    Comparer comparer(store, options);
    StoreBands::Sorted sorted;
    for (std::int64_t band = 0; band < options.bands; ++band) {
        bands.sort(band, sorted);
        StoreBands::each_bucket(sorted, [&](auto bucket) { join_bucket(bucket, sets, comparer); });
    }
    Buffer<std::int64_t> first(bands.documents);
    for (std::int64_t document = 0; document < bands.documents; ++document) {
        first[document] = sets.first(document);
    }
    return first;
}

SparseRows min_hash_rows(const StoreView& store, const MinHashOptions& options, int num_threads) {
    constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
    StoreBands bands = bands_of_store(store, options, num_threads);
    const std::int64_t documents = bands.documents;
    // In the place of each hash the number of its feature: one that a document has alone joins it with none.
    std::uint64_t features = 0;
    StoreBands::Sorted sorted;
    for (std::int64_t band = 0; band < options.bands; ++band) {
        bands.sort(band, sorted);
        std::uint64_t* const numbers = bands.hashes.data() + band * documents;
        std::fill_n(numbers, documents, kNone);
        StoreBands::each_bucket(sorted, [&](auto bucket) {
            for (const auto& [hash, document] : bucket) numbers[document] = features;
            ++features;
        });
        if (features > std::numeric_limits<std::uint32_t>::max()) {
            throw std::invalid_argument("too many documents agree in too many hashes: take fewer num_hashes");
        }
    }
    SparseRows rows;
    rows.begins.assign(static_cast<std::size_t>(documents) + 1, 0);
    const auto weight = static_cast<float>(1 / std::sqrt(static_cast<double>(options.bands)));
    for (std::int64_t document = 0; document < documents; ++document) {
        check_interrupt_at(static_cast<std::size_t>(document));
        for (std::int64_t band = 0; band < options.bands; ++band) {
            const std::uint64_t number = bands.hashes[band * documents + document];
            if (number == kNone) continue;
            rows.features.push_back(static_cast<std::uint32_t>(number));
            rows.weights.push_back(weight);
        }
        rows.begins[static_cast<std::size_t>(document) + 1] = rows.features.size();
    }
    return rows;
}

}  // namespace pypack
