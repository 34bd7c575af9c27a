#include "server/benchmark/text_limits.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {

absl::Status CheckTextSizes(const google::protobuf::Message& message, const std::string& prefix) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    if (field->is_repeated()) continue;
    const std::string name = absl::StrCat(prefix, field->name());
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      RETURN_IF_ERROR(CheckTextSizes(reflection.GetMessage(message, field), name + "."));
    } else if (field->cpp_type() == Field::CPPTYPE_STRING) {
      const size_t bytes = reflection.GetString(message, field).size();
      const size_t limit = field->name() == "prompt" ? kMaxPromptBytes : kMaxTextBytes;
      if (bytes > limit)
        return absl::InvalidArgumentError(absl::StrCat(name, " has ", bytes, " bytes, more than ", limit));
    }
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
