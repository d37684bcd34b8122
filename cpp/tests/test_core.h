// What the tests of the core share: networks and rows.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "trainer.h"

using namespace truezero;

inline int failures = 0;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);      \
      ++failures;                                                              \
    }                                                                          \
  } while (false)

inline const Cancelled never = [] { return false; };

template <class T>
struct Model {
  std::vector<std::vector<T>> weights, biases;
  std::vector<T> signs;
  NetworkView<T> view;

  Model(const std::vector<Index>& sizes, const std::vector<int>& activations) {
    std::mt19937 random(7);
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      const double bound = std::sqrt(6.0 / static_cast<double>(sizes[l] + sizes[l + 1]));
      std::uniform_real_distribution<double> draw(-bound, bound);
      weights.emplace_back(static_cast<std::size_t>(sizes[l] * sizes[l + 1]));
      biases.emplace_back(static_cast<std::size_t>(sizes[l + 1]));
      for (auto& w : weights.back()) w = static_cast<T>(draw(random));
      for (auto& b : biases.back()) b = static_cast<T>(draw(random));
    }
    for (Index i = 0; i < 2000; ++i) signs.push_back(i % 2 ? T(1) : T(-1));
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      const bool hidden = l + 2 < sizes.size();
      view.layers.push_back({sizes[l], sizes[l + 1], weights[l].data(), biases[l].data(), hidden ? activations[l] : 0,
                             hidden ? signs.data() : nullptr});
    }
  }
  Model(const Model&) = delete;
};

// Rows with many zeros, dense and as CSR.
template <class T>
struct Rows {
  Index n, width;
  std::vector<T> dense, data;
  std::vector<std::int64_t> indptr{0}, classes, ids, order;
  std::vector<std::int32_t> indices;
  std::vector<double> weight;

  Rows(Index rows, Index columns, Index n_classes) : n(rows), width(columns) {
    std::mt19937 random(11);
    std::normal_distribution<double> draw;
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < width; ++j) {
        const T value = random() % 3 == 0 ? static_cast<T>(draw(random)) : T(0);
        dense.push_back(value);
        if (value == 0) continue;
        data.push_back(value);
        indices.push_back(static_cast<std::int32_t>(j));
      }
      indptr.push_back(static_cast<std::int64_t>(data.size()));
      classes.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n_classes)));
      ids.push_back(i + 100);
      order.push_back((i * 7) % n);
      weight.push_back(0.5 + static_cast<double>(i % 3));
    }
  }

  ExamplesView<T> view(bool sparse) const {
    ExamplesView<T> examples;
    examples.input.n_rows = n;
    examples.input.n_cols = width;
    examples.input.number = sizeof(T) == 4 ? Number::f32 : Number::f64;
    examples.input.data = sparse ? static_cast<const void*>(data.data()) : dense.data();
    examples.input.row_stride = width;
    examples.input.sparse = sparse;
    examples.input.indptr = indptr.data();
    examples.input.indices = indices.data();
    examples.classes = classes.data();
    examples.ids = ids.data();
    examples.weight = weight.data();
    return examples;
  }
};

inline StepSettings steps(const std::vector<double>& l1) {
  StepSettings settings;
  settings.learning_rate = 0.05;
  settings.batch_size = 7;
  settings.l1 = l1;
  settings.seed = 5;
  return settings;
}

template <class T>
bool same_bits(const Model<T>& a, const Model<T>& b) {
  for (std::size_t l = 0; l < a.weights.size(); ++l) {
    if (std::memcmp(a.weights[l].data(), b.weights[l].data(), a.weights[l].size() * sizeof(T)) != 0) return false;
    if (std::memcmp(a.biases[l].data(), b.biases[l].data(), a.biases[l].size() * sizeof(T)) != 0) return false;
  }
  return true;
}

template <class T>
struct Autoencoder : Model<T> {
  explicit Autoencoder(bool tied) : Model<T>({130, 530, 130}, {0}) {
    this->view.softmax = false;
    this->view.layers[0].signs = nullptr;
    for (std::size_t i = 0; i < 130 && tied; ++i) {
      for (std::size_t j = 0; j < 530; ++j) this->weights[1][j * 130 + i] = this->weights[0][i * 530 + j];
    }
  }
};

void test_entries();  // of test_entries.cpp
void test_rows();     // of test_rows.cpp
void test_threads();  // of test_threads.cpp
