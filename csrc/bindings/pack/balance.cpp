// Bindings of csrc/core/pack/balance.
#include "pack/balance/balance.hpp"

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

namespace {

// (order int64 [steps * ranks * micro_batches], report)
py::tuple run_balance(const Array<double>& costs, const BalanceOptions& options, int num_threads) {
    const auto values = view(costs, "costs");
    Buffer<std::int64_t> order;
    BalanceReport report;
    {
        const GilRelease release;
        order = balance(values, options, num_threads);
        report = balance_report(values, order.view(), options);
    }
    py::dict figures;
    figures["slowdown"] = report.slowdown;
    figures["lower_bound"] = report.lower_bound;
    figures["spread"] = report.spread;
    return py::make_tuple(to_numpy(std::move(order)), figures);
}

}  // namespace

BalanceStrategy balance_strategy_from(const char* what, const std::string& name) {
    return choose<BalanceStrategy>(
        what, name,
        {{"lpt", BalanceStrategy::lpt}, {"deal", BalanceStrategy::deal}, {"none", BalanceStrategy::none}});
}

void register_balance(py::module_& m) {
    py::class_<BalanceOptions>(m, "BalanceOptions", "How steps are made and sequences dealt to ranks.")
        .def(py::init([](std::int64_t ranks, std::int64_t micro_batches, const std::string& strategy,
                         std::int64_t window, std::uint64_t seed, double even) {
                 const BalanceOptions options{
                     ranks, micro_batches, balance_strategy_from("strategy", strategy), window, seed, even};
                 options.validate();
                 return options;
             }),
             py::kw_only(), py::arg("ranks"), py::arg("micro_batches"), py::arg("strategy"),
             py::arg("window"), py::arg("seed"), py::arg("even"));
    m.def("balance", &run_balance, py::arg("costs").noconvert(), py::arg("options"), py::arg("num_threads"));
}

}  // namespace pypack::bindings
