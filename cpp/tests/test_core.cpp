// Tests of the core that need no Python; made to be run under sanitizers.

#include "test_core.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "autoencoder.h"
#include "dispatch.h"
#include "philox.h"
#include "predictor.h"
#include "threads.h"

namespace {

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

// Dense layers, by lists of everything and by matrices, against the default.
template <class T>
void test_dense() {
  const Rows<T> rows(97, 130, 6);
  for (const Index batch_size : {Index{11}, Index{70}}) {
    auto settings = steps({1e-3, 1e-3});
    settings.batch_size = batch_size;
    Model<T> expected({130, 300, 530, 6}, {2, 0});
    const Tally tally = train(expected.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
    settings.dense = {true, true, true};
    Model<T> first({130, 300, 530, 6}, {2, 0});
    train(first.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
    for (int n_threads = 2; n_threads <= 4; ++n_threads) {
      Model<T> other({130, 300, 530, 6}, {2, 0});
      const Tally again = train(other.view, rows.view(false), rows.order.data(), rows.n, settings, n_threads, never);
      CHECK(same_bits(first, other));
      CHECK(std::abs(again.loss / tally.loss - 1) < 1e-4 && std::abs(again.penalty / tally.penalty - 1) < 1e-4);
    }
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

// Weights are worked on where they lie in calls of few rows, and packed in others.
template <class T>
void test_in_place() {
  const Rows<T> rows(147, 130, 6);
  static_assert(147 > kFewRows && 49 <= kFewRows);
  const auto settings = steps({1e-3, 1e-3});
  Model<T> first({130, 304, 530, 6}, {2, 0});
  train(first.view, rows.view(false), rows.order.data(), rows.n, settings, 1, never);
  for (int n_threads = 1; n_threads <= 4; ++n_threads) {
    Model<T> other({130, 304, 530, 6}, {2, 0});
    for (Index done = 0; done < rows.n; done += 49) {
      train(other.view, rows.view(n_threads > 2), rows.order.data() + done, 49, settings, n_threads, never);
    }
    CHECK(same_bits(first, other));
  }
}

template <class T>
void test_threads_and_forms(Index n_rows) {
  const Rows<T> rows(n_rows, 130, 6);
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

// Weights of two bytes answer as the floats that they stand for.
void test_forward_of_halves() {
  const Rows<float> rows(70, 130, 6);
  Model<float> model({130, 300, 33, 6}, {0, 2});
  std::vector<std::vector<Bfloat16>> halves;
  NetworkView<float, Bfloat16> view;
  for (std::size_t l = 0; l < model.weights.size(); ++l) {
    std::vector<Bfloat16> of;
    for (float& w : model.weights[l]) {
      std::uint32_t bits;
      std::memcpy(&bits, &w, sizeof bits);
      of.push_back({static_cast<std::uint16_t>(bits >> 16)});
      bits &= 0xFFFF0000U;
      std::memcpy(&w, &bits, sizeof w);
    }
    halves.push_back(std::move(of));
    const auto& layer = model.view.layers[l];
    view.layers.push_back({layer.n_in, layer.n_out, halves.back().data(), layer.biases, layer.activation, layer.signs});
  }
  std::vector<float> expected(70 * 6), found(70 * 6);
  CHECK(Predictor<float>(model.view)
            .evaluate(rows.view(false).input, Products::automatic, 1, never, expected.data(), nullptr));
  Predictor<float, Bfloat16> predictor(view);
  for (const bool sparse : {false, true}) {
    for (const Products products : {Products::automatic, Products::sparse, Products::dense}) {
      for (const Index n : {1, 3, 5, 5, 70}) {
        RowsView some = rows.view(sparse).input;
        some.n_rows = n;
        CHECK(predictor.evaluate(some, products, 2, never, found.data(), nullptr));
        CHECK(std::memcmp(found.data(), expected.data(), static_cast<std::size_t>(n) * 6 * sizeof(float)) == 0);
      }
    }
  }
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
  assumed_cores() = 4;  // teams as large as they are asked to be
  for (const Level* level : available_levels()) {
    use_level(level->name);
    std::printf("%s\n", level->name);
    test_in_place<float>();
    test_in_place<double>();
    for (const Index n_rows : {Index{41}, Index{141}}) {
      test_threads_and_forms<float>(n_rows);
      test_threads_and_forms<double>(n_rows);
    }
    test_dense<float>();
    test_dense<double>();
    test_gradient();
    test_draws();
    test_autoencoders<float>();
    test_autoencoders<double>();
    test_forward<float>();
    test_forward<double>();
    test_forward_of_halves();
    test_rows();
    test_x87_registers_are_free();
  }
  test_philox();
  test_entries();
  test_cancel();
  test_threads();
  std::printf(failures ? "%d failures\n" : "all passed\n", failures);
  return failures != 0;
}
