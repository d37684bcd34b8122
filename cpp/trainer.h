// Minibatch stochastic gradient descent that skips every zero.
#pragma once

#include "rows.h"
#include "targets.h"
#include "types.h"

namespace truezero {

struct StepSettings {
  double learning_rate = 0;
  Index batch_size = 1;
  std::vector<double> l1;  // per hidden layer
  std::vector<bool> dense;  // per layer: take its input whole, zeros included; empty: never
  double dropout = 0, input_dropout = 0;
  std::uint64_t dropout_threshold = 0, input_dropout_threshold = 0;  // round(p * 2^32)
  double max_norm = 0;                                               // 0: none
  double weight_decay = 0;
  std::uint32_t epoch = 0;
  std::uint64_t seed = 0;
};

template <class T>
struct ExamplesView {
  RowsView input;
  const std::int64_t* classes = nullptr;  // softmax output
  const T* values = nullptr;              // linear output, [n_rows][n_outputs]
  const double* weight = nullptr;         // null: all 1
  const std::int64_t* ids = nullptr;
};

struct Tally {  // sums over the examples seen, before each update
  double loss = 0, penalty = 0;
  bool finished = true;  // false if cancelled; the network is then between two minibatches
};

// What makes a network n_in - n_units - n_in with linear output r a denoising auto-encoder.
template <class T>
struct Denoising {
  Noise<T> noise;  // of the input
  Targets<T> targets;
  ReconstructionView reconstruction;
};

constexpr Index kFewRows = 100;  // of a call; up to here to pack the weights costs more than it saves
constexpr Index kManyExamples = 64;  // of a minibatch; from here on a layer that is taken whole goes by matrices
constexpr double kSmallNetwork = 50e3;  // weights; below, a barrier costs more than the other half of the work

// Runs over the rows `order`, changing the network's arrays in place when it ends. With `denoising`, targets are
// made of the input.
template <class T>
Tally train(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
            const StepSettings& settings, const Denoising<T>* denoising, int n_threads, const Cancelled& cancelled);

template <class T>
Tally train(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
            const StepSettings& settings, int n_threads, const Cancelled& cancelled) {
  return train<T>(network, examples, order, n_order, settings, nullptr, n_threads, cancelled);
}

}  // namespace truezero
