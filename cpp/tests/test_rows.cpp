// Rows of every type with scales and offsets: how they are read, and what is made of them.

#include "autoencoder.h"
#include "predictor.h"
#include "rows.h"
#include "test_core.h"

namespace {

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
  void test_uses(bool matrices) const {
    const Rows<T> others(kRows, kWidth, 6);
    const auto examples = [&](bool given) {
      ExamplesView<T> of = others.view(false);
      of.input = given ? view : of_values();
      return of;
    };
    auto settings = steps({1e-3, 1e-3});
    if (matrices) {
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
  Of(Of::one, Of::each, false, false).test_uses(true);
}

}  // namespace

void test_rows() {
  test_scaled_rows<std::uint8_t, float>();
  test_scaled_rows<std::uint8_t, double>();
  test_scaled_rows<float, float>();
  test_scaled_rows<float, double>();
  test_scaled_rows<double, float>();
  test_scaled_rows<double, double>();
}
