#include "runtime/statistics/distributions.h"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace metronome::statistics {
namespace {

namespace policies = boost::math::policies;

// Boost throws by default; nothing here does.
using Policy =
    policies::policy<policies::domain_error<policies::ignore_error>, policies::pole_error<policies::ignore_error>,
                     policies::overflow_error<policies::ignore_error>,
                     policies::evaluation_error<policies::ignore_error>>;
using Normal = boost::math::normal_distribution<double, Policy>;
using Student = boost::math::students_t_distribution<double, Policy>;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool IsProbability(double p) { return p > 0 && p < 1; }

}  // namespace

double NormalCdf(double z) { return std::isnan(z) ? kNone : boost::math::cdf(Normal(), z); }

double NormalQuantile(double p) { return IsProbability(p) ? boost::math::quantile(Normal(), p) : kNone; }

double StudentCdf(double t, double degrees) {
  return std::isnan(t) || !(degrees > 0) ? kNone : boost::math::cdf(Student(degrees), t);
}

double StudentQuantile(double p, double degrees) {
  return IsProbability(p) && degrees > 0 ? boost::math::quantile(Student(degrees), p) : kNone;
}

double TwoSidedNormal(double confidence) { return NormalQuantile((1 + confidence) / 2); }

double TwoSidedStudent(double confidence, double degrees) { return StudentQuantile((1 + confidence) / 2, degrees); }

}  // namespace metronome::statistics
