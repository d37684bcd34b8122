#include "bandwidth.h"

#include <algorithm>
#include <chrono>

#include "threads.h"

namespace truezero {
namespace {

constexpr int kPasses = 30;
typedef float Line __attribute__((vector_size(64)));

float read_all(const Line* line, Index n) {
  Line total[4] = {};
  for (Index i = 0; i + 4 <= n; i += 4) {
    for (int k = 0; k < 4; ++k) total[k] += line[i + k];
  }
  return (total[0] + total[1] + total[2] + total[3])[0];
}

void rewrite_all(Line* line, Index n) {
  for (Index i = 0; i < n; ++i) line[i] += 1.0F;
}

// What each of the team's threads reads.
Index lines_of(Index bytes, const Team& team) { return std::max<Index>(4, bytes / 64 / team.size()); }

}  // namespace

double measure_bandwidth(Index bytes, bool rewrite, int n_threads) {
  Team team(n_threads);
  std::vector<double> seconds(static_cast<std::size_t>(team.most()));
  volatile float kept = 0;  // what is read must be used
  team.run([&](int thread) {
    const Index lines = lines_of(bytes, team);
    const Buffer<Line> part(lines, true);
    std::fill_n(part.get(), lines, Line{});
    double best = 1e9;
    for (int pass = 0; pass < kPasses; ++pass) {
      team.barrier();
      const auto start = std::chrono::steady_clock::now();
      if (rewrite) {
        rewrite_all(part.get(), lines);
      } else {
        const float sum = read_all(part.get(), lines);
        if (sum != 0) kept = sum;
      }
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    seconds[static_cast<std::size_t>(thread)] = best;
  });
  const double slowest = *std::max_element(seconds.begin(), seconds.end());
  return static_cast<double>(lines_of(bytes, team) * 64 * team.size()) * (rewrite ? 2 : 1) / slowest;
}

}  // namespace truezero
