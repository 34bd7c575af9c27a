#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_CUBLASLT_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_CUBLASLT_H_

#include <vector>

struct CUstream_st;

namespace metronome::testing {

// What tests tell the fake libcublasLt and what it saw; it exports a function FakeCublasLt that returns it.
struct FakeCublasLtState {
  bool has_device = true;
  int live_objects = 0;
  int heuristics = 0;           // Times that they were asked.
  std::vector<int> algorithms;  // Of the products that ran: 11, 12, 15 are those that may.
  CUstream_st* stream = nullptr;
};

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_FAKE_CUBLASLT_H_
