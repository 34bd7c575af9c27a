#include "runtime/engine/constant_bytes.h"

#include <cstdint>
#include <cstring>

#include "kernels/interface/convert.h"

namespace metronome::runtime {

std::vector<std::byte> ConstantBytes(const PlanValue& value) {
  std::vector<std::byte> bytes(value.contents.size() * kernels::SizeOf(value.dtype));
  for (size_t i = 0; i < value.contents.size(); ++i) {
    const double element = value.contents[i];
    const auto store = [&](auto typed) { std::memcpy(&bytes[i * sizeof(typed)], &typed, sizeof(typed)); };
    switch (value.dtype) {
      case kernels::DType::kFloat32:
        store(static_cast<float>(element));
        break;
      case kernels::DType::kBFloat16:
        store(kernels::BFloat16(static_cast<float>(element)));
        break;
      case kernels::DType::kFloat16:
        store(kernels::Float16(static_cast<float>(element)));
        break;
      case kernels::DType::kInt32:
        store(static_cast<int32_t>(element));
        break;
      case kernels::DType::kBool:
        store(static_cast<uint8_t>(element != 0));
        break;
    }
  }
  return bytes;
}

}  // namespace metronome::runtime
