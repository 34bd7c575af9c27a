#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CONTEXT_H_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CONTEXT_H_

#include <cstdint>

struct CUstream_st;  // What cudaStream_t points to.

// Everything in this file is read by nvcc and by the host's compiler: plain data, no library.
namespace metronome::kernels::cuda {

class FusedLauncher;
class MatmulLibrary;

// Says which index was outside its table, in device memory. The first one wins; the backend reads it when it
// synchronizes, and clears it.
struct IndexFault {
  int32_t raised = 0;
  int32_t index = 0;
  int64_t position = 0;  // Of the index in its tensor.
  int64_t rows = 0;      // Of the table.
};

// Memory for what blocks of one launch tell each other. All zero between launches: a kernel leaves it as it found it.
struct Workspace {
  void* data = nullptr;
  int64_t bytes = 0;
};

// Memory for the same that may hold anything: a launch reads of it what it has written itself.
struct Scratch {
  void* data = nullptr;  // Aligned to 128 bytes.
  int64_t bytes = 0;
};

// Where kernels run.
struct DeviceContext {
  CUstream_st* stream = nullptr;
  int multiprocessors = 1;
  IndexFault* fault = nullptr;
  Workspace workspace;
  Scratch scratch;
  MatmulLibrary* library = nullptr;  // Where products may go instead of to our kernels; may be nullptr.
  FusedLauncher* fused = nullptr;    // nullptr: programs are interpreted.
  // While launches are captured: device memory that holds the step's position whenever they run, and what it was when
  // the arguments of this launch were computed. Otherwise nullptr.
  const int64_t* past = nullptr;
  int64_t captured_past = 0;
};

// A size that changes from step to step. One captured graph serves every position if it is read from device memory,
// where the host writes it before each replay.
struct StepSize {
  const int64_t* base = nullptr;  // In device memory; nullptr counts as 0.
  int64_t offset = 0;             // Added to it.
};

// `value` of a launch's arguments, which moves with the position if `follows_past`.
inline StepSize StepSizeOf(const DeviceContext& context, int64_t value, bool follows_past) {
  if (context.past == nullptr || !follows_past) return {.base = nullptr, .offset = value};
  return {.base = context.past, .offset = value - context.captured_past};
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CONTEXT_H_
