// What each kernel of our models takes on this machine's GPU, launch by launch: built by kernel_bench.sh from the
// kernels' sources alone.
//
//   kernel_bench --quick|--sweep|--chain [--output FILE.json] [--family NAME]
//
// --quick times every launch of kernel_shapes.inc as it is tuned by default, --sweep in all ways to tune it, --chain
// what an edge of a graph costs. A family is a kernel's name. Exits with 0 when all ran, 1 where something failed, 2
// for other arguments.

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "kernels/cuda/device/read_probe.h"
#include "tests/gpu/bench/bench_chain.cuh"
#include "tests/gpu/bench/bench_memory.cuh"
#include "tests/gpu/bench/bench_sweep.h"

#if !defined(METRONOME_KERNEL_SHAPES)
#define METRONOME_KERNEL_SHAPES "tests/gpu/bench/kernel_shapes.inc"
#endif

namespace metronome::kernels::cuda::bench {
namespace {

const Row kRows[] = {
#include METRONOME_KERNEL_SHAPES
};

struct Arguments {
  bool quick = false, sweep = false, chain = false;
  std::string output, family;
};

struct Timed {
  LinearTuning tuning;
  double seconds = 0;
};
// A launch as it is tuned by default, and the fastest.
struct Measured {
  Timed usual, best;
  size_t tried = 0;
};

class Bench {
 public:
  explicit Bench(const Arguments& arguments) : arguments_(arguments) {}

  // False where something failed; error() says what.
  bool Run() {
    if (!device_.Open()) return false;
    json_ << "{\n\"device\": \"" << device_.name << "\",\n\"multiprocessors\": " << device_.context.multiprocessors
          << ",\n\"cache_bytes\": " << device_.cache_bytes;
    if (arguments_.chain) {
      RunChain();
    } else {
      RunRows();
    }
    json_ << "\n}\n";
    return device_.error.empty() && WriteJson();
  }
  const std::string& error() const { return device_.error; }

 private:
  void RunChain() {
    json_ << ",\n\"chain\": [";
    const char* separator = "\n";
    for (const Link& link : TimeChains(device_)) {
      std::printf("%4d blocks, %-24s %6.3f us a launch\n", link.blocks,
                  link.programmatic ? "programmatic edges" : "plain edges", link.seconds * 1e6);
      json_ << separator << "{\"blocks\": " << link.blocks
            << ", \"programmatic\": " << (link.programmatic ? "true" : "false") << ", \"us\": " << link.seconds * 1e6
            << "}";
      separator = ",\n";
    }
    json_ << "]";
  }

  void RunRows() {
    if (!memory_.Open(device_)) return;
    const double bandwidth = Probe();
    if (bandwidth <= 0) return;
    rates_ = {.name = device_.name.c_str(),
              .bytes_per_second = bandwidth,
              .flops_per_second = kPredicted[0].flops_per_second};
    std::printf("%s: a read takes %.0f GB/s\n\n%-15s %6s %-15s %9s %9s %8s %6s  %-36s %s\n", device_.name.c_str(),
                bandwidth * 1e-9, "model", "tokens", "kernel", "us", "floor us", "GB/s", "share", "best tuning",
                "operands");
    json_ << ",\n\"probe_bytes_per_second\": " << bandwidth << ",\n\"rows\": [";
    for (const Row& row : kRows) {
      if (!arguments_.family.empty() && arguments_.family != row.kernel) continue;
      if (!Launches(row.kernel)) {
        untimed_.insert(row.kernel);
        continue;
      }
      const Measured* const measured = Find(row);
      if (measured == nullptr) return;
      if (measured->tried > 0) Report(row, *measured);
    }
    json_ << "]";
    for (const std::string& kernel : untimed_) std::printf("not timed: %s\n", kernel.c_str());
  }

  // The rate of a plain read of all the random memory.
  double Probe() {
    const Ring& random = memory_.random();
    probed_ = reinterpret_cast<uint32_t*>(device_.Allocate(sizeof(uint32_t)));
    if (probed_ == nullptr) return 0;
    const double seconds = device_.Seconds(
        1, Device::kRepeats, [&](int) { LaunchReadProbe(device_.context, random.data(), random.bytes(), probed_); });
    return seconds > 0 ? static_cast<double>(random.bytes()) / seconds : 0;
  }

  // Models share launches: each is timed once. nullptr after an error.
  const Measured* Find(const Row& row) {
    const std::string key = std::string(row.kernel) + "|" + row.inputs + "|" + row.outputs + "|" + row.attributes;
    const auto [at, is_new] = measured_.emplace(key, Measured());
    if (is_new) at->second = Measure(row);
    return device_.error.empty() ? &at->second : nullptr;
  }

  Measured Measure(const Row& row) {
    Measured measured;
    std::vector<Call> calls = memory_.CallsOf(device_, row, Device::kLaunches);
    if (calls.empty()) {
      untimed_.insert(std::string(row.kernel) + " " + row.inputs + ", for want of memory");
      return measured;
    }
    const Tunes tunes = arguments_.sweep ? TuningOf(calls[0]) : Tunes::kNothing;
    for (const LinearTuning& tuning : TuningsOf(tunes)) {
      for (Call& call : calls) call.tuning = tuning;
      const double seconds = device_.Seconds(
          Device::kLaunches, Device::kRepeats, [&](int i) { LaunchCall(device_.context, calls[i]); },
          [&] { memory_.FlushCache(device_, probed_); });
      if (!device_.error.empty()) {
        device_.error = std::string(row.kernel) + " " + row.inputs + ", " + Describe(tuning) + ": " + device_.error;
        return measured;
      }
      if (measured.tried == 0) measured.usual = {tuning, seconds};
      if (measured.tried == 0 || seconds < measured.best.seconds) measured.best = {tuning, seconds};
      ++measured.tried;
    }
    return measured;
  }

  void Report(const Row& row, const Measured& measured) {
    const double us = measured.usual.seconds * 1e6, floor = FloorSeconds(row, rates_) * 1e6,
                 rate = static_cast<double>(row.bytes) / measured.usual.seconds;
    std::string best = Describe(measured.best.tuning);
    if (measured.best.seconds < measured.usual.seconds) {
      char saved[32];
      std::snprintf(saved, sizeof(saved), " (%.2f us)", measured.best.seconds * 1e6);
      best += saved;
    }
    std::printf("%-15s %6d %-15s %9.2f %9.2f %8.0f %5.0f%%  %-36s %s\n", row.model, static_cast<int>(row.tokens),
                row.kernel, us, floor, rate * 1e-9, 100 * floor / us, best.c_str(), row.inputs);
    json_ << (reported_++ == 0 ? "\n" : ",\n") << "{\"model\": \"" << row.model << "\", \"tokens\": " << row.tokens
          << ", \"launches\": " << row.launches << ", \"kernel\": \"" << row.kernel << "\", \"inputs\": \""
          << row.inputs << "\", \"bytes\": " << row.bytes << ", \"flops\": " << row.flops << ", \"us\": " << us
          << ", \"floor_us\": " << floor << ", \"bytes_per_second\": " << rate << ", \"tried\": " << measured.tried
          << ", \"best\": \"" << Describe(measured.best.tuning) << "\", \"best_us\": " << measured.best.seconds * 1e6
          << "}";
  }

  bool WriteJson() {
    if (arguments_.output.empty()) return true;
    std::ofstream file(arguments_.output);
    file << json_.str();
    file.close();
    if (!file) device_.error = "cannot write " + arguments_.output;
    return !file.fail();
  }

  const Arguments arguments_;
  Device device_;
  Memory memory_;
  uint32_t* probed_ = nullptr;  // What probes leave.
  Rates rates_ = {};
  std::map<std::string, Measured> measured_;
  std::set<std::string> untimed_;
  std::ostringstream json_;
  int reported_ = 0;
};

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    bool* const mode = name == "--quick"   ? &arguments.quick
                       : name == "--sweep" ? &arguments.sweep
                       : name == "--chain" ? &arguments.chain
                                           : nullptr;
    std::string* const value = name == "--output"   ? &arguments.output
                               : name == "--family" ? &arguments.family
                                                    : nullptr;
    if (mode != nullptr) {
      *mode = true;
    } else if (value != nullptr && i + 1 < argc) {
      *value = argv[++i];
    } else {
      return false;
    }
  }
  return int{arguments.quick} + int{arguments.sweep} + int{arguments.chain} == 1;
}

}  // namespace
}  // namespace metronome::kernels::cuda::bench

int main(int argc, char** argv) {
  metronome::kernels::cuda::bench::Arguments arguments;
  if (!metronome::kernels::cuda::bench::Parse(argc, argv, arguments)) {
    std::fprintf(stderr, "usage: kernel_bench --quick|--sweep|--chain [--output FILE.json] [--family NAME]\n");
    return 2;
  }
  if (!metronome::kernels::cuda::bench::Device::Present()) {
    std::fprintf(stderr, "kernel_bench: this machine has no CUDA device, or no driver for it\n");
    return 77;
  }
  metronome::kernels::cuda::bench::Bench bench(arguments);
  if (bench.Run()) return 0;
  std::fprintf(stderr, "kernel_bench: %s\n", bench.error().c_str());
  return 1;
}
