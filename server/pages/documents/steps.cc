#include "server/pages/documents/steps.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/statistics/sample/quantile.h"
#include "server/pages/documents/concerns.h"
#include "server/pages/numbers.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

constexpr int kDigits = 4;
// An outlier is slower than the median by so many robust deviations, and by so large a share of it: steps of equal
// length have next to no deviation.
constexpr double kDeviations = 6;
constexpr double kShare = 0.25;

struct Step {
  int64_t position = 0;
  int32_t iteration = 0;
  double ms = 0;
};

// What neighbouring positions have in common.
struct Point {
  std::vector<Step> steps;
  double median = 0;
  double limit = 0;  // Slower steps are outliers.
};

std::vector<Point> PointsOf(const v1::BenchmarkResult& result, size_t most) {
  std::map<int64_t, std::vector<Step>> by_position;
  for (const v1::Sample& sample : result.samples()) {
    if (sample.metric() == "step_ms")
      by_position[sample.position()].push_back({sample.position(), sample.index(), sample.value()});
  }
  const size_t together = (by_position.size() + most - 1) / std::max<size_t>(most, 1);
  std::vector<Point> points;
  size_t place = 0;
  for (auto& [position, steps] : by_position) {
    if (place++ % std::max<size_t>(together, 1) == 0) points.emplace_back();
    std::vector<Step>& all = points.back().steps;
    all.insert(all.end(), steps.begin(), steps.end());
  }
  return points;
}

// Few iterations say little of a point's own deviation, so the deviation is that of all steps from their points'
// medians.
void FindLimits(std::vector<Point>& points) {
  std::vector<double> residuals;
  for (Point& point : points) {
    std::vector<double> times;
    for (const Step& step : point.steps) times.push_back(step.ms);
    point.median = statistics::Median(times);
    for (const double time : times) residuals.push_back(time - point.median);
  }
  const double deviation = statistics::RobustDeviation(residuals);
  for (Point& point : points) point.limit = point.median + std::max(kDeviations * deviation, kShare * point.median);
}

Json Outliers(const std::vector<Point>& points, const std::string& cause) {
  std::vector<Step> outliers;
  for (const Point& point : points) {
    for (const Step& step : point.steps) {
      if (step.ms > point.limit) outliers.push_back(step);
    }
  }
  std::sort(outliers.begin(), outliers.end(), [](const Step& a, const Step& b) { return a.ms > b.ms; });
  if (outliers.size() > kMaxOutliers) outliers.resize(kMaxOutliers);
  Json json = Json::array();
  for (const Step& step : outliers) {
    json.push_back(
        {{"position", step.position}, {"iteration", step.iteration}, {"ms", Rounded(step.ms, 6)}, {"cause", cause}});
  }
  return json;
}

}  // namespace

nlohmann::json Timeline(const v1::BenchmarkResult& result, size_t points_at_most) {
  if (result.spec().scenario() == "scaling") return Json();
  std::vector<Point> points = PointsOf(result, points_at_most);
  if (points.size() < 2) return Json();
  FindLimits(points);
  Json position = Json::array(), low = Json::array(), median = Json::array(), high = Json::array();
  for (const Point& point : points) {
    double least = point.median, most = point.median;
    for (const Step& step : point.steps) {
      if (step.ms > point.limit) continue;
      least = std::min(least, step.ms);
      most = std::max(most, step.ms);
    }
    position.push_back(point.steps.front().position);
    low.push_back(Rounded(least, kDigits));
    median.push_back(Rounded(point.median, kDigits));
    high.push_back(Rounded(most, kDigits));
  }
  return {{"position", position},
          {"low", low},
          {"median", median},
          {"high", high},
          {"outliers", Outliers(points, Disturbance(result))}};
}

}  // namespace metronome::pages
