// The module. Nothing but this file and python_*.h knows Python.

#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "autoencoder.h"
#include "bandwidth.h"
#include "cores.h"
#include "dispatch.h"
#include "python_predictor.h"
#include "python_views.h"
#include "trainer.h"

using namespace truezero;

namespace {

// Calls work(cancelled) without the interpreter's lock.
template <class Work>
std::pair<double, double> without_gil(Work&& work) {
  Tally tally;
  {
    const nb::gil_scoped_release release;
    tally = work(signals());
  }
  if (!tally.finished) throw nb::python_error();
  return {tally.loss, tally.penalty};
}

template <class T>
std::pair<double, double> train_(const nb::tuple& network, const nb::tuple& input, const nb::object& target,
                                 const nb::object& weight, const nb::object& all_ids, const nb::object& all_order,
                                 const StepSettings& settings, int n_threads) {
  const NetworkView<T> view = network_view<T>(network);
  const auto ids = array<const std::int64_t, 1>(all_ids, "ids"), order = array<const std::int64_t, 1>(all_order, "order");
  ExamplesView<T> examples = examples_view(view, input, ids, order, settings);
  const auto n_rows = static_cast<std::size_t>(examples.input.n_rows);
  if (view.softmax) {
    const auto classes = array<const std::int64_t, 1>(target, "classes");
    require(classes.shape(0) == n_rows, "one class per row is needed");
    require(within(classes, view.layers.back().n_out), "a class that the network does not know");
    examples.classes = classes.data();
  } else {
    examples.values = values_view<T>(target, examples.input.n_rows, view.layers.back().n_out);
  }
  if (!weight.is_none()) {
    const auto weights = array<const double, 1>(weight, "weights of rows");
    require(weights.shape(0) == n_rows, "one weight per row is needed");
    examples.weight = weights.data();
  }
  return without_gil([&](const Cancelled& cancelled) {
    return train(view, examples, order.data(), static_cast<Index>(order.shape(0)), settings, n_threads, cancelled);
  });
}

template <class T>
std::pair<double, double> train_autoencoder_(const nb::tuple& network, const nb::tuple& input,
                                             const nb::object& target, const nb::object& all_ids,
                                             const nb::object& all_order, const AutoencoderSettings& settings,
                                             int n_threads) {
  const NetworkView<T> view = network_view<T>(network);
  const auto ids = array<const std::int64_t, 1>(all_ids, "ids"), order = array<const std::int64_t, 1>(all_order, "order");
  ExamplesView<T> examples = examples_view(view, input, ids, order, settings);
  require(view.layers.size() == 2 && view.layers[0].n_in == view.layers[1].n_out && !view.softmax &&
              !view.layers[0].signs,
          "not an auto-encoder");
  require(settings.reconstruction >= 0 && settings.reconstruction < kReconstructions && settings.target >= 0 &&
              settings.target <= static_cast<int>(TargetKind::squashed_magnitude),
          "no such reconstruction");
  if (!target.is_none()) examples.values = values_view<T>(target, examples.input.n_rows, examples.input.n_cols);
  return without_gil([&](const Cancelled& cancelled) {
    return train_autoencoder<T>(view, examples, order.data(), static_cast<Index>(order.shape(0)), settings, n_threads,
                                cancelled);
  });
}

std::vector<std::string> names(const std::vector<const Level*>& levels) {
  std::vector<std::string> all;
  for (const Level* level : levels) all.push_back(level->name);
  return all;
}

}  // namespace

NB_MODULE(_native, m) {
  nb::exception<LevelUnavailable>(m, "LevelUnavailable", PyExc_RuntimeError);
  nb::enum_<Products>(m, "Products")
      .value("automatic", Products::automatic)
      .value("sparse", Products::sparse)
      .value("dense", Products::dense);
  nb::class_<StepSettings>(m, "StepSettings")
      .def(nb::init<>())
      .def_rw("learning_rate", &StepSettings::learning_rate)
      .def_rw("batch_size", &StepSettings::batch_size)
      .def_rw("l1", &StepSettings::l1)
      .def_rw("dense", &StepSettings::dense)
      .def_rw("dropout", &StepSettings::dropout)
      .def_rw("input_dropout", &StepSettings::input_dropout)
      .def_rw("dropout_threshold", &StepSettings::dropout_threshold)
      .def_rw("input_dropout_threshold", &StepSettings::input_dropout_threshold)
      .def_rw("max_norm", &StepSettings::max_norm)
      .def_rw("weight_decay", &StepSettings::weight_decay)
      .def_rw("epoch", &StepSettings::epoch)
      .def_rw("seed", &StepSettings::seed);
  nb::class_<AutoencoderSettings, StepSettings>(m, "AutoencoderSettings")
      .def(nb::init<>())
      .def_rw("stack_layer", &AutoencoderSettings::stack_layer)
      .def_rw("zeros_threshold", &AutoencoderSettings::zeros_threshold)
      .def_rw("ones_threshold", &AutoencoderSettings::ones_threshold)
      .def_rw("noise_deviation", &AutoencoderSettings::noise_deviation)
      .def_rw("reconstruction", &AutoencoderSettings::reconstruction)
      .def_rw("target", &AutoencoderSettings::target)
      .def_rw("bounded", &AutoencoderSettings::bounded)
      .def_rw("deviation", &AutoencoderSettings::deviation)
      .def_rw("tied", &AutoencoderSettings::tied)
      .def_rw("sampling", &AutoencoderSettings::sampling)
      .def_rw("sampling_threshold", &AutoencoderSettings::sampling_threshold);
  m.def("train_float32", &train_<float>, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg());
  m.def("train_float64", &train_<double>, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg());
  m.def("train_autoencoder_float32", &train_autoencoder_<float>, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("train_autoencoder_float64", &train_autoencoder_<double>, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  bind_predictor<float>(m, "PredictorFloat32");
  bind_predictor<double>(m, "PredictorFloat64");
  bind_predictor<float, Bfloat16>(m, "PredictorBfloat16");
  m.def("measure_bandwidth", &measure_bandwidth, nb::call_guard<nb::gil_scoped_release>());
  m.def("limit_cores", [](int n) { core_limit() = n; });
  m.def("assume_cores", [](int n) { assumed_cores() = n; });
  m.def("level_in_use", [] { return std::string(level_in_use().name); });
  m.def("use_level", &use_level);
  m.def("available_levels", [] { return names(available_levels()); });
  m.def("compiled_levels", [] { return names(compiled_levels()); });
  m.attr("MANY_EXAMPLES") = kManyExamples;
  m.attr("COMPILER") = TRUEZERO_COMPILER;
  m.attr("SOURCE_HASH") = TRUEZERO_SOURCE_HASH;
}
