#include "server/benchmark/foreign_load.h"

#include <sys/times.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace metronome::server {
namespace {

constexpr int64_t kLeastTicksPerCpu = 20;

std::optional<MachineCpuTime> ReadMachineCpuTime() {
  std::ifstream file("/proc/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return ParseMachineCpuTime(line);
}

int64_t OwnTicks() {
  tms used = {};
  times(&used);
  return used.tms_utime + used.tms_stime;
}

}  // namespace

std::optional<MachineCpuTime> ParseMachineCpuTime(absl::string_view stat) {
  const absl::string_view line = stat.substr(0, stat.find('\n'));
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; guest time is part of user time.
  if (fields.size() < 9 || fields[0] != "cpu") return std::nullopt;
  MachineCpuTime time;
  for (size_t i = 1; i < 9; ++i) {
    int64_t ticks = 0;
    if (!absl::SimpleAtoi(fields[i], &ticks)) return std::nullopt;
    time.total_ticks += ticks;
    if (i != 4 && i != 5) time.busy_ticks += ticks;
  }
  return time;
}

ForeignLoadProbe::ForeignLoadProbe() : machine_(ReadMachineCpuTime()), own_ticks_(OwnTicks()) {}

std::optional<double> ForeignLoadProbe::Fraction() const {
  const std::optional<MachineCpuTime> now = ReadMachineCpuTime();
  if (!machine_.has_value() || !now.has_value()) return std::nullopt;
  const int64_t total = now->total_ticks - machine_->total_ticks;
  const auto cpus = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  if (total < kLeastTicksPerCpu * cpus) return std::nullopt;
  const int64_t foreign = (now->busy_ticks - machine_->busy_ticks) - (OwnTicks() - own_ticks_);
  return std::clamp(static_cast<double>(foreign) / static_cast<double>(total), 0.0, 1.0);
}

}  // namespace metronome::server
