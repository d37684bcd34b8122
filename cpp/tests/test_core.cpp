// Tests of the core that need no Python; made to be run under sanitizers.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "autoencoder.h"
#include "blas.h"
#include "dispatch.h"
#include "forward.h"
#include "philox.h"
#include "rows.h"
#include "threads.h"
#include "trainer.h"

using namespace truezero;

namespace {

int failures = 0;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);      \
      ++failures;                                                              \
    }                                                                          \
  } while (false)

const Cancelled never = [] { return false; };

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

StepSettings steps(const std::vector<double>& l1) {
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

void test_philox() {  // known answers of the generator's authors
  CHECK((philox({0, 0, 0, 0}, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK((philox({~0u, ~0u, ~0u, ~0u}, ~0ull) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822ull) ==
         Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Of every level: the words of the scalar generator, and where they hit.
void test_draws() {
  const Kernels<float>& kernels = kernels_in_use<float>();
  const Words counter = {5, 77, 3, 6u << 16};
  std::vector<std::uint32_t> words(4 * 2 * kBlocksAtOnce);
  kernels.draw(counter.data(), 0x123456789abcdefull, 2 * kBlocksAtOnce - 3, words.data());
  for (std::uint32_t block = 0; block < 2 * kBlocksAtOnce - 3; ++block) {
    const Words expected = philox({5 + block, 77, 3, 6u << 16}, 0x123456789abcdefull);
    CHECK(std::memcmp(expected.data(), words.data() + 4 * block, sizeof expected) == 0);
  }
  for (const std::uint32_t highest : {0u, 1u << 30, ~0u}) {
    const Index n = 4 * (2 * kBlocksAtOnce - 3) - 1;
    std::vector<std::int32_t> units(static_cast<std::size_t>(n + 1)), expected;
    for (Index j = 0; j < n; ++j) {
      if (words[static_cast<std::size_t>(j)] <= highest) expected.push_back(static_cast<std::int32_t>(100 + j));
    }
    units.resize(static_cast<std::size_t>(kernels.list_hits(words.data(), n, highest, 100, units.data())));
    CHECK(units == expected);
  }
}

// Column-major c = alpha op(a) op(b) + beta c, as BLAS does it.
template <class T>
void plain_gemm(char* trans_a, char* trans_b, int* m, int* n, int* k, T* alpha, T* a, int* lda, T* b, int* ldb, T* beta,
                T* c, int* ldc) {
  for (int i = 0; i < *m; ++i) {
    for (int j = 0; j < *n; ++j) {
      T total = 0;
      for (int l = 0; l < *k; ++l) {
        total += (*trans_a == 'T' ? a[i * *lda + l] : a[l * *lda + i]) * (*trans_b == 'T' ? b[l * *ldb + j] : b[j * *ldb + l]);
      }
      T& to = c[j * *ldc + i];
      to = *alpha * total + (*beta == 0 ? T(0) : *beta * to);
    }
  }
}

// Dense layers, by lists of everything and by BLAS, against the default.
template <class T>
void test_dense() {
  const Rows<T> rows(97, 130, 6);
  for (const Index batch_size : {Index{11}, Index{70}}) {
    auto settings = steps({1e-3, 1e-3});
    settings.batch_size = batch_size;
    Model<T> expected({130, 300, 530, 6}, {2, 0});
    const Tally tally = train(expected.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
    settings.dense = {true, true, true};
    gemm_in_use<T>() = plain_gemm<T>;
    Model<T> first({130, 300, 530, 6}, {2, 0});
    train(first.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
    for (int n_threads = 2; n_threads <= 4; ++n_threads) {
      Model<T> other({130, 300, 530, 6}, {2, 0});
      const Tally again = train(other.view, rows.view(false), rows.order.data(), rows.n, settings, n_threads, never);
      CHECK(same_bits(first, other));
      CHECK(std::abs(again.loss / tally.loss - 1) < 1e-4 && std::abs(again.penalty / tally.penalty - 1) < 1e-4);
    }
    gemm_in_use<T>() = nullptr;
    for (std::size_t l = 0; l < 3; ++l) {
      for (std::size_t k = 0; k < first.weights[l].size(); ++k) {
        if (std::abs(first.weights[l][k] - expected.weights[l][k]) > 1e-4) {
          CHECK(!"the same weights");
          return;
        }
      }
    }
  }
}

template <class T>
void test_threads_and_forms() {
  const Rows<T> rows(41, 130, 6);
  for (int variant = 0; variant < 2; ++variant) {
    auto settings = steps({1e-3, 1e-3});
    if (variant == 1) {
      settings.dropout = 0.5;
      settings.dropout_threshold = std::uint64_t{1} << 31;
      settings.input_dropout = 0.25;
      settings.input_dropout_threshold = std::uint64_t{1} << 30;
      settings.max_norm = 0.8;
      settings.weight_decay = 0.5;
    }
    Model<T> first({130, 300, 530, 6}, {0, 4});
    const Tally tally = train(first.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
    CHECK(tally.finished && std::isfinite(tally.loss) && tally.penalty > 0);
    for (int n_threads = 1; n_threads <= 4; ++n_threads) {
      Model<T> other({130, 300, 530, 6}, {0, 4});
      const bool sparse = n_threads > 1;
      const Tally again = train(other.view, rows.view(sparse), rows.order.data(), rows.n, settings, n_threads, never);
      CHECK(same_bits(first, other));
      CHECK(again.loss == tally.loss && again.penalty == tally.penalty);
    }
  }
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

// With any number of threads, from dense rows and from CSR, and with the decoder's own weights in either layout.
template <class T>
void test_autoencoders() {
  const Rows<T> rows(41, 130, 6);
  AutoencoderSettings settings;
  static_cast<StepSettings&>(settings) = steps({1e-3});
  settings.zeros_threshold = std::uint64_t{1} << 30;
  settings.ones_threshold = std::uint64_t{1} << 28;
  const auto run = [&](Autoencoder<T>& model, bool sparse, int n_threads) {
    ExamplesView<T> examples = rows.view(sparse);
    examples.weight = nullptr;
    return train_autoencoder(model.view, examples, rows.order.data(), rows.n, settings, n_threads, never);
  };
  for (const bool tied : {false, true}) {
    for (const double sampling : {0.0, 0.25, 1.0}) {
      settings.tied = tied;
      settings.sampling = sampling;
      settings.sampling_threshold = static_cast<std::uint64_t>(sampling * 0x1p32);
      for (settings.reconstruction = 0; settings.reconstruction < kReconstructions; ++settings.reconstruction) {
        settings.noise_deviation = settings.reconstruction == 2 ? 0.1 : 0;
        Autoencoder<T> first(tied);
        const Tally tally = run(first, false, 1);
        CHECK(tally.finished && std::isfinite(tally.loss) && tally.penalty > 0);
        for (int n_threads = 2; n_threads <= 4; ++n_threads) {
          Autoencoder<T> other(tied);
          const Tally again = run(other, n_threads > 2, n_threads);
          CHECK(same_bits(first, other));
          CHECK(again.loss == tally.loss && again.penalty == tally.penalty);
        }
        for (std::size_t i = 0; i < 130 && tied; ++i) {
          for (std::size_t j = 0; j < 530; ++j) CHECK(first.weights[1][j * 130 + i] == first.weights[0][i * 530 + j]);
        }
        if (tied || sampling != 1) continue;
        settings.sampling = 0;  // all outputs, and the decoder as it lies
        Autoencoder<T> other(tied);
        const Tally again = run(other, false, 2);
        settings.sampling = sampling;
        CHECK(std::abs(again.loss / tally.loss - 1) < 1e-4 && std::abs(again.penalty / tally.penalty - 1) < 1e-4);
        for (std::size_t k = 0; k < first.weights[1].size(); ++k) {
          if (std::abs(first.weights[1][k] - other.weights[1][k]) > 1e-4) {
            CHECK(!"the same weights");
            return;
          }
        }
      }
    }
  }
}

// Numbers of one type, dense and as CSR, with the values they stand for: of scales and offsets in every form.
template <class S, class T>
struct ScaledRows {
  using W = Wider<S, T>;
  enum Form { none, one, each };

  static constexpr Index kRows = 70, kWidth = 130, kStride = 133;
  std::vector<S> dense, data;
  std::vector<W> scales, offsets;
  std::vector<T> values;  // [kRows][kWidth]
  std::vector<std::int64_t> indptr{0}, wide;
  std::vector<std::int32_t> indices;
  RowsView view;

  ScaledRows(Form scale, Form offset, bool sparse, bool wide_indices) : dense(kRows * kStride), values(kRows * kWidth) {
    std::mt19937 random(13);
    for (auto& x : dense) x = random() % 2 ? static_cast<S>(random() % 256) : S(0);
    for (Index j = 0; j < kWidth; ++j) {
      scales.push_back(static_cast<W>(j % 7 == 0 ? 0 : j % 11 == 0 ? -0.25 : 1.0 / static_cast<double>(100 + j)));
      offsets.push_back(static_cast<W>(j % 5 == 0 ? 0 : j % 3 == 0 ? -1 : 0.1 * static_cast<double>(j)));
    }
    view.n_rows = kRows;
    view.n_cols = kWidth;
    view.number = sizeof(S) == 1 ? Number::u8 : sizeof(S) == 4 ? Number::f32 : Number::f64;
    view.row_stride = kStride;
    view.scale = {scale == one ? 1.0 / 255 : 1.0, scale == each ? scales.data() : nullptr};
    view.offset = {offset == one ? -1.0 : 0.0, offset == each ? offsets.data() : nullptr};
    for (Index i = 0; i < kRows; ++i) {
      for (Index j = 0; j < kWidth; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const S x = dense[static_cast<std::size_t>(i * kStride + j)];
        const volatile W product = static_cast<W>(x) * (scale == each ? scales[at] : static_cast<W>(view.scale.all));
        const W sum = product + (offset == each ? offsets[at] : static_cast<W>(view.offset.all));
        values[static_cast<std::size_t>(i * kWidth + j)] = static_cast<T>(sum);
        if (x == 0) continue;
        data.push_back(x);
        indices.push_back(static_cast<std::int32_t>(j));
      }
      indptr.push_back(static_cast<std::int64_t>(data.size()));
    }
    wide.assign(indices.begin(), indices.end());
    view.data = sparse ? data.data() : dense.data();
    view.sparse = sparse;
    view.indptr = indptr.data();
    view.wide_indices = wide_indices;
    view.indices = wide_indices ? static_cast<const void*>(wide.data()) : indices.data();
  }
  ScaledRows(const ScaledRows&) = delete;

  RowsView of_values() const {
    RowsView plain;
    plain.n_rows = kRows;
    plain.n_cols = plain.row_stride = kWidth;
    plain.number = sizeof(T) == 4 ? Number::f32 : Number::f64;
    plain.data = values.data();
    return plain;
  }

  void test_readers() const {
    for (Index i = 0; i < kRows; ++i) {
      std::vector<T> read(kWidth, T(0));
      if (view.sparse) {
        Index last = -1;
        read_sparse<T>(view, i, [&](std::int32_t column, T value) {
          CHECK(value != 0 && column > last);
          last = column;
          read[static_cast<std::size_t>(column)] = value;
        });
      } else {
        for (const Index first : {0, 64}) read_dense(view, i, first, first ? kWidth - first : 64, read.data() + first);
      }
      for (std::size_t j = 0; j < read.size(); ++j) CHECK(read[j] == values[static_cast<std::size_t>(i * kWidth) + j]);
    }
  }

  // What is learned and predicted has the bits of what rows that hold the values give.
  void test_uses(bool blas) const {
    const Rows<T> others(kRows, kWidth, 6);
    const auto examples = [&](bool given) {
      ExamplesView<T> of = others.view(false);
      of.input = given ? view : of_values();
      return of;
    };
    auto settings = steps({1e-3, 1e-3});
    if (blas) {
      settings.batch_size = 64;
      settings.dense = {true, true, true};
    }
    Model<T> expected({kWidth, 300, 530, 6}, {0, 2}), trained({kWidth, 300, 530, 6}, {0, 2});
    train(expected.view, examples(false), others.order.data(), kRows, settings, 1, never);
    train(trained.view, examples(true), others.order.data(), kRows, settings, 3, never);
    CHECK(same_bits(expected, trained));
    for (Index n : {kRows, Index{5}}) {  // by blocks, and by lists
      RowsView plain = of_values(), given = view;
      plain.n_rows = given.n_rows = n;
      std::vector<T> outputs(static_cast<std::size_t>(n * 6)), again(outputs.size());
      Predictor<T>(expected.view).evaluate(plain, Products::automatic, 1, never, outputs.data(), nullptr);
      Predictor<T>(expected.view).evaluate(given, Products::automatic, 2, never, again.data(), nullptr);
      CHECK(std::memcmp(outputs.data(), again.data(), again.size() * sizeof(T)) == 0);
    }
    AutoencoderSettings denoise;
    static_cast<StepSettings&>(denoise) = steps({1e-3});
    denoise.zeros_threshold = std::uint64_t{1} << 30;
    denoise.ones_threshold = std::uint64_t{1} << 28;
    for (const bool tied : {false, true}) {
      for (const double sampling : {0.0, 0.25}) {
        denoise.tied = tied;
        denoise.sampling = sampling;
        denoise.sampling_threshold = static_cast<std::uint64_t>(sampling * 0x1p32);
        Autoencoder<T> whole(tied), by_reader(tied);
        train_autoencoder(whole.view, examples(false), others.order.data(), kRows, denoise, 1, never);
        train_autoencoder(by_reader.view, examples(true), others.order.data(), kRows, denoise, 2, never);
        CHECK(same_bits(whole, by_reader));
      }
    }
  }
};

template <class S, class T>
void test_scaled_rows() {
  using Of = ScaledRows<S, T>;
  const typename Of::Form forms[] = {Of::none, Of::one, Of::each};
  for (const auto scale : forms) {
    for (const bool wide_indices : {false, true}) Of(scale, Of::none, true, wide_indices).test_readers();
    for (const auto offset : forms) Of(scale, offset, false, false).test_readers();
  }
  Of(Of::each, Of::each, false, false).test_uses(false);
  Of(Of::each, Of::none, true, true).test_uses(false);
  gemm_in_use<T>() = plain_gemm<T>;
  Of(Of::one, Of::each, false, false).test_uses(true);
  gemm_in_use<T>() = nullptr;
}

void test_gradient() {
  const Rows<double> rows(9, 12, 4);
  for (int activation = 0; activation < kActivations; ++activation) {
    auto settings = steps({0.02, 0.01});
    settings.batch_size = 9;
    Model<double> before({12, 10, 9, 4}, {activation, activation});
    if (activation == 4) {  // the capped slope near 0+ is not the finite difference
      for (auto& b : before.biases) std::fill(b.begin(), b.end(), 1.5);
    }
    Model<double> after({12, 10, 9, 4}, {activation, activation});
    after.biases[0] = before.biases[0];
    after.biases[1] = before.biases[1];
    after.biases[2] = before.biases[2];
    settings.learning_rate = 1;
    train(after.view, rows.view(true), rows.order.data(), rows.n, settings, 1, never);
    settings.learning_rate = 0;
    const auto cost = [&] {
      const Tally tally = train(before.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
      return (tally.loss + tally.penalty) / static_cast<double>(rows.n);
    };
    for (std::size_t l = 0; l < 3; ++l) {
      for (std::size_t k = 0; k < before.weights[l].size(); k += 5) {
        const double w = before.weights[l][k], step = 1e-6;
        before.weights[l][k] = w + step;
        const double above = cost();
        before.weights[l][k] = w - step;
        const double below = cost();
        before.weights[l][k] = w;
        CHECK(std::abs((above - below) / (2 * step) - (w - after.weights[l][k])) < 1e-6);
      }
    }
  }
}

template <class T>
void test_forward() {
  const Rows<T> rows(70, 130, 6);
  Model<T> model({130, 300, 33, 6}, {0, 2});
  std::vector<T> together(70 * 6), alone(6);
  Counts result;
  CHECK(Predictor<T>(model.view).evaluate(rows.view(true).input, Products::automatic, 3, never, together.data(), &result));
  for (const Products products : {Products::sparse, Products::dense}) {
    std::vector<T> again(70 * 6);
    CHECK(Predictor<T>(model.view).evaluate(rows.view(false).input, products, 2, never, again.data(), nullptr));
    CHECK(std::memcmp(again.data(), together.data(), again.size() * sizeof(T)) == 0);
  }
  CHECK(result.zeros[0] > 0 && result.zeros[1] == 0);
  Predictor<T> predictor(model.view);
  for (Index row = 0; row < 70; ++row) {
    RowsView one = rows.view(false).input;
    one.n_rows = 1;
    one.data = rows.dense.data() + row * rows.width;
    CHECK(predictor.evaluate(one, Products::automatic, 1, never, alone.data(), nullptr));
    CHECK(std::memcmp(alone.data(), together.data() + row * 6, 6 * sizeof(T)) == 0);
  }
  Code<T> code;
  CHECK(predictor.encode(rows.view(false).input, 0, 2, never, code));
  CHECK(static_cast<Index>(code.indices.size()) == 70 * 300 - result.zeros[0]);
  CHECK(code.indptr.back() == static_cast<std::int64_t>(code.data.size()));
}

void test_cancel() {
  const Rows<float> rows(41, 130, 6);
  Model<float> model({130, 300, 530, 6}, {0, 0});
  int asked = 0;
  const Tally tally = train(model.view, rows.view(false), rows.order.data(), rows.n, steps({0, 0}), 3,
                            [&] { return ++asked == 3; });
  CHECK(!tally.finished && asked == 3);
  for (const bool tied : {false, true}) {
    AutoencoderSettings settings;
    static_cast<StepSettings&>(settings) = steps({0});
    settings.tied = tied;
    Autoencoder<float> autoencoder(tied);
    asked = 0;
    CHECK(!train_autoencoder(autoencoder.view, rows.view(true), rows.order.data(), rows.n, settings, 3,
                             [&] { return ++asked == 3; }).finished);
    CHECK(asked == 3);
  }
}

void test_a_failing_thread_frees_the_others() {
  Team team(3);
  bool caught = false;
  try {
    team.run([&](int thread) {
      if (thread == 1) throw std::runtime_error("one");
      team.barrier();
    });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
}

#if defined(__x86_64__)
// Kernels that had used the old registers and not freed them would turn the caller's long doubles to NaN.
void test_x87_registers_are_free() {
  struct {
    std::uint16_t control, reserved0, status, reserved1, tags, reserved2;
    std::uint32_t rest[4];
  } environment;
  asm volatile("fnstenv %0\n\tfldenv %0" : "=m"(environment));
  CHECK(environment.tags == 0xffff);
}
#else
void test_x87_registers_are_free() {}
#endif

}  // namespace

int main() {
  for (const Level* level : available_levels()) {
    setenv("TRUEZERO_ISA", level->name, 1);
    std::printf("%s\n", level->name);
    test_threads_and_forms<float>();
    test_threads_and_forms<double>();
    test_dense<float>();
    test_dense<double>();
    test_gradient();
    test_draws();
    test_autoencoders<float>();
    test_autoencoders<double>();
    test_forward<float>();
    test_forward<double>();
    test_scaled_rows<std::uint8_t, float>();
    test_scaled_rows<std::uint8_t, double>();
    test_scaled_rows<float, float>();
    test_scaled_rows<float, double>();
    test_scaled_rows<double, float>();
    test_scaled_rows<double, double>();
    test_x87_registers_are_free();
  }
  test_philox();
  test_cancel();
  test_a_failing_thread_frees_the_others();
  std::printf(failures ? "%d failures\n" : "all passed\n", failures);
  return failures != 0;
}
