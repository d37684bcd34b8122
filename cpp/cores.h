// How many cores there are for us, and how many of them can be had at the moment.
#pragma once

#if defined(__linux__)
#include <sched.h>
#include <time.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

namespace truezero {

using Clock = std::chrono::steady_clock;
using Duration = Clock::duration;

// Most cores that may be used of those the system would give: what a quota amounts to. 0: no such limit.
inline std::atomic<int>& core_limit() {
  static std::atomic<int> limit{0};
  return limit;
}

// Not 0: so many cores are taken to be there, and free. Teams are then as large as they are asked to be, which
// tests want.
inline std::atomic<int>& assumed_cores() {
  static std::atomic<int> cores{0};
  return cores;
}

inline int cores() {
  if (const int assumed = assumed_cores().load()) return assumed;
  int n = 0;
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
  if (n < 1) n = static_cast<int>(std::thread::hardware_concurrency());
  if (const int limit = core_limit().load()) n = std::min(n, limit);
  return std::max(n, 1);
}

// Asking for the time on a core takes longer than a barrier: it is done of what takes so long.
constexpr Duration kWorthAsking = std::chrono::microseconds(300);

// Time that this thread has had a core; negative where nobody can tell exactly.
inline Duration time_on_core() {
#if defined(__linux__)
  static const bool exact = [] {
    timespec unit;
    return clock_getres(CLOCK_THREAD_CPUTIME_ID, &unit) == 0 && unit.tv_sec == 0 && unit.tv_nsec <= 1000;
  }();
  timespec now;
  if (exact && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0) {
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }
#endif
  return Duration(-1);
}

// Whether threads lately had to wait for a core. A thread that is not let run holds up all others at the next
// barrier: of `n` threads that together wait for a share of the time, not much more is left than n * (1 - share). As
// soon as fewer threads, all of them running, would get on better, teams do with those for a while. Then all are
// tried again; the longer the cores stay taken, the less often.
class Contention {
 public:
  // So many of `most` threads get on best.
  int bearable(int most, Clock::time_point now) const { return now < until_ ? std::min(most, bearable_) : most; }

  // Of a run of `n` > 1 threads: how long its threads waited for a core, together.
  void ran(int n, Clock::time_point started, Clock::time_point ended, Duration waited) {
    if (started < until_) return;  // fewer threads than there were to be
    if (seen_ == Duration(0)) since_ = started;
    seen_ += ended - started;
    waited_ += waited;
    if (seen_ < kWindow) return;
    const double share = static_cast<double>(waited_.count()) / static_cast<double>(seen_.count());
    seen_ = waited_ = Duration(0);
    if (share < std::max(kNoticed, 1.0 / n)) return;
    pause_ = since_ - until_ < pause_ ? std::min(2 * pause_, kLongest) : kShortest;
    bearable_ = std::clamp(static_cast<int>(std::ceil(n * (1 - share))), 1, n - 1);
    until_ = ended + pause_;
  }

 private:
  // Longer than the system lets one thread run before it is another's turn.
  static constexpr Duration kWindow = std::chrono::milliseconds(20);
  static constexpr double kNoticed = 0.2;
  static constexpr Duration kShortest = std::chrono::milliseconds(100), kLongest = std::chrono::seconds(1);

  Duration seen_{}, waited_{};
  Clock::time_point since_{};
  int bearable_ = 1;
  Duration pause_ = kShortest;
  Clock::time_point until_{};
};

}  // namespace truezero
