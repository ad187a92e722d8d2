// Bindings of csrc/core/similar and csrc/core/pack/order.
#include <pybind11/stl.h>

#include <optional>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "pack/order/order_documents.hpp"
#include "similar/equal_documents.hpp"
#include "similar/min_hash.hpp"
#include "similar/nearest_rows.hpp"
#include "similar/tf_idf.hpp"

namespace pypack::bindings {

namespace {

// neighbours int32 [D, k], similarities float32 [D, k] → (order int64, breaks int64, dropped int64).
py::tuple order(const Array<std::int32_t>& neighbours, const Array<float>& similarities, std::int64_t max_run,
                std::optional<float> duplicate_above, std::uint64_t seed, int num_threads) {
    const auto rows = view(neighbours, "neighbours", 2);
    const auto weights = view(similarities, "similarities", 2);
    if (neighbours.shape(0) != similarities.shape(0) || neighbours.shape(1) != similarities.shape(1)) {
        throw py::value_error("neighbours and similarities must have the same shape");
    }
    const auto documents = static_cast<std::int64_t>(neighbours.shape(0));
    DocumentOrder found;
    {
        const GilRelease release;
        found = order_documents(rows, weights, documents, {max_run, duplicate_above, seed}, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(found.order)), to_numpy(std::move(found.breaks)),
                          to_numpy(std::move(found.dropped)));
}

py::array equals(const StoreView& store, int num_threads) {
    Buffer<std::int64_t> first;
    {
        const GilRelease release;
        first = first_equals(store, num_threads);
    }
    return to_numpy(std::move(first));
}

MinHashOptions min_hash_options(std::int64_t shingle, std::int64_t bands, std::int64_t rows, double threshold,
                                std::uint64_t seed, std::int64_t max_ids) {
    const MinHashOptions options{shingle, bands, rows, threshold, seed, max_ids};
    options.validate();
    return options;
}

py::array similars(const StoreView& store, const MinHashOptions& options, int num_threads) {
    Buffer<std::int64_t> first;
    {
        const GilRelease release;
        first = first_similar(store, options, num_threads);
    }
    return to_numpy(std::move(first));
}

// uint32 [n] → (shingles uint64, hash of each band uint64).
py::tuple bands_of(const Array<std::uint32_t>& ids, const MinHashOptions& options) {
    std::vector<std::uint64_t> shingles;
    shingles_of(view(ids, "ids"), options.shingle, shingles);
    std::vector<std::uint64_t> bands(static_cast<std::size_t>(options.bands));
    band_hashes(shingles, options, bands);
    return py::make_tuple(to_numpy(std::move(shingles)), to_numpy(std::move(bands)));
}

TfIdfOptions tf_idf_options(std::int64_t features, std::int64_t max_ids, std::int64_t buckets) {
    const TfIdfOptions options{features, max_ids, buckets};
    options.validate();
    return options;
}

// (begins int64 [D + 1], features uint32, weights float32)
py::tuple rows_of(const StoreView& store, const TfIdfOptions& options, int num_threads) {
    SparseRows rows;
    {
        const GilRelease release;
        rows = tf_idf(store, options, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(rows.begins)), to_numpy(std::move(rows.features)),
                          to_numpy(std::move(rows.weights)));
}

// (rows int32 [D * k], products float32 [D * k])
py::tuple nearest(const StoreView& store, const TfIdfOptions& options, std::int64_t k,
                  std::int64_t max_listed, int num_threads) {
    Nearest found;
    {
        const GilRelease release;
        found = nearest_rows(tf_idf(store, options, num_threads), k, max_listed, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(found.rows)), to_numpy(std::move(found.products)));
}

py::tuple nearest_by_min_hash(const StoreView& store, const MinHashOptions& options, std::int64_t k,
                              std::int64_t max_listed, int num_threads) {
    Nearest found;
    {
        const GilRelease release;
        found = nearest_rows(min_hash_rows(store, options, num_threads), k, max_listed, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(found.rows)), to_numpy(std::move(found.products)));
}

}  // namespace

void register_similar(py::module_& m) {
    m.def("order_documents", &order, py::arg("neighbours").noconvert(), py::arg("similarities").noconvert(),
          py::arg("max_run"), py::arg("duplicate_above"), py::arg("seed"), py::arg("num_threads"));
    m.def("first_equals", &equals, py::arg("store"), py::arg("num_threads"),
          "int64 [D]: the first document with the same ids as each.");
    py::class_<MinHashOptions>(m, "MinHashOptions", "How near duplicates are found.")
        .def(py::init(&min_hash_options), py::kw_only(), py::arg("shingle"), py::arg("bands"),
             py::arg("rows"), py::arg("threshold"), py::arg("seed"), py::arg("max_ids"));
    m.def("first_similar", &similars, py::arg("store"), py::arg("options"), py::arg("num_threads"),
          "int64 [D]: the first document of the near duplicates that each belongs to.");
    m.def("min_hash_bands", &bands_of, py::arg("ids").noconvert(), py::arg("options"));
    m.def("nearest_by_min_hash", &nearest_by_min_hash, py::arg("store"), py::arg("options"), py::arg("k"),
          py::arg("max_listed"), py::arg("num_threads"));
    py::class_<TfIdfOptions>(m, "TfIdfOptions", "How documents become sparse vectors.")
        .def(py::init(&tf_idf_options), py::kw_only(), py::arg("features"), py::arg("max_ids"),
             py::arg("buckets"));
    m.def("tf_idf", &rows_of, py::arg("store"), py::arg("options"), py::arg("num_threads"));
    m.def("nearest_documents", &nearest, py::arg("store"), py::arg("options"), py::arg("k"),
          py::arg("max_listed"), py::arg("num_threads"));
}

}  // namespace pypack::bindings
