#ifndef METRONOME_SERVER_BENCHMARK_FOREIGN_LOAD_H_
#define METRONOME_SERVER_BENCHMARK_FOREIGN_LOAD_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace metronome::server {

// CPU time of the whole machine since it booted, over all CPUs.
struct MachineCpuTime {
  int64_t busy_ticks = 0;   // Anything but idle: user, system, interrupts, and time stolen by the hypervisor.
  int64_t total_ticks = 0;  // Busy and idle.
};

// From the text of /proc/stat (proc(5)); nullopt when it is not that.
std::optional<MachineCpuTime> ParseMachineCpuTime(absl::string_view stat);

// How much of the machine others took between construction and now: a measurement made beside other work is not
// comparable, and this tells. Not thread-safe.
class ForeignLoadProbe {
 public:
  ForeignLoadProbe();

  // Share of all CPU time in [0, 1] that neither idled nor went to this process. nullopt when less than 20 ticks a CPU
  // (0.2 s) have passed, too few to tell, or where /proc/stat does not.
  std::optional<double> Fraction() const;

 private:
  std::optional<MachineCpuTime> machine_;
  int64_t own_ticks_ = 0;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_FOREIGN_LOAD_H_
