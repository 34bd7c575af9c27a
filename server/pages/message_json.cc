#include "server/pages/message_json.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace metronome::pages {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::json;

constexpr int64_t kExactInteger = int64_t{1} << 53;  // Of a double, which is what a page has.

// Cuts where a character begins.
std::string Shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return absl::StrCat(absl::string_view(text).substr(0, end), "... (", text.size(), " bytes)");
}

Json Signed(int64_t value) {
  if (value > kExactInteger || value < -kExactInteger) return std::to_string(value);
  return value;
}

Json Unsigned(uint64_t value) {
  if (value > static_cast<uint64_t>(kExactInteger)) return std::to_string(value);
  return value;
}

Json Real(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json Text(const FieldDescriptor& field, const std::string& text) {
  return Shortened(text, field.name() == "prompt" ? kMaxPromptBytes : kMaxTextBytes);
}

// One value of a field; `index` of a repeated one, -1 of any other.
Json Value(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? fields.GetRepeatedInt32(message, &field, index) : fields.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return Signed(repeated ? fields.GetRepeatedInt64(message, &field, index) : fields.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? fields.GetRepeatedUInt32(message, &field, index) : fields.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Unsigned(repeated ? fields.GetRepeatedUInt64(message, &field, index) : fields.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Real(repeated ? fields.GetRepeatedDouble(message, &field, index) : fields.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Real(repeated ? fields.GetRepeatedFloat(message, &field, index) : fields.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? fields.GetRepeatedBool(message, &field, index) : fields.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return (repeated ? fields.GetRepeatedEnum(message, &field, index) : fields.GetEnum(message, &field))->name();
    case FieldDescriptor::CPPTYPE_STRING:
      return Text(field,
                  repeated ? fields.GetRepeatedString(message, &field, index) : fields.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageJson(repeated ? fields.GetRepeatedMessage(message, &field, index)
                                  : fields.GetMessage(message, &field));
  }
  return Json();
}

// {"key": value} of a map whose keys are texts; a map of another kind is a list of entries.
Json Repeated(const Message& message, const FieldDescriptor& field) {
  const int count = message.GetReflection()->FieldSize(message, &field);
  const bool map = field.is_map() && field.message_type()->map_key()->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  Json values = map ? Json::object() : Json::array();
  for (int i = 0; i < count; ++i) {
    Json value = Value(message, field, i);
    if (map) {
      values[value.value("key", "")] = value.contains("value") ? value["value"] : Json(0);
    } else {
      values.push_back(std::move(value));
    }
  }
  return values;
}

}  // namespace

nlohmann::json MessageJson(const Message& message) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  Json json = Json::object();
  for (const FieldDescriptor* field : set)
    json[field->name()] = field->is_repeated() ? Repeated(message, *field) : Value(message, *field, -1);
  return json;
}

std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace metronome::pages
