#ifndef METRONOME_KERNELS_CUDA_DEVICE_LIBRARY_SEARCH_H_
#define METRONOME_KERNELS_CUDA_DEVICE_LIBRARY_SEARCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::kernels::cuda {

// Where a library of the CUDA toolkit ("libcublasLt.so.13") may lie, best first: its plain name, which the loader looks
// for (LD_LIBRARY_PATH, the system's folders); <toolkit>/lib64; the folders that a driver is mounted in; and NVIDIA's
// packages for Python, which PyTorch depends on: <root>/lib/python3*/{site,dist}-packages/nvidia/*/lib. Those of the
// last that exist.
std::vector<std::string> CudaLibraryCandidates(absl::string_view file, absl::Span<const std::string> toolkits,
                                               absl::Span<const std::string> python_roots);

// The same with the toolkits and Python roots of this process.
std::vector<std::string> CudaLibraryCandidates(absl::string_view file);

// Where a library of NVIDIA's driver ("libcuda.so.1") may lie: its plain name, then the folders in which machines have
// a mounted driver that the loader does not know of.
std::vector<std::string> DriverLibraryCandidates(absl::string_view file);

// What $CUDA_HOME and $CUDA_PATH name, and the default.
std::vector<std::string> ToolkitRoots();

// The virtual environment and the conda environment of this process, those of each python3 on $PATH, the user's and the
// system's packages.
std::vector<std::string> PythonRoots();

// The handle of the first candidate that loads; it stays loaded to the end of the process. NotFound with the loader's
// reason for the first one, which the loader has searched its own folders for.
absl::StatusOr<void*> LoadFirst(absl::Span<const std::string> candidates);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_LIBRARY_SEARCH_H_
