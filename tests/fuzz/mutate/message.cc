#include "tests/fuzz/mutate/message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/logging.h>

#include "tests/fuzz/mutate/hostile_values.h"

namespace metronome::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets a field, or adds to it where it is repeated.
class FieldSetter {
 public:
  FieldSetter(Message& message, const FieldDescriptor* field, const std::vector<std::string>& words, Random& random)
      : message_(message), field_(field), reflection_(*message.GetReflection()), words_(words), random_(random) {}

  void Set() {
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return Put(&Reflection::SetInt32, &Reflection::AddInt32, static_cast<int32_t>(HostileInteger(random_)));
      case FieldDescriptor::CPPTYPE_INT64:
        return Put(&Reflection::SetInt64, &Reflection::AddInt64, HostileInteger(random_));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Put(&Reflection::SetUInt32, &Reflection::AddUInt32, static_cast<uint32_t>(HostileInteger(random_)));
      case FieldDescriptor::CPPTYPE_UINT64:
        return Put(&Reflection::SetUInt64, &Reflection::AddUInt64, static_cast<uint64_t>(HostileInteger(random_)));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Put(&Reflection::SetDouble, &Reflection::AddDouble, HostileDouble(random_));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Put(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(HostileDouble(random_)));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Put(&Reflection::SetBool, &Reflection::AddBool, random_.OneIn(2));
      case FieldDescriptor::CPPTYPE_ENUM:
        return Put(&Reflection::SetEnumValue, &Reflection::AddEnumValue, static_cast<int>(HostileInteger(random_)));
      case FieldDescriptor::CPPTYPE_STRING:
        return SetText();
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return SetMessage();
    }
  }

 private:
  template <typename Setter, typename Adder, typename Value>
  void Put(Setter set, Adder add, Value value) {
    if (field_->is_repeated()) {
      (reflection_.*add)(&message_, field_, value);
    } else {
      (reflection_.*set)(&message_, field_, value);
    }
  }

  void SetText() {
    const std::string old = field_->is_repeated() ? "" : reflection_.GetString(message_, field_);
    Put(&Reflection::SetString, &Reflection::AddString, HostileString(old, words_, random_));
  }

  void SetMessage() {
    Message* nested = field_->is_repeated() ? reflection_.AddMessage(&message_, field_)
                                            : reflection_.MutableMessage(&message_, field_);
    MutateMessage(*nested, words_, random_);
  }

  Message& message_;
  const FieldDescriptor* field_;
  const Reflection& reflection_;
  const std::vector<std::string>& words_;
  Random& random_;
};

// Changes what a repeated field holds already.
void MutateElements(Message& message, const FieldDescriptor* field, const std::vector<std::string>& words,
                    Random& random) {
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, field);
  const int at = static_cast<int>(random.Below(size));
  switch (random.Below(3)) {
    case 0:
      return reflection.RemoveLast(&message, field);
    case 1:
      return reflection.SwapElements(&message, field, at, size - 1);
    default:
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        MutateMessage(*reflection.MutableRepeatedMessage(&message, field, at), words, random);
  }
}

void MutateField(Message& message, const std::vector<std::string>& words, Random& random) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* field = type.field(static_cast<int>(random.Below(type.field_count())));
  if (random.OneIn(8)) return reflection.ClearField(&message, field);
  if (field->is_repeated() && reflection.FieldSize(message, field) > 0 && random.OneIn(2))
    return MutateElements(message, field, words, random);
  // Some counts matter only from many on.
  const size_t times = field->is_repeated() && random.OneIn(16) ? 1 + random.Below(300) : 1;
  for (size_t i = 0; i < times; ++i) FieldSetter(message, field, words, random).Set();
}

}  // namespace

void MutateMessage(Message& message, const std::vector<std::string>& words, Random& random) {
  if (message.GetDescriptor()->field_count() == 0) return;
  do {
    MutateField(message, words, random);
  } while (!random.OneIn(2));
}

bool SilenceProtobuf() {
  google::protobuf::SetLogHandler(nullptr);
  return true;
}

void VisitTexts(Message& message, const std::function<void(std::string&)>& visit) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) VisitTexts(*reflection.MutableMessage(&message, field), visit);
      for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
        VisitTexts(*reflection.MutableRepeatedMessage(&message, field, i), visit);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
      std::string text = reflection.GetString(message, field);
      visit(text);
      reflection.SetString(&message, field, std::move(text));
    }
  }
}

}  // namespace metronome::fuzz
