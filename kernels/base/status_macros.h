#ifndef METRONOME_KERNELS_BASE_STATUS_MACROS_H_
#define METRONOME_KERNELS_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define METRONOME_CONCAT_INNER(a, b) a##b
#define METRONOME_CONCAT(a, b) METRONOME_CONCAT_INNER(a, b)

// Returns the error of `expr` (an absl::Status) from the enclosing function.
#define RETURN_IF_ERROR(expr)                                                                    \
  do {                                                                                           \
    if (absl::Status metronome_status = (expr); !metronome_status.ok()) return metronome_status; \
  } while (false)

// Binds the value of `expr` (an absl::StatusOr) to `lhs`, or returns its error from the enclosing function.
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_INNER(METRONOME_CONCAT(metronome_statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(statusor, lhs, expr) \
  auto statusor = (expr);                           \
  if (!statusor.ok()) return statusor.status();     \
  lhs = *std::move(statusor)

#endif  // METRONOME_KERNELS_BASE_STATUS_MACROS_H_
