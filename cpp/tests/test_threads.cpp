// Teams, barriers at which threads sleep, and how many threads there are.

#include "threads.h"

#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <stdexcept>

#include "test_core.h"

namespace {

void rest(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

// What every thread writes before a barrier all see after it, whether they spin or sleep.
void test_barriers() {
  Team team(4);
  CHECK(team.most() == 4);
  std::vector<int> written(4);
  for (const int slow : {0, 1}) {  // threads that come late by more than the others spin
    std::atomic<int> wrong{0};
    team.run([&](int thread) {
      for (int round = 1; round <= (slow ? 20 : 2000); ++round) {
        if (slow && round % 4 == thread) rest(1);
        written[static_cast<std::size_t>(thread)] = round;
        team.barrier();
        if (std::accumulate(written.begin(), written.end(), 0) != round * team.size()) ++wrong;
        team.barrier();
      }
    });
    CHECK(team.size() == 4 && wrong == 0);
  }
}

// One fails while others sleep at a barrier, or spin, or are still on their way; the team can be used again.
void test_a_failing_thread_frees_the_others() {
  Team team(4);
  for (int round = 0; round < 40; ++round) {
    const int failing = round % 4, before = round / 4 % 2;
    std::string caught;
    try {
      team.run([&](int thread) {
        for (int i = 0; i < before; ++i) team.barrier();
        if (thread == failing) {
          if (round % 3) rest(round % 3);
          throw std::runtime_error("one");
        }
        if (thread == (failing + 1) % 4 && round % 5 == 0) rest(2);
        team.barrier();
        team.barrier();
      });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "one");
    std::atomic<int> arrived{0};
    team.run([&](int) {
      team.barrier();
      ++arrived;
    });
    CHECK(arrived == team.size());
  }
  try {
    team.run([](int) { throw std::runtime_error("all"); });
    CHECK(!"an exception");
  } catch (const std::runtime_error&) {
  }
}

// Several callers have teams at once; each has workers of its own.
void test_callers_at_once() {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      Team team(3);
      for (int round = 0; round < 200; ++round) {
        std::atomic<int> sum{0};
        team.run([&](int thread) {
          sum += 1 << thread;
          team.barrier();
          if (sum != (1 << team.size()) - 1) ++wrong;
        });
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

void test_cores() {
  assumed_cores() = 0;
  const int all = cores();
  CHECK(all >= 1 && Team(1000).most() == all && Team(0).most() == 1 && Team(-3).most() == 1);
  core_limit() = 1;
  CHECK(cores() == 1 && Team(8).most() == 1);
  core_limit() = all + 1;
  CHECK(cores() == all);
  core_limit() = 0;
  assumed_cores() = 4;
  CHECK(Team(1000).most() == 4);
}

// Of threads that had to wait for cores fewer take part, for a while that grows.
void test_contention() {
  using std::chrono::milliseconds;
  Contention contention;
  const auto start = Clock::now();
  const auto at = [&](int ms) { return start + milliseconds(ms); };
  int now = 0;
  const auto run = [&](int n, int waited_of_20) {  // in two runs of 10 ms
    for (int half = 0; half < 2; ++half, now += 10) contention.ran(n, at(now), at(now + 10), milliseconds(waited_of_20) / 2);
  };
  const auto alone_for = [&](int n, int bearable) {
    int quiet = 0;
    for (; contention.bearable(n, at(now)) == bearable; ++now) ++quiet;
    return quiet;
  };
  CHECK(contention.bearable(8, at(0)) == 8);
  run(8, 3);  // as it happens
  CHECK(contention.bearable(8, at(now)) == 8);
  run(2, 9);  // two threads are still better than one
  CHECK(contention.bearable(2, at(now)) == 2);
  contention.ran(2, at(now), at(now + 10), milliseconds(9));  // some slices of another's, by chance
  CHECK(contention.bearable(2, at(now)) == 2);
  contention.ran(2, at(now), at(now + 10), milliseconds(0));
  run(8, 7);  // 8 * (1 - 0.35)
  CHECK(contention.bearable(8, at(now)) == 6 && contention.bearable(4, at(now)) == 4);
  CHECK(alone_for(8, 6) == 100 && contention.bearable(8, at(now)) == 8);
  run(8, 50);  // soon again, and more than all
  CHECK(contention.bearable(8, at(now)) == 1 && alone_for(8, 1) == 200);
  int quiet = 0;
  for (int round = 0; round < 12; ++round) {  // it never ends: hardly any time is lost with trying
    run(2, 15);
    quiet = alone_for(2, 1);
  }
  CHECK(quiet == 1000);
  now += 60'000;  // long after: a short while again
  run(2, 15);
  CHECK(alone_for(2, 1) == 100);
}

// A worker that got no core tells; one that slept as others came late does not.
void test_waiting_for_cores_is_measured() {
  const auto sleepy = [](int thread) {
    if (thread == 1) rest(20);  // neither at a barrier nor on a core
  };
  const std::function<void(int)> job = sleepy;
  static Worker worker;
  worker.begin(job, 1, Clock::now());
  CHECK(time_on_core() < Duration(0) || worker.wait() > std::chrono::milliseconds(15));
  Team team(2);
  // The same, but at a barrier.
  for (int round = 0; round < 3; ++round) {
    team.run([&](int thread) {
      if (thread == 0) rest(100);  // long enough for the other to come late, on a machine that has much to do
      team.barrier();
      if (thread == 1) CHECK(slept_in_job() > std::chrono::milliseconds(10));
    });
  }
}

#if !defined(__SANITIZE_THREAD__)  // which lets no child of many threads have threads
void test_forks() {
  Team team(3);
  const auto works = [&] {
    std::atomic<int> n{0};
    team.run([&](int) {
      ++n;
      team.barrier();
    });
    return n == 3;
  };
  CHECK(works());
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    Team other(3);
    while (!stop) other.run([&](int) { other.barrier(); });
  });
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    if (child == 0) _exit(works() && works() ? 7 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  }
  stop = true;
  busy.join();
  CHECK(works());
}
#else
void test_forks() {}
#endif

}  // namespace

void test_threads() {
  test_barriers();
  test_a_failing_thread_frees_the_others();
  test_callers_at_once();
  test_cores();
  test_contention();
  test_waiting_for_cores_is_measured();
  test_forks();
}
