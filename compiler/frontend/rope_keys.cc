#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/families.h"
#include "compiler/frontend/rope.h"

namespace metronome::compiler {
namespace {

constexpr double kLeastFactor = 1e-6;

double PartialFactor(ConfigReader& reader, ConfigReader& family) {
  if (reader.Present("partial_rotary_factor")) return reader.Number("partial_rotary_factor", 0, 1);
  return family.OptionalNumber("partial_rotary_factor", 0, 1).value_or(1);
}

int64_t OriginalPositions(ConfigReader& reader, const RopeSource& source, ConfigReader& family) {
  constexpr absl::string_view kKey = "original_max_position_embeddings";
  if (source.for_all_layers && family.Present(kKey)) return family.Int(kKey);
  return reader.Present(kKey) || source.complete ? reader.Int(kKey) : family.Int("max_position_embeddings");
}

void ReadLlama3(ConfigReader& reader, RopeConfig& rope) {
  rope.scaling = RopeConfig::Scaling::kLlama3;
  rope.factor = reader.Number("factor", kLeastFactor);
  rope.low_freq_factor = reader.Number("low_freq_factor", kLeastFactor);
  rope.high_freq_factor = reader.Number("high_freq_factor", kLeastFactor);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    reader.Reject("high_freq_factor", absl::StrCat("not above low_freq_factor ", rope.low_freq_factor));
  }
}

double YarnMagnitude(double factor, double scale) { return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1; }

// Null or 0 is the default of most keys here, as in the reference.
void ReadYarn(ConfigReader& reader, const RopeSource& source, ConfigReader& family, RopeConfig& rope) {
  const auto or_default = [&](absl::string_view key, double fallback) {
    const double value = reader.OptionalNumber(key).value_or(0);
    return value == 0 ? fallback : value;
  };
  rope.scaling = RopeConfig::Scaling::kYarn;
  if (!reader.Present("factor")) reader.Reject("factor", "and rope type yarn needs it");
  const double stretch = static_cast<double>(family.Int("max_position_embeddings")) /
                         static_cast<double>(rope.original_max_position_embeddings);
  rope.factor = reader.OptionalNumber("factor", kLeastFactor).value_or(stretch);
  rope.beta_fast = or_default("beta_fast", 32);
  rope.beta_slow = or_default("beta_slow", 1);
  rope.truncate = source.for_all_layers ? reader.OptionalBool("truncate").value_or(false) : source.truncate;
  const double scale = or_default("mscale", 0), scale_all = or_default("mscale_all_dim", 0);
  const double magnitude = scale != 0 && scale_all != 0
                               ? YarnMagnitude(rope.factor, scale) / YarnMagnitude(rope.factor, scale_all)
                               : YarnMagnitude(rope.factor, 1);
  rope.attention_scaling = reader.OptionalNumber("attention_factor").value_or(magnitude);
  if (rope.theta <= 1) reader.Reject("rope_theta", "not above 1, which rope type yarn needs");
}

// Everything but the default type.
void ReadScaledRope(const std::string& type, ConfigReader& reader, const RopeSource& source, ConfigReader& family,
                    RopeConfig& rope) {
  rope.rotated = PartialFactor(reader, family);
  if (type == "linear") {
    rope.scaling = RopeConfig::Scaling::kLinear;
    rope.factor = reader.Number("factor", kLeastFactor);
  } else if (type == "dynamic") {
    reader.Number("factor", kLeastFactor);
  } else if (type == "proportional") {
    rope.scaling = RopeConfig::Scaling::kProportional;
    if (reader.Present("factor")) rope.factor = reader.Number("factor", kLeastFactor);
  } else if (type == "llama3" || type == "yarn") {
    rope.original_max_position_embeddings = OriginalPositions(reader, source, family);
    if (type == "llama3") {
      ReadLlama3(reader, rope);
    } else {
      ReadYarn(reader, source, family, rope);
    }
  } else if (type == "longrope" || type == "su") {
    reader.Unsupported(reader.Present("rope_type") ? "rope_type" : "type",
                       "its frequencies change with the length of the text, which is not supported; to run the model "
                       "within its original length, write rope type default here");
  } else {
    reader.Unsupported(reader.Present("rope_type") ? "rope_type" : "type",
                       "default, linear, dynamic, llama3, yarn and proportional are supported");
  }
}

}  // namespace

RopeConfig ReadRope(const nlohmann::json& object, const RopeSource& source, ConfigReader& family) {
  ConfigReader reader(object, RopeObjectKeys(), source.where);
  RopeConfig rope;
  if (reader.Present("rope_theta") || source.complete) {
    rope.theta = reader.Number("rope_theta", 1);
  } else {
    rope.theta = family.Number(source.theta_key, 1);
  }
  const std::string type = reader.String(reader.Present("rope_type") ? "rope_type" : "type");
  if (type != "default") ReadScaledRope(type, reader, source, family, rope);
  family.Fail(reader.status());
  return rope;
}

RopeConfig ReadSharedRope(ConfigReader& reader) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  RopeSource source = {.where = "config key rope_scaling.", .theta_key = "rope_theta"};
  const nlohmann::json* object = reader.OptionalObject("rope_scaling");
  if (object == nullptr || object->empty()) {
    object = reader.OptionalObject("rope_parameters");
    source.where = "config key rope_parameters.";
  }
  if (object == nullptr) object = &kNothing;
  if (object->contains("full_attention") || object->contains("sliding_attention")) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat(
        source.where, "full_attention: this family has one rope for all layers; write its keys directly")));
    return {};
  }
  return ReadRope(*object, source, reader);
}

void RequireWholeHeads(const ModelConfig& config, ConfigReader& reader) {
  for (const LayerConfig& layer : config.layers) {
    const int64_t elements = RotatedElements(layer.rope, layer.head_dim);
    const bool rounds_up = layer.rope.scaling != RopeConfig::Scaling::kYarn;
    if ((rounds_up ? (elements + 1) / 2 * 2 : elements) == layer.head_dim) continue;
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("partial_rotary_factor ", layer.rope.rotated, " turns ", elements, " of the ", layer.head_dim,
                     " elements of a head; with rope types other than default and proportional, this family turns the "
                     "whole head")));
    return;
  }
}

}  // namespace metronome::compiler
