// The orders in which training goes through a minibatch's entries.

#include <algorithm>
#include <tuple>

#include "entries.h"
#include "test_core.h"

namespace {

using Entry = std::tuple<std::int32_t, std::int32_t, float>;  // row, example, value

struct List {
  std::vector<std::int32_t> rows, example;
  std::vector<std::int64_t> start{0};
  std::vector<float> value;
  std::vector<Entry> entries;

  List(Index n_rows, int n_examples, int percent) {
    std::mt19937 random(3);
    for (Index i = 0; i < n_rows; ++i) {
      for (int b = 0; b < n_examples; ++b) {
        if (static_cast<int>(random() % 100) >= percent) continue;
        example.push_back(b);
        value.push_back(static_cast<float>(example.size()));
        entries.emplace_back(static_cast<std::int32_t>(3 * i), b, value.back());
      }
      if (static_cast<std::int64_t>(example.size()) == start.back()) continue;
      rows.push_back(static_cast<std::int32_t>(3 * i));
      start.push_back(static_cast<std::int64_t>(example.size()));
    }
  }

  ActiveRows<float> view() const {
    return {static_cast<std::int64_t>(rows.size()), rows.data(), start.data(), example.data(), value.data()};
  }
};

std::vector<Entry> by_row(const ActiveRows<float>& list) {
  std::vector<Entry> entries;
  for (Index i = 0; i < list.n_rows; ++i) {
    for (Index k = list.start[i]; k < list.start[i + 1]; ++k) {
      entries.emplace_back(list.rows[i], list.example[k], list.value[k]);
    }
  }
  return entries;
}

void check(Index n_rows, int n_examples, int percent, bool sort) {
  const List list(n_rows, n_examples, percent);
  EntryLists<float> lists(n_examples + 3, n_rows + 40, n_rows * n_examples + 5);  // as for a last, smaller minibatch
  lists.arrange(list.view(), n_examples, sort);
  const Entries<float>& entries = lists.view();
  const Index n = entries.rows.n_rows;

  auto sorted = by_row(entries.rows);
  if (!sort) CHECK(sorted == list.entries);
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == list.entries);

  CHECK(entries.n_segments == (n + kSegmentRows - 1) / kSegmentRows);
  for (Index segment = 0; segment < entries.n_segments; ++segment) {
    const Index from = segment * kSegmentRows, until = std::min(from + kSegmentRows, n);
    const std::int32_t* classes = entries.classes + segment * (kClasses + 2);
    CHECK(classes[0] == from && classes[kClasses + 1] == until);
    for (Index c = 1; c <= kClasses; ++c) {
      for (Index i = classes[c - 1]; i < classes[c]; ++i) CHECK(entries.rows.start[i + 1] - entries.rows.start[i] == c);
    }
    for (Index i = classes[kClasses]; i < until && sort; ++i) {
      CHECK(entries.rows.start[i + 1] - entries.rows.start[i] > kClasses);
    }
    std::vector<std::int32_t> rows(entries.rows.rows + from, entries.rows.rows + until);
    std::sort(rows.begin(), rows.end());
    CHECK(std::equal(rows.begin(), rows.end(), entries.ascending + from));
  }

  std::vector<Entry> blocks;
  for (Index block = 0; block * kBlockRows < n; ++block) {
    const std::int32_t* start = entries.blocks.start + block * (n_examples + 1);
    CHECK(start[0] == static_cast<std::int32_t>(blocks.size()));
    const std::int32_t last = entries.ascending[std::min((block + 1) * kBlockRows, n) - 1];
    for (int b = 0; b < n_examples; ++b) {
      for (Index k = start[b]; k < start[b + 1]; ++k) {
        CHECK(k == start[b] || entries.blocks.row[k - 1] < entries.blocks.row[k]);
        CHECK(entries.ascending[block * kBlockRows] <= entries.blocks.row[k] && entries.blocks.row[k] <= last);
        blocks.emplace_back(entries.blocks.row[k], b, entries.blocks.value[k]);
      }
    }
  }
  std::sort(blocks.begin(), blocks.end());
  CHECK(blocks == list.entries);
}

}  // namespace

void test_entries() {
  for (const bool sort : {true, false}) {
    check(0, 10, 20, sort);
    check(1, 1, 100, sort);
    check(700, 10, 20, sort);
    check(300, 40, 30, sort);  // most rows are touched by more than kClasses
    check(257, 3, 1, sort);
  }
}
