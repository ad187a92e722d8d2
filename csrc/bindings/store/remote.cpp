// Bindings of csrc/core/store/remote, and of stores that are read through it.
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "store/remote/cached_files.hpp"
#include "store/store_view.hpp"

namespace pypack::bindings {

namespace {

// Bytes of each file, of its blocks, and of its beginning that kernels read.
using Files = std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>;

std::shared_ptr<CachedFiles> open_files(const std::string& folder, std::uint64_t number, const Files& files,
                                        std::shared_ptr<CacheReader> reader) {
    std::vector<RemoteFile> remote;
    remote.reserve(files.size());
    for (const auto& [size, block_bytes, read_bytes] : files) {
        remote.push_back({size, block_bytes, read_bytes});
    }
    return std::make_shared<CachedFiles>(folder, number, std::move(remote), std::move(reader));
}

std::span<const std::byte> part_of(const CachedFiles& files, std::size_t file, std::int64_t start,
                                   std::int64_t stop) {
    if (file >= files.num_files()) throw py::index_error("no such file");
    const std::span<const std::byte> bytes = files.bytes(file);
    if (start < 0 || stop < start || stop > static_cast<std::int64_t>(bytes.size())) {
        throw py::value_error("bytes " + std::to_string(start) + " to " + std::to_string(stop) +
                              " of a file of " + std::to_string(bytes.size()));
    }
    return bytes.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(stop - start));
}

py::bytes read_part(const CachedFiles& files, std::size_t file, std::int64_t start, std::int64_t stop) {
    const std::span<const std::byte> part = part_of(files, file, start, stop);
    auto bytes = py::reinterpret_steal<py::bytes>(
        PyBytes_FromStringAndSize(nullptr, static_cast<py::ssize_t>(part.size())));
    if (!bytes) throw py::error_already_set();
    auto* const out = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes.ptr()));
    const GilRelease release;
    files.copy(part, out);
    return bytes;
}

py::array gather(const CachedFiles& files, std::size_t file, const Array<std::int64_t>& items,
                 const py::dtype& dtype) {
    const auto numbers = view(items, "items");
    const auto size = static_cast<std::int64_t>(dtype.itemsize());
    py::array out(dtype, std::vector<py::ssize_t>{static_cast<py::ssize_t>(numbers.size())});
    auto* to = static_cast<std::byte*>(out.mutable_data());
    const auto count =
        static_cast<std::int64_t>(part_of(files, file, 0, 0).size() + files.bytes(file).size()) / size;
    const GilRelease release;
    for (const std::int64_t item : numbers) {
        if (item < 0 || item >= count) throw std::out_of_range("item " + std::to_string(item));
        files.copy(
            files.bytes(file).subspan(static_cast<std::size_t>(item * size), static_cast<std::size_t>(size)),
            to);
        to += size;
    }
    return out;
}

// The array of a file, behind `offset` bytes. Kernels alone may read it, where it is readable.
py::array unread(const py::object& self, std::size_t file, std::int64_t offset, const py::dtype& dtype,
                 std::int64_t count) {
    const auto& files = self.cast<const CachedFiles&>();
    const auto part =
        part_of(files, file, offset, offset + count * static_cast<std::int64_t>(dtype.itemsize()));
    py::array array(dtype, {static_cast<py::ssize_t>(count)}, {}, part.data(), self);
    array.attr("flags").attr("writeable") = false;
    return array;
}

// Of each shard: its paths, for messages; the numbers of its .bin, .idx and .mask (-1: none) in the files;
// its documents and tokens.
using RemoteShards =
    std::vector<std::tuple<std::shared_ptr<CachedFiles>, std::string, std::string, std::int64_t, std::int64_t,
                           std::int64_t, std::int64_t, std::int64_t>>;

TokenDtype dtype_from(const std::string& name) {
    for (int code = 1; code <= 8; ++code) {
        const auto dtype = token_dtype_from_code(static_cast<std::uint8_t>(code));
        if (dtype && dtype_name(*dtype) == name) return *dtype;
    }
    throw py::value_error("dtype must be an integer type of Megatron-Core, got " + name);
}

void add_remote(const RemoteShards& remote, TokenDtype dtype, std::vector<Shard>& shards) {
    for (const auto& [files, bin_path, idx_path, bin, idx, mask, documents, tokens] : remote) {
        RemoteShard shard{bin_path, idx_path, {}, {}, std::nullopt, files, documents, tokens, dtype};
        const auto whole = [&, &from = *files](std::int64_t number) {
            (void)part_of(from, static_cast<std::size_t>(number), 0, 0);
            return from.bytes(static_cast<std::size_t>(number));
        };
        shard.bin = whole(bin);
        shard.idx = whole(idx);
        if (mask >= 0) shard.mask = whole(mask);
        shards.emplace_back(shard);
    }
}

std::shared_ptr<StoreView> open_remote(const RemoteShards& remote, const std::string& dtype) {
    std::vector<Shard> shards;
    shards.reserve(remote.size());
    add_remote(remote, dtype_from(dtype), shards);
    return std::make_shared<StoreView>(std::move(shards));
}

// Of a store of this host: the paths of the .bin, the .idx and the mask ("": none) of each shard, and whether
// each document is one sequence.
using LocalShards = std::vector<std::tuple<std::string, std::string, std::string, bool>>;

// Stores of this host and remote ones under one numbering; each part is either.
std::shared_ptr<StoreView> open_mixed(const std::vector<std::variant<LocalShards, RemoteShards>>& parts,
                                      const std::string& dtype) {
    std::vector<Shard> shards;
    for (const auto& part : parts) {
        if (const auto* local = std::get_if<LocalShards>(&part)) {
            for (const auto& [bin, idx, mask, plain] : *local) shards.emplace_back(bin, idx, plain, mask);
        } else {
            add_remote(std::get<RemoteShards>(part), dtype_from(dtype), shards);
        }
    }
    return std::make_shared<StoreView>(std::move(shards));
}

// What the fetcher has written of a failure: the name of one of pypack.remote's errors, the URL and the
// reason, a line each. Anything else is an OSError.
void raise_remote_error(const std::string& text) {
    const auto first = text.find('\n');
    const auto second = first == std::string::npos ? first : text.find('\n', first + 1);
    if (second != std::string::npos) {
        try {
            const auto errors = py::module_::import("pypack.remote.errors");
            const py::object kind = errors.attr(text.substr(0, first).c_str());
            const auto error = kind(text.substr(first + 1, second - first - 1), text.substr(second + 1));
            PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
            return;
        } catch (py::error_already_set&) {  // a name that is none of them
        }
    }
    PyErr_SetString(PyExc_OSError, text.c_str());
}

}  // namespace

void register_remote(py::module_& m) {
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const RemoteError& error) {
            raise_remote_error(error.what());
        }
    });
    py::classh<CacheReader>(m, "CacheReader", "Tells the fetcher of a cache what a process reads, and when.")
        .def(py::init<std::string, std::vector<std::string>>(), py::arg("folder"), py::arg("command"))
        .def("ring", &CacheReader::ring, py::call_guard<GilRelease>(),
             "Wakes the fetcher of the cache, or starts one if none lives.")
        .def_property_readonly("clock", &CacheReader::clock, "Batches begun.");
    py::classh<CachedFiles>(m, "CachedFiles", "A group of remote files, read through a cache.")
        .def(py::init(&open_files), py::arg("folder"), py::arg("number"), py::arg("files"), py::arg("reader"))
        .def("read", &read_part, py::arg("file"), py::arg("start"), py::arg("stop"),
             "Bytes of a file; waits for them.")
        .def("gather", &gather, py::arg("file"), py::arg("items").noconvert(), py::arg("dtype"),
             "Items of a file that is an array; waits for them.")
        .def("unread", &unread, py::arg("file"), py::arg("offset"), py::arg("dtype"), py::arg("count"),
             "An array in a file, for kernels that look whether its parts are there.")
        .def_property_readonly("num_blocks", &CachedFiles::num_blocks)
        .def_property_readonly("num_present", &CachedFiles::num_present);
    m.def("remote_store", &open_remote, py::arg("shards"), py::arg("dtype"),
          "The shards of remote stores under one document numbering.");
    m.def("mixed_store", &open_mixed, py::arg("parts"), py::arg("dtype"),
          "The shards of stores of this host and of remote ones under one document numbering.");
}

}  // namespace pypack::bindings
