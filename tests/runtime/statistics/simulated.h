#ifndef METRONOME_TESTS_RUNTIME_STATISTICS_SIMULATED_H_
#define METRONOME_TESTS_RUNTIME_STATISTICS_SIMULATED_H_

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace metronome::statistics {

// Times as a benchmark takes them: `median` milliseconds, log-normal with `deviation` of the logarithm, each sharing
// `correlation` of its logarithm's deviation with the one before.
inline std::vector<double> SimulatedTimes(std::mt19937_64& random, size_t n, double median, double deviation,
                                          double correlation = 0) {
  std::normal_distribution<double> normal;
  std::vector<double> times(n);
  double state = normal(random);
  for (double& time : times) {
    state = correlation * state + std::sqrt(1 - correlation * correlation) * normal(random);
    time = median * std::exp(deviation * state);
  }
  return times;
}

}  // namespace metronome::statistics

#endif  // METRONOME_TESTS_RUNTIME_STATISTICS_SIMULATED_H_
