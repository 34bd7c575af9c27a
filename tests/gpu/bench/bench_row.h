#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_ROW_H_
#define METRONOME_TESTS_GPU_BENCH_BENCH_ROW_H_

// Plain C++, read by nvcc on machines without our libraries.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda::bench {

// A launch of a model's plan; a row of kernel_shapes.inc.
struct Row {
  const char* model;
  int64_t tokens;  // Of the step.
  int launches;    // Of this kind in a step.
  int64_t bytes;   // Each operand read or written once.
  int64_t flops;
  const char* kernel;
  const char* inputs;  // "1x2048 8:int32": bfloat16 where nothing is said.
  const char* outputs;
  const char* attributes;
};

struct Operand {
  kernels::DType dtype = kernels::DType::kBFloat16;
  std::vector<int64_t> shape;

  int64_t elements() const {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    return count;
  }
  int64_t bytes() const { return elements() * static_cast<int64_t>(kernels::SizeOf(dtype)); }
};

inline std::vector<Operand> ParseOperands(const char* text) {
  std::vector<Operand> operands;
  const char* at = text;
  while (*at != '\0') {
    Operand operand;
    while (*at != '\0' && *at != ' ' && *at != ':') {
      char* end = nullptr;
      operand.shape.push_back(std::strtoll(at, &end, 10));
      if (end == at) std::abort();  // The table is ours.
      at = *end == 'x' ? end + 1 : end;
    }
    if (*at == ':') {
      const std::string type(at + 1, std::strcspn(at + 1, " "));
      operand.dtype = type == "float32" ? kernels::DType::kFloat32
                      : type == "int32" ? kernels::DType::kInt32
                                        : kernels::DType::kBool;
      at += 1 + type.size();
    }
    if (*at == ' ') ++at;
    operands.push_back(operand);
  }
  return operands;
}

// The number of that name among "eps=1e-05 has_norm=1"; `missing` without one.
inline double Attribute(const char* attributes, const char* name, double missing = 0) {
  const std::string text = std::string(" ") + attributes, key = std::string(" ") + name + "=";
  const size_t at = text.find(key);
  return at == std::string::npos ? missing : std::strtod(text.c_str() + at + key.size(), nullptr);
}

// What a device can do at most, as measured by a copy and a product of a library on one, and what a launch of a graph
// costs besides: an edge and the ramp of its blocks, 1.3 and 0.5 to 1 us on a Hopper.
struct Rates {
  const char* name;
  double bytes_per_second;
  double flops_per_second;
  double edge_seconds = 2.05e-6;
};
inline constexpr Rates kPredicted[] = {{"H100", 3.0e12, 790e12}, {"H200", 4.3e12, 790e12}};

// The time that no kernel of this row is under: its bytes or its operations, whichever take longer.
inline double FloorSeconds(const Row& row, const Rates& rates) {
  const double read = static_cast<double>(row.bytes) / rates.bytes_per_second,
               compute = static_cast<double>(row.flops) / rates.flops_per_second;
  return read > compute ? read : compute;
}
// The time that a launch of it would take in a graph if nothing were lost.
inline double PredictedSeconds(const Row& row, const Rates& rates) {
  return FloorSeconds(row, rates) + rates.edge_seconds;
}

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_ROW_H_
