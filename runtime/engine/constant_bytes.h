#ifndef METRONOME_RUNTIME_ENGINE_CONSTANT_BYTES_H_
#define METRONOME_RUNTIME_ENGINE_CONSTANT_BYTES_H_

#include <cstddef>
#include <vector>

#include "runtime/plan/plan.h"

namespace metronome::runtime {

// The elements of a constant as a device reads them: row-major, each rounded to the value's type.
std::vector<std::byte> ConstantBytes(const PlanValue& value);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_CONSTANT_BYTES_H_
