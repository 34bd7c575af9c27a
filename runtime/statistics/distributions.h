#ifndef METRONOME_RUNTIME_STATISTICS_DISTRIBUTIONS_H_
#define METRONOME_RUNTIME_STATISTICS_DISTRIBUTIONS_H_

namespace metronome::statistics {

// Distribution functions and their inverses, by Boost.Math. Arguments outside a function's domain give NaN.

double NormalCdf(double z);
double NormalQuantile(double p);  // 0 < p < 1.

double StudentCdf(double t, double degrees);       // degrees > 0.
double StudentQuantile(double p, double degrees);  // 0 < p < 1, degrees > 0.

// The z that a standard normal variable exceeds in absolute value with probability 1 - confidence: 1.96 for 0.95.
double TwoSidedNormal(double confidence);
double TwoSidedStudent(double confidence, double degrees);  // Likewise.

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_DISTRIBUTIONS_H_
