#include "runtime/plan/plan_codec.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/cbor_shape.h"

namespace metronome::runtime {
namespace {

using Json = nlohmann::json;

// Of the fields below; another version is another program's.
constexpr int64_t kVersion = 1;
// Of the encoding: plan, calls, call, attributes, attribute, its value, the list in it.
constexpr size_t kMaxDepth = 7;

// Doubles travel as their bits: CBOR writers shorten them and may lose what a NaN carries.
Json DoubleBits(const std::vector<double>& values) {
  Json bits = Json::array();
  for (double value : values) bits.push_back(std::bit_cast<int64_t>(value));
  return bits;
}

std::vector<double> ToDoubles(const Json& bits) {
  std::vector<double> values;
  for (const Json& value : bits) values.push_back(std::bit_cast<double>(value.get<int64_t>()));
  return values;
}

Json ToJson(const Dim& dim) { return Json::array({dim.constant, dim.seq, dim.past}); }

Dim ToDim(const Json& json) {
  return {json.at(0).get<int64_t>(), json.at(1).get<int64_t>(), json.at(2).get<int64_t>()};
}

Json ToJson(const std::vector<Dim>& shape) {
  Json dims = Json::array();
  for (const Dim& dim : shape) dims.push_back(ToJson(dim));
  return dims;
}

std::vector<Dim> ToShape(const Json& json) {
  std::vector<Dim> shape;
  for (const Json& dim : json) shape.push_back(ToDim(dim));
  return shape;
}

// An attribute is [which alternative, value].
Json ToJson(const kernels::AttributeValue& attribute) {
  const Json value = std::visit(
      [](const auto& held) -> Json {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, double>) return std::bit_cast<int64_t>(held);
        if constexpr (std::is_same_v<T, std::vector<double>>) return DoubleBits(held);
        return held;
      },
      attribute);
  return Json::array({attribute.index(), value});
}

absl::StatusOr<kernels::AttributeValue> ToAttribute(const Json& json) {
  const Json& value = json.at(1);
  switch (json.at(0).get<int64_t>()) {
    case 0:
      return value.get<int64_t>();
    case 1:
      return std::bit_cast<double>(value.get<int64_t>());
    case 2:
      return value.get<std::string>();
    case 3:
      return value.get<std::vector<int64_t>>();
    case 4:
      return ToDoubles(value);
    default:
      return absl::InvalidArgumentError("an attribute has an unknown type");
  }
}

template <typename Enum>
absl::StatusOr<Enum> ToEnum(const Json& json, Enum last) {
  const auto value = json.get<int64_t>();
  if (value < 0 || value > static_cast<int64_t>(last))
    return absl::InvalidArgumentError(absl::StrCat(value, " is no such kind"));
  return static_cast<Enum>(value);
}

absl::StatusOr<ValueId> ToValueId(const Json& json) {
  const auto value = json.get<int64_t>();
  if (value < kNoValue || value > std::numeric_limits<ValueId>::max())
    return absl::InvalidArgumentError(absl::StrCat(value, " is no value"));
  return static_cast<ValueId>(value);
}

absl::StatusOr<std::vector<ValueId>> ToValueIds(const Json& json) {
  std::vector<ValueId> ids;
  for (const Json& id : json) {
    ASSIGN_OR_RETURN(ids.emplace_back(), ToValueId(id));
  }
  return ids;
}

Json ToJson(const PlanValue& value) {
  return {{"storage", static_cast<int64_t>(value.storage)},
          {"dtype", static_cast<int64_t>(value.dtype)},
          {"shape", ToJson(value.shape)},
          {"name", value.name},
          {"init", static_cast<int64_t>(value.init)},
          {"contents", DoubleBits(value.contents)},
          {"alias_of", value.alias_of},
          {"first_row", ToJson(value.first_row)}};
}

absl::StatusOr<PlanValue> ToValue(const Json& json) {
  PlanValue value;
  ASSIGN_OR_RETURN(value.storage, ToEnum(json.at("storage"), Storage::kAlias));
  ASSIGN_OR_RETURN(value.dtype, ToEnum(json.at("dtype"), kernels::DType::kBool));
  ASSIGN_OR_RETURN(value.init, ToEnum(json.at("init"), WeightInit::kBias));
  ASSIGN_OR_RETURN(value.alias_of, ToValueId(json.at("alias_of")));
  value.shape = ToShape(json.at("shape"));
  value.name = json.at("name").get<std::string>();
  value.contents = ToDoubles(json.at("contents"));
  value.first_row = ToDim(json.at("first_row"));
  return value;
}

Json ToJson(const KernelCall& call) {
  Json attributes = Json::array(), step_attributes = Json::array();
  for (const auto& [name, value] : call.attributes.values()) attributes.push_back(Json::array({name, ToJson(value)}));
  for (const auto& [name, dim] : call.step_attributes) step_attributes.push_back(Json::array({name, ToJson(dim)}));
  return {{"kernel", call.kernel},
          {"inputs", call.inputs},
          {"outputs", call.outputs},
          {"attributes", std::move(attributes)},
          {"step_attributes", std::move(step_attributes)}};
}

absl::StatusOr<KernelCall> ToCall(const Json& json) {
  KernelCall call = {.kernel = json.at("kernel").get<std::string>()};
  ASSIGN_OR_RETURN(call.inputs, ToValueIds(json.at("inputs")));
  ASSIGN_OR_RETURN(call.outputs, ToValueIds(json.at("outputs")));
  for (const Json& attribute : json.at("attributes")) {
    ASSIGN_OR_RETURN(kernels::AttributeValue value, ToAttribute(attribute.at(1)));
    call.attributes.Set(attribute.at(0).get<std::string>(), std::move(value));
  }
  for (const Json& attribute : json.at("step_attributes"))
    call.step_attributes.emplace_back(attribute.at(0).get<std::string>(), ToDim(attribute.at(1)));
  return call;
}

absl::StatusOr<Plan> ToPlan(const Json& json) {
  if (json.at("version").get<int64_t>() != kVersion)
    return absl::InvalidArgumentError(absl::StrCat("the plan has version ", json.at("version").dump()));
  Plan plan;
  for (const Json& value : json.at("values")) {
    ASSIGN_OR_RETURN(plan.values.emplace_back(), ToValue(value));
  }
  for (const Json& call : json.at("calls")) {
    ASSIGN_OR_RETURN(plan.calls.emplace_back(), ToCall(call));
  }
  ASSIGN_OR_RETURN(plan.results, ToValueIds(json.at("results")));
  return plan;
}

}  // namespace

std::string EncodePlan(const Plan& plan) {
  Json values = Json::array(), calls = Json::array();
  for (const PlanValue& value : plan.values) values.push_back(ToJson(value));
  for (const KernelCall& call : plan.calls) calls.push_back(ToJson(call));
  const std::vector<uint8_t> bytes = Json::to_cbor(
      {{"version", kVersion}, {"values", std::move(values)}, {"calls", std::move(calls)}, {"results", plan.results}});
  return {bytes.begin(), bytes.end()};
}

absl::StatusOr<Plan> DecodePlan(absl::string_view bytes) {
  if (!IsShallowCbor(bytes, kMaxDepth)) return absl::InvalidArgumentError("not a plan: no such encoding");
  Plan plan;
  try {  // The library has no other way to say that a field is missing or of another type.
    ASSIGN_OR_RETURN(plan, ToPlan(Json::from_cbor(bytes, /*strict=*/true)));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not a plan: ", error.what()));
  }
  RETURN_IF_ERROR(ValidatePlan(plan));
  return plan;
}

}  // namespace metronome::runtime
