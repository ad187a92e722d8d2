// Bindings of csrc/core/batch: what a loader's batches are made from, and the making.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>

#include "batch/batch_maker.hpp"
#include "batch/batch_weights.hpp"
#include "batch/prefetcher.hpp"
#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/plan.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

namespace {

// Path, device, inode and size of each, as pypack/_common/mapped.py has them.
using MappedFiles = std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t, std::size_t>>;

// A BatchMaker that keeps the plans and arrays of its sources alive.
class MakerHandle {
  public:
    MakerHandle(const BatchFormat& format, std::size_t idle_buffers, std::shared_ptr<Objective> objective)
        : maker_(std::make_shared<BatchMaker>(idle_buffers)) {
        maker_->format = format;
        if (objective) maker_->format.extras = objective->extras();
        maker_->objective = std::move(objective);
    }

    void set_denoising(std::shared_ptr<Denoising> denoising, Length inputs, Length targets) {
        if (inputs < 1 || targets < 1) throw py::value_error("rooms must be at least 1");
        maker_->denoising = std::move(denoising);
        maker_->rooms = {inputs, targets};
    }

    // Of the rows of so many items, of both sides where there are two.
    [[nodiscard]] std::size_t bytes(std::int64_t items) const {
        const PairLengths rooms = maker_->rooms;
        if (!maker_->denoising) return batch_bytes(items, maker_->format);
        return pair_batch_bytes(items / (std::int64_t{rooms.inputs} + rooms.targets), rooms, maker_->format);
    }

    void add_source(std::shared_ptr<StoreView> store, std::shared_ptr<PlanHandle> plan,
                    const std::optional<Array<std::int64_t>>& documents, std::int32_t align,
                    const std::optional<Array<std::int64_t>>& mask_offsets,
                    const std::optional<Array<std::int32_t>>& masks, bool uses_store_mask,
                    const MappedFiles& plan_files, std::uint64_t objective_key, std::int32_t objective_store,
                    std::shared_ptr<CachedFiles> cached_plan) {
        if (align < 1) throw py::value_error("align must be at least 1");
        SequenceSource source;
        source.plan = plan->plan();
        source.align = align;
        source.uses_store_mask = uses_store_mask;
        source.objective_key = objective_key;
        source.objective_store = objective_store;
        if (documents) source.documents = view(*documents, "documents");
        if (mask_offsets && masks) {
            source.mask_offsets = view(*mask_offsets, "mask_offsets");
            const auto pairs = view(*masks, "masks", 2);
            if (masks->shape(1) != 2) throw py::value_error("masks must have the shape [n, 2]");
            if (static_cast<std::int64_t>(source.mask_offsets.size()) != store->num_documents() + 1) {
                throw py::value_error("mask_offsets must have one entry a document and one more");
            }
            static_assert(sizeof(TokenRange) == 2 * sizeof(std::int32_t));
            source.masks = {reinterpret_cast<const TokenRange*>(pairs.data()), pairs.size() / 2};
        }
        std::vector<WatchedFile> watched;
        for (const auto& [path, device, inode, size] : plan_files)
            watched.push_back({path, device, inode, size});
        if (!watched.empty()) source.plan_files = std::make_shared<WatchedFiles>(std::move(watched));
        is_remote_ = is_remote_ || cached_plan != nullptr || !store->cached_files().empty();
        source.cached_plan = std::move(cached_plan);
        source.store = std::move(store);
        plans_.push_back(std::move(plan));
        if (documents) arrays_.emplace_back(*documents);
        if (mask_offsets) arrays_.emplace_back(*mask_offsets);
        if (masks) arrays_.emplace_back(*masks);
        maker_->sources.push_back(std::move(source));
    }

    void add_bucket(std::int32_t source, const std::vector<std::tuple<std::int64_t, std::int64_t>>& ranges,
                    std::uint64_t key, std::int64_t locality) {
        std::vector<SequenceRange> sequences;
        sequences.reserve(ranges.size());
        for (const auto& [first, count] : ranges) sequences.push_back({first, count});
        maker_->buckets.emplace_back(source, std::move(sequences), key, locality);
    }

    [[nodiscard]] bool is_remote() const { return is_remote_; }

    // Remote files that nobody reads by a clock of their own are read by that of the process.
    [[nodiscard]] const std::shared_ptr<BatchMaker>& maker() const {
        if (is_remote_ && !maker_->remote) {
            maker_->read_remote(cached_groups(maker_->sources).front()->reader());
        }
        return maker_;
    }

    void read_remote(std::shared_ptr<CacheReader> reader) { maker_->read_remote(std::move(reader)); }

  private:
    std::shared_ptr<BatchMaker> maker_;
    bool is_remote_ = false;
    std::vector<std::shared_ptr<PlanHandle>> plans_;
    std::vector<py::array> arrays_;
};

// What the requests of one rank have in common.
struct RankPart {
    std::int64_t rank;
    std::int64_t world_size;
    BalanceStrategy balance;
    int num_threads;
};

// `draws` is a pypack.schedule.order.StepDraws. Taken apart here, and not by pybind11's converters of lists
// of tuples, which take as long as it takes to find the rows.
StepRequest step_request(const py::tuple& draws, std::int64_t slots, const RankPart& part,
                         std::optional<Array<std::uint8_t>> memory) {
    if (draws.size() < 4) throw py::value_error("draws must be (draws, slots, row_length, shuffle_key)");
    StepRequest request;
    request.slots = slots;
    try {
        for (const py::handle each : draws[0]) {
            const auto draw = each.cast<py::tuple>();
            if (draw.size() != 4) throw py::value_error("a draw must be (bucket, epoch, start, count)");
            request.draws.push_back({draw[0].cast<std::int32_t>(), draw[1].cast<std::int64_t>(),
                                     draw[2].cast<std::int64_t>(), draw[3].cast<std::int64_t>()});
        }
        request.row_length = draws[2].cast<std::int64_t>();
        request.shuffle_key = draws[3].cast<std::optional<std::uint64_t>>();
    } catch (const py::cast_error&) {
        throw py::type_error("a step and what it draws must be whole numbers, got " +
                             py::repr(draws).cast<std::string>());
    }
    if (slots < 0 || request.row_length < 0) {
        throw py::value_error("slots and row_length must not be negative");
    }
    request.rank = part.rank;
    request.world_size = part.world_size;
    request.num_threads = part.num_threads;
    request.balance = part.balance;
    if (memory) {
        const auto bytes = writable_view(*memory, "memory");
        request.memory = {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()};
    }
    return request;
}

constexpr const char* kMadeBatch = "pypack.MadeBatch";

// A batch as Python keeps it: its arrays own it together, and its memory goes back to the pool with the last.
py::capsule kept(MadeBatch&& made) {
    auto batch = std::make_unique<MadeBatch>(std::move(made));
    const py::capsule owner(batch.get(), kMadeBatch, [](PyObject* capsule) {
        delete static_cast<MadeBatch*>(PyCapsule_GetPointer(capsule, kMadeBatch));
    });
    batch.release();
    return owner;
}

const MadeBatch& made_batch(const py::capsule& made) {
    const auto* batch = static_cast<const MadeBatch*>(PyCapsule_GetPointer(made.ptr(), kMadeBatch));
    if (batch == nullptr) throw py::error_already_set();
    return *batch;
}

const ResolvedRows& rows_of(const py::capsule& made) {
    return made_batch(made).rows;
}

// The arrays that describe a batch's spans, in one block of memory of their own: an allocation and an owner
// for each would cost as much as a row of tokens, and in the tokens' memory they would keep it from the pool
// where somebody collects them.
py::tuple span_arrays(const py::capsule& made) {
    const ResolvedRows& rows = rows_of(made);
    const std::size_t spans = rows.spans.size();
    const std::size_t borders = rows.first_span.size();
    auto* const begin =
        static_cast<std::int64_t*>(::operator new((2 * spans + borders) * sizeof(std::int64_t)));
    const py::capsule owner(begin, [](void* p) { ::operator delete(p); });
    std::int64_t* const documents = begin;
    std::int64_t* const row_spans = documents + spans;
    auto* const sources = reinterpret_cast<std::int32_t*>(row_spans + borders);
    std::int32_t* const lengths = sources + spans;
    for (std::size_t i = 0; i < spans; ++i) {
        documents[i] = rows.spans[i].document;
        sources[i] = rows.spans[i].source;
        lengths[i] = rows.spans[i].length;
    }
    std::copy(rows.first_span.begin(), rows.first_span.end(), row_spans);
    const auto array = [&]<typename T>(T* data, std::size_t size) {
        return array_in<T>(reinterpret_cast<std::byte*>(data), Shape{{static_cast<py::ssize_t>(size), 0}, 1},
                           owner);
    };
    return py::make_tuple(array(documents, spans), array(sources, spans), array(lengths, spans),
                          array(row_spans, borders));
}

py::array_t<float> batch_weights(const py::capsule& made, const Array<float>& of_span,
                                 const Array<std::int64_t>& begins,
                                 const std::vector<std::optional<Array<float>>>& of_tokens) {
    const MadeBatch& batch = made_batch(made);
    std::vector<std::span<const float>> tokens;
    for (const auto& one : of_tokens) {
        tokens.push_back(one ? view(*one, "of_tokens") : std::span<const float>{});
    }
    const SpanWeights weights{view(of_span, "of_span"), view(begins, "begins"), tokens};
    const bool pairs = batch.target_length >= 0;
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(pairs ? batch.num_targets : batch.num_items)};
    if (!batch.varlen) {
        shape = {static_cast<py::ssize_t>(batch.num_rows),
                 static_cast<py::ssize_t>(pairs ? batch.target_length : batch.row_length)};
    }
    py::array_t<float> out(shape);
    float* const data = out.mutable_data();
    {
        const GilRelease release;
        write_weights(batch, weights, data);
    }
    return out;
}

// Arrays that the objective has added, by name; None where there are none.
py::object extras_to_python(const MadeBatch& made, const BatchFormat& format, const Shape& shape,
                            const Shape& of_labels, const py::capsule& owner) {
    if (made.extras.empty()) return py::none();
    py::dict found;
    for (const MadeExtra& extra : made.extras) {
        if (extra.data == nullptr) continue;
        const auto rows = static_cast<py::ssize_t>(made.num_rows);
        const Shape own = extra.columns == kOfInputs ? shape
                          : extra.columns == kOfLabels
                              ? of_labels
                              : Shape{{rows, static_cast<py::ssize_t>(extra.columns)}, 2};
        const bool wide = extra.kind == ExtraArray::Kind::ids && !format.int32;
        found[extra.name] = wide ? array_in<std::int64_t>(extra.data, own, owner)
                            : extra.kind == ExtraArray::Kind::float32
                                ? array_in<float>(extra.data, own, owner)
                                : array_in<std::int32_t>(extra.data, own, owner);
    }
    return found;
}

// The first fields of a PackedBatch in their order, then what `span_arrays` makes those of the spans from,
// and what an objective has added.
py::tuple batch_to_python(MadeBatch&& batch, const BatchFormat& format) {
    py::object cu_seqlens = py::none();
    py::object max_seqlen = py::none();
    py::object of_targets = py::none();  // borders of the other side
    if (format.varlen) {
        cu_seqlens = to_numpy(std::move(batch.cu_seqlens));
        max_seqlen = py::int_(batch.max_seqlen);
        if (batch.target_length >= 0) of_targets = to_numpy(std::move(batch.target_cu_seqlens));
    }
    const py::capsule owner = kept(std::move(batch));
    const auto& made = *static_cast<const MadeBatch*>(PyCapsule_GetPointer(owner.ptr(), kMadeBatch));
    const Shape shape =
        format.varlen
            ? Shape{{static_cast<py::ssize_t>(made.num_items), 0}, 1}
            : Shape{{static_cast<py::ssize_t>(made.num_rows), static_cast<py::ssize_t>(made.row_length)}, 2};
    Shape of_labels = shape;
    if (made.target_length >= 0) {
        of_labels.sizes[format.varlen ? 0 : 1] =
            static_cast<py::ssize_t>(format.varlen ? made.num_targets : made.target_length);
    }
    const auto ids = [&](std::byte* data, const Shape& of) -> py::object {
        if (data == nullptr) return py::none();
        if (format.int32) return array_in<std::int32_t>(data, of, owner);
        return array_in<std::int64_t>(data, of, owner);
    };
    py::object loss_mask = py::none();
    if (made.loss_mask != nullptr) loss_mask = array_in<float>(made.loss_mask, of_labels, owner);
    py::object extras = extras_to_python(made, format, shape, of_labels, owner);
    if (!of_targets.is_none()) {
        extras["decoder_cu_seqlens"] = std::move(of_targets);
        extras["decoder_max_seqlen"] = py::int_(made.target_max_seqlen);
    }
    return py::make_tuple(ids(made.input_ids, shape), ids(made.labels, of_labels),
                          ids(made.position_ids, shape), ids(made.segment_ids, shape), std::move(loss_mask),
                          std::move(cu_seqlens), std::move(max_seqlen), made.rows.num_tokens, owner,
                          std::move(extras));
}

py::tuple make(const MakerHandle& handle, const py::tuple& draws, std::int64_t slots, const RankPart& part,
               std::optional<Array<std::uint8_t>> memory, std::shared_ptr<Objective> objective) {
    StepRequest request = step_request(draws, slots, part, std::move(memory));
    request.objective = std::move(objective);
    MadeBatch made;
    {
        const GilRelease release;
        made = handle.maker()->make(request);
    }
    return batch_to_python(std::move(made), handle.maker()->format);
}

py::tuple fill(const MakerHandle& handle, const Array<std::int32_t>& source_of_row,
               const Array<std::int64_t>& sequence_of_row, std::int64_t row_length, int num_threads) {
    const auto sources = view(source_of_row, "source_of_row");
    const auto sequences = view(sequence_of_row, "sequence_of_row");
    if (sources.size() != sequences.size()) {
        throw py::value_error("source_of_row and sequence_of_row must have one length");
    }
    if (row_length < 0) throw py::value_error("row_length must not be negative");
    BatchMaker& maker = *handle.maker();
    BatchFormat plain = maker.format;
    plain.extras.clear();  // no objective is put on these rows
    MadeBatch made;
    {
        const GilRelease release;
        std::vector<RowRef> rows(sources.size());
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {sources[i], 0, sequences[i]};
        const auto make = [&] {
            return make_batch(maker.sources, rows, row_length, plain, maker.buffers, {}, num_threads,
                              look_clock(), nullptr);
        };
        made = maker.remote ? maker.remote->when_there(rows, make) : make();
    }
    return batch_to_python(std::move(made), plain);
}

py::tuple rows(const MakerHandle& handle, const py::tuple& draws, std::int64_t slots, const RankPart& part) {
    const StepRequest request = step_request(draws, slots, part, std::nullopt);
    std::vector<std::int32_t> sources;
    std::vector<std::int64_t> sequences;
    std::vector<std::int64_t> epochs;
    {
        const GilRelease release;
        for (const RowRef& row : handle.maker()->rows(request)) {
            sources.push_back(row.source);
            sequences.push_back(row.sequence);
            epochs.push_back(row.epoch);
        }
    }
    return py::make_tuple(to_numpy(std::move(sources)), to_numpy(std::move(sequences)),
                          to_numpy(std::move(epochs)));
}

void plan_remote(const MakerHandle& handle, const py::tuple& draws, std::int64_t slots, const RankPart& part,
                 std::int64_t batches) {
    const StepRequest request = step_request(draws, slots, part, std::nullopt);
    const GilRelease release;
    BatchMaker& maker = *handle.maker();
    if (maker.remote) maker.remote->plan(maker.rows(request), batches);
}

// A Prefetcher with the maker whose arrays it needs.
class PrefetcherHandle {
  public:
    PrefetcherHandle(std::shared_ptr<MakerHandle> maker, std::int64_t depth, std::shared_ptr<ReadAhead> ahead,
                     std::int64_t steps_ahead)
        : maker_(std::move(maker)),
          prefetcher_(std::make_unique<Prefetcher>(maker_->maker(), depth, std::move(ahead), steps_ahead)) {}
    PrefetcherHandle(const PrefetcherHandle&) = delete;
    PrefetcherHandle& operator=(const PrefetcherHandle&) = delete;
    ~PrefetcherHandle() {
        const GilRelease release;
        prefetcher_.reset();
    }

    void request(const py::tuple& draws, std::int64_t slots, const RankPart& part,
                 std::optional<Array<std::uint8_t>> memory, std::shared_ptr<Objective> objective) {
        StepRequest request = step_request(draws, slots, part, std::move(memory));
        request.objective = std::move(objective);
        prefetcher_->request(std::move(request));
    }

    py::tuple next() {
        MadeBatch made;
        {
            const GilRelease release;
            made = prefetcher_->next();
        }
        return batch_to_python(std::move(made), maker_->maker()->format);
    }

  private:
    std::shared_ptr<MakerHandle> maker_;
    std::unique_ptr<Prefetcher> prefetcher_;
};

void add_options(py::module_& m) {
    py::classh<BatchFormat>(m, "BatchFormat", "What the batches of a loader look like.")
        .def(py::init([](bool varlen, bool int32, bool labels, bool position_ids, bool segment_ids,
                         bool loss_mask, bool positions_by_row, bool leaves_labels, std::int64_t pad_id,
                         std::int64_t pad_to, std::int64_t max_documents) {
                 return BatchFormat{varlen,      int32,     labels,           position_ids,
                                    segment_ids, loss_mask, positions_by_row, leaves_labels,
                                    pad_id,      pad_to,    max_documents};
             }),
             py::kw_only(), py::arg("varlen") = false, py::arg("int32") = false, py::arg("labels") = true,
             py::arg("position_ids") = true, py::arg("segment_ids") = true, py::arg("loss_mask") = false,
             py::arg("positions_by_row") = false, py::arg("leaves_labels") = false, py::arg("pad_id") = 0,
             py::arg("pad_to") = 0, py::arg("max_documents") = 0)
        .def(
            "bytes", [](const BatchFormat& self, std::int64_t items) { return batch_bytes(items, self); },
            py::arg("items"), "Memory of the token arrays of so many items.");
    py::classh<RankPart>(m, "RankPart", "Which part of every step a rank takes, and with how many threads.")
        .def(py::init([](std::int64_t rank, std::int64_t world_size, const std::string& balance,
                         int num_threads) {
                 return RankPart{rank, world_size, balance_strategy_from("balance", balance), num_threads};
             }),
             py::arg("rank"), py::arg("world_size"), py::arg("balance"), py::arg("num_threads"));
}

void add_maker(py::module_& m) {
    py::classh<MakerHandle>(m, "BatchMaker", "Makes batches of the sequences of stores and their plans.")
        .def(py::init<const BatchFormat&, std::size_t, std::shared_ptr<Objective>>(), py::arg("format"),
             py::arg("idle_buffers"), py::arg("objective").none(true) = nullptr, py::keep_alive<1, 4>())
        .def("add_source", &MakerHandle::add_source, py::arg("store"), py::arg("plan"),
             py::arg("documents").noconvert(), py::arg("align"), py::arg("mask_offsets").noconvert(),
             py::arg("masks").noconvert(), py::arg("uses_store_mask") = false,
             py::arg("plan_files") = MappedFiles{}, py::arg("objective_key") = std::uint64_t{0},
             py::arg("objective_store") = 0, py::arg("cached_plan").none(true) = nullptr)
        .def_property_readonly(
            "all_there",
            [](const MakerHandle& self) { return self.is_remote() && self.maker()->remote->was_complete(); },
            "Whether all remote files were there when the last batch was made: nothing is to be asked for.")
        .def_property_readonly("is_remote", &MakerHandle::is_remote, "Whether some files are of elsewhere.")
        .def(
            "read_remote",
            [](MakerHandle& self, std::shared_ptr<CacheReader> reader) {
                self.read_remote(std::move(reader));
            },
            py::arg("reader"), "Has remote files fetched, as this reader; once the sources are complete.")
        .def("plan_remote", &plan_remote, py::arg("draws"), py::arg("slots"), py::arg("part"),
             py::arg("batches"), "Says what a step of so many batches later needs of remote files.")
        .def("bytes", &MakerHandle::bytes, py::arg("items"),
             "Memory of the arrays of a batch of so many items, at most.")
        .def("set_denoising", &MakerHandle::set_denoising, py::arg("denoising"), py::arg("inputs"),
             py::arg("targets"), "Rows have two sides of so many items; the plans are packed for them.")
        .def("add_bucket", &MakerHandle::add_bucket, py::arg("source"), py::arg("ranges"), py::arg("key"),
             py::arg("locality"), "Ranges are (first sequence, count).")
        .def("rows", &rows, py::arg("draws"), py::arg("slots"), py::arg("part"),
             "Sources, sequences (-1 for empty rows) and epochs of a step's rows.")
        .def("make", &make, py::arg("draws"), py::arg("slots"), py::arg("part"),
             py::arg("memory").noconvert(), py::arg("objective").none(true) = nullptr,
             "The fields of a step's PackedBatch in their order, and in the place of those of its spans what "
             "they can be made from.")
        .def("fill", &fill, py::arg("source_of_row").noconvert(), py::arg("sequence_of_row").noconvert(),
             py::arg("row_length"), py::arg("num_threads"), "The same for rows that the caller chooses.");
    m.def("span_arrays", &span_arrays, py::arg("made"),
          "Documents, sources and lengths of a made batch's spans, and where those of each row begin.");
    m.def(
        "objective_counts",
        [](const py::capsule& made) { return py::cast(made_batch(made).objective_counts); }, py::arg("made"),
        "What the objective counted in a made batch, a list of numbers.");
    m.def("batch_weights", &batch_weights, py::arg("made"), py::arg("of_span").noconvert(),
          py::arg("begins").noconvert(), py::arg("of_tokens"),
          "How much the losses of a made batch count, float32 of the shape of its labels. Of every span one "
          "weight, or where those of its document's tokens begin among those of its source.");
    m.def("num_spans", [](const py::capsule& made) { return rows_of(made).spans.size(); }, py::arg("made"));
}

void add_prefetching(py::module_& m) {
    py::classh<ReadAhead>(m, "ReadAhead", "Asks the system to read what coming steps of a maker need.")
        .def(py::init([](const MakerHandle& maker, bool whole) {
                 return std::make_shared<ReadAhead>(maker.maker()->sources, whole);
             }),
             py::arg("maker"), py::arg("whole"), py::keep_alive<1, 2>())
        .def_property_readonly("done", &ReadAhead::done);
    py::classh<PrefetcherHandle>(m, "Prefetcher", "A thread that makes the requested batches, in order.")
        .def(py::init<std::shared_ptr<MakerHandle>, std::int64_t, std::shared_ptr<ReadAhead>, std::int64_t>(),
             py::arg("maker"), py::arg("depth"), py::arg("ahead"), py::arg("steps_ahead"))
        .def("request", &PrefetcherHandle::request, py::arg("draws"), py::arg("slots"), py::arg("part"),
             py::arg("memory").noconvert(), py::arg("objective").none(true) = nullptr)
        .def("next", &PrefetcherHandle::next);
}

}  // namespace

void register_batch(py::module_& m) {
    add_options(m);
    add_maker(m);
    add_prefetching(m);
}

}  // namespace pypack::bindings
