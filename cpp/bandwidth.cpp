#include "bandwidth.h"

#include <algorithm>
#include <chrono>

#include "dispatch.h"
#include "threads.h"

namespace truezero {
namespace {

constexpr int kPasses = 30;
constexpr Index kStep = 64;  // numbers; what the kernels take is a multiple of it

// What each of the team's threads reads.
Index numbers_of(Index bytes, const Team& team) {
  return std::max<Index>(1, bytes / static_cast<Index>(sizeof(float)) / kStep / team.size()) * kStep;
}

}  // namespace

double measure_bandwidth(Index bytes, bool rewrite, int n_threads) {
  const Kernels<float>& kernels = kernels_in_use<float>();
  Team team(n_threads);
  std::vector<double> seconds(static_cast<std::size_t>(team.most()));
  volatile float kept = 0;  // what is read must be used
  team.run([&](int thread) {
    const Index n = numbers_of(bytes, team);
    const Buffer<float> part(n, true);
    std::fill_n(part.get(), n, 0.0F);
    double best = 1e9;
    for (int pass = 0; pass < kPasses; ++pass) {
      team.barrier();
      const auto start = std::chrono::steady_clock::now();
      if (rewrite) {
        kernels.rewrite_all(part.get(), n);
      } else {
        const float sum = kernels.read_all(part.get(), n);
        if (sum != 0) kept = sum;
      }
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    seconds[static_cast<std::size_t>(thread)] = best;
  });
  const double slowest = *std::max_element(seconds.begin(), seconds.end());
  return static_cast<double>(numbers_of(bytes, team) * static_cast<Index>(sizeof(float)) * team.size()) *
         (rewrite ? 2 : 1) / slowest;
}

}  // namespace truezero
