// Runs one kernel so many times on fixed data, for counting instructions under callgrind:
//   count_instructions LEVEL KERNEL TIMES
// benchmarks/check_instructions.py subtracts one count from another, so that what is around them is left out.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "dispatch.h"
#include "entries.h"
#include "input.h"
#include "rows.h"
#include "types.h"

using namespace truezero;

namespace {

constexpr Index kRows = 500, kWidth = 256, kExamples = 10;

struct Lists {  // of kRows rows, most of them touched by one or two of the examples
  std::vector<std::int32_t> rows, example;
  std::vector<std::int64_t> start;
  std::vector<float> value;

  explicit Lists(unsigned seed, bool full = false) {
    std::mt19937 random(seed);
    for (Index i = 0; i < kRows; ++i) {
      const auto first = static_cast<std::int64_t>(example.size());
      for (int b = 0; b < kExamples; ++b) {
        if (!full && random() % 100 >= 15) continue;
        example.push_back(b);
        value.push_back(0.5F);
      }
      if (static_cast<std::int64_t>(example.size()) == first) continue;
      rows.push_back(static_cast<std::int32_t>(i));
      start.push_back(first);
    }
    start.push_back(static_cast<std::int64_t>(example.size()));
  }

  EntryLists<float> entries() const {
    EntryLists<float> lists(kExamples, kRows, kRows * kExamples);
    lists.arrange(view(static_cast<Index>(example.size()) == kRows * kExamples), kExamples, true);
    return lists;
  }

  ActiveRows<float> view(bool full = false) const {
    return {static_cast<std::int64_t>(rows.size()), rows.data(), start.data(), example.data(), value.data(),
            full ? kExamples : 0};
  }
};

// kExamples rows of kRows numbers, and of every seventh of them as CSR.
template <class S>
struct Input {
  std::vector<S> numbers = std::vector<S>(kExamples * kRows, S(1));
  std::vector<std::int64_t> indptr{0};
  std::vector<std::int32_t> indices;

  Input() {
    for (Index i = 0; i < kExamples; ++i) {
      for (Index j = i % 7; j < kRows; j += 7) indices.push_back(static_cast<std::int32_t>(j));
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
    }
  }

  RowsView view(PerColumn scale, PerColumn offset, bool sparse) const {
    RowsView of;
    of.n_rows = kExamples;
    of.n_cols = of.row_stride = kRows;
    of.number = sizeof(S) == 1 ? Number::u8 : Number::f32;
    of.data = numbers.data();
    of.scale = scale;
    of.offset = offset;
    of.sparse = sparse;
    of.indptr = indptr.data();
    of.indices = indices.data();
    return of;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) use_level(argv[1]);
  const Kernels<float>& kernels = kernels_in_use<float>();
  const WeightKernels<float, Bfloat16>& halves_kernels = weight_kernels_in_use<float, Bfloat16>();
  const std::vector<Bfloat16> halves(kRows * kWidth);
  const Lists now(1), next(2), whole(3, true);
  const EntryLists<float> entries_now = now.entries(), entries_next = next.entries(), entries_whole = whole.entries();
  EntryLists<float> arranged = now.entries();
  std::vector<float> weights(kRows * kWidth, 0.01F), z(kRows * kWidth), delta(kExamples * kWidth, 0.001F),
      gain(kExamples * kWidth, 1.0F), dots(kExamples * kRows), sparse(kRows * kBlock);
  std::mt19937 random(4);
  for (auto& x : sparse) x = random() % 100 < 17 ? 1.0F : 0.0F;

  std::vector<std::int32_t> unit(kRows * kBlock + 16), starts(kRows + 1), rows(kWidth + 1),
      example(kExamples * kWidth + 1);
  std::vector<std::int64_t> of_rows(kWidth + 1);
  std::vector<float> value(kRows * kBlock + 16), listed(kExamples * kWidth + 1);
  std::vector<std::uint32_t> bits(16);
  std::vector<float> room(static_cast<std::size_t>(matrix_room<float>(kExamples, kWidth)));
  const UnitLists<float> lists = {rows.data(), of_rows.data(), example.data(), listed.data(), bits.data()};
  std::vector<std::int32_t> every(kBlock);
  std::iota(every.begin(), every.end(), 0);
  const auto collect = [&] {
    for (Index b = 0; b < kRows; ++b) {
      starts[static_cast<std::size_t>(b + 1)] =
          starts[static_cast<std::size_t>(b)] +
          static_cast<std::int32_t>(kernels.collect(sparse.data() + b * kBlock, kBlock, 0,
                                                    unit.data() + starts[static_cast<std::size_t>(b)],
                                                    value.data() + starts[static_cast<std::size_t>(b)]));
    }
  };
  collect();
  const ActivationView<float> rectifier = {0, 1, nullptr, delta.data(), nullptr}, tanh = {2, 1, nullptr, delta.data(), nullptr};

  const std::uint32_t counter[4] = {0, 1, 2, 3};
  std::vector<std::uint32_t> words(4 * kRows);
  kernels.draw(counter, 9, kRows / kBlocksAtOnce * kBlocksAtOnce, words.data());

  const Input<std::uint8_t> pixels;
  const Input<float> numbers;
  const std::vector<std::int64_t> order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const PerColumn same = {1}, none = {0}, each = {0, weights.data()};
  const auto read = [&](const RowsView& input) {
    for (const Index row : order) read_dense(input, row, 0, kRows, z.data());
  };
  const RowsView csr = numbers.view(same, none, true);
  Gathered<float> gathered(csr, kExamples, kExamples * kRows, false);
  Gather<float> gather(csr, kernels, kExamples, kExamples * kRows, Listed::non_zeros, false);
  const auto gather_rows = [&](const RowsView& input) {
    gather.use(input);
    gather.gather(gathered, order.data(), kExamples);
  };

  const std::map<std::string, std::function<void()>> runs = {
      {"read_float32", [&] { read(numbers.view(same, none, false)); }},
      {"read_uint8", [&] { read(pixels.view({1.0 / 255}, none, false)); }},
      {"read_uint8_per_column", [&] { read(pixels.view(each, each, false)); }},
      {"gather_csr_float32", [&] { gather_rows(csr); }},
      {"gather_csr_uint8", [&] { gather_rows(pixels.view({1.0 / 255}, none, true)); }},
      {"forward", [&] { kernels.forward(now.view(), weights.data(), kWidth, kWidth, z.data(), kWidth); }},
      {"forward_entries",
       [&] { kernels.forward_entries(entries_now.view(), weights.data(), kWidth, kWidth, z.data()); }},
      {"arrange", [&] { arranged.arrange(now.view(), kExamples, true); }},
      {"forward_full", [&] { kernels.forward(whole.view(true), weights.data(), kWidth, kWidth, z.data(), kWidth); }},
      {"forward_one",
       [&] { kernels.forward_one(kRows / 2, now.rows.data(), now.value.data(), weights.data(), kWidth, kWidth, z.data()); }},
      {"forward_one_of_halves",
       [&] {
         halves_kernels.forward_one(kRows / 2, now.rows.data(), now.value.data(), halves.data(), kWidth, kWidth, z.data());
       }},
      {"widen", [&] { halves_kernels.widen(halves.data(), kBlock, every.data(), z.data()); }},
      {"forward_block",
       [&] {
         kernels.forward_block({starts.data(), unit.data(), value.data()}, kRows, weights.data(), kTile<float>, false, z.data(),
                               {weights.data(), kTileBytes, kTileBytes, kBlock, every.data()});
       }},
      {"forward_dense",
       [&] {
         kernels.forward_dense(sparse.data(), kBlock, kRows, weights.data(), kTile<float>, false, z.data(),
                               {weights.data(), kTileBytes, kTileBytes, kBlock, every.data()});
       }},
      {"collect", collect},
      {"collect_units",
       [&] { kernels.collect_units(sparse.data(), gain.data(), kExamples, kWidth, kWidth, 0, false, lists); }},
      {"activate_rectifier",
       [&] { kernels.activate(rectifier, kExamples, kWidth, kWidth, z.data(), gain.data()); }},
      {"activate_tanh", [&] { kernels.activate(tanh, kExamples, kWidth, kWidth, z.data(), gain.data()); }},
      {"backward",
       [&] {
         kernels.backward(entries_now.view(), weights.data(), kWidth, kWidth, delta.data(), delta.data(), 1e-6F,
                          dots.data(), nullptr);
       }},
      {"backward_full",
       [&] {
         kernels.backward(entries_whole.view(), weights.data(), kWidth, kWidth, delta.data(), delta.data(), 1e-6F,
                          dots.data(), nullptr);
       }},
      {"backward_forward",
       [&] {
         kernels.backward_forward(entries_now.view(), entries_next.view(), weights.data(), kWidth, kWidth, delta.data(),
                                  1e-6F, z.data());
       }},
      {"multiply",
       [&] { kernels.multiply(kExamples, kRows, sparse.data(), kRows, weights.data(), kWidth, z.data(), room.data()); }},
      {"multiply_back",
       [&] { kernels.multiply_back(kExamples, kRows, delta.data(), weights.data(), kWidth, dots.data(), kRows); }},
      {"move_weights",
       [&] {
         kernels.move_weights(kExamples, kRows, sparse.data(), kRows, delta.data(), 1e-6F, weights.data(), kWidth,
                              room.data());
       }},
      {"dots", [&] { kernels.dots(now.view(), weights.data(), kWidth, delta.data(), dots.data()); }},
      {"backward_outputs",
       [&] { kernels.backward_outputs(now.view(), weights.data(), kWidth, delta.data(), 1e-6F, gain.data()); }},
      {"reconstruct_softplus",
       [&] { kernels.reconstruct({0, 1}, {dots.data(), nullptr, sparse.data(), nullptr, 0.1F}, kExamples * kRows, z.data()); }},
      {"reconstruct_cross_entropy",
       [&] { kernels.reconstruct({1, 1}, {dots.data(), nullptr, sparse.data(), sparse.data(), 0.1F}, kExamples * kRows, z.data()); }},
      {"draw", [&] { kernels.draw(counter, 9, kRows / kBlocksAtOnce * kBlocksAtOnce, words.data()); }},
      {"list_hits", [&] { kernels.list_hits(words.data(), kRows * 4, 1u << 26, 0, unit.data()); }},
  };
  if (argc == 1) {
    for (const auto& run : runs) std::printf("%s\n", run.first.c_str());
    return 0;
  }
  const auto chosen = argc == 4 ? runs.find(argv[2]) : runs.end();
  if (chosen == runs.end()) {
    std::fprintf(stderr, "use: count_instructions LEVEL KERNEL TIMES; without any, it lists the kernels\n");
    return 2;
  }
  for (int times = std::atoi(argv[3]); times > 0; --times) chosen->second();
  return 0;
}
