#ifndef METRONOME_RUNTIME_STATISTICS_SAMPLE_INTERVAL_H_
#define METRONOME_RUNTIME_STATISTICS_SAMPLE_INTERVAL_H_

namespace metronome::statistics {

// Bounds that contain an unknown value at the confidence asked for.
struct Interval {
  double low = 0;
  double high = 0;
};

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_SAMPLE_INTERVAL_H_
