#ifndef METRONOME_KERNELS_INTERFACE_BACKEND_LOADER_H_
#define METRONOME_KERNELS_INTERFACE_BACKEND_LOADER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels {

// The backend that the first of these shared libraries that is there makes; it stays loaded to the end of the process.
// FailedPrecondition saying what is missing: the library, its dependencies, the right build, or what the library says.
absl::StatusOr<std::unique_ptr<Backend>> LoadBackend(absl::Span<const std::string> libraries);

// Where the library of that name is looked for: beside the program, and in ../lib from there.
std::vector<std::string> LibraryCandidates(const std::string& library);

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_BACKEND_LOADER_H_
