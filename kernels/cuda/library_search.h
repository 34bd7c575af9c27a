#ifndef METRONOME_KERNELS_CUDA_LIBRARY_SEARCH_H_
#define METRONOME_KERNELS_CUDA_LIBRARY_SEARCH_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::cuda {

// Where a library of the CUDA toolkit ("libcublasLt.so.13") may lie, best first: its plain name, which the loader looks
// for (LD_LIBRARY_PATH, the system's folders); toolkits; and NVIDIA's packages for Python, which PyTorch depends on:
// <root>/lib/python3*/{site,dist}-packages/nvidia/*/lib. Those of the last that exist.
std::vector<std::string> CudaLibraryCandidates(absl::string_view file, absl::Span<const std::string> python_roots);

// The virtual environment and the conda environment of this process, the user's and the system's packages.
std::vector<std::string> PythonRoots();

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_LIBRARY_SEARCH_H_
