#include "runtime/weights/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"

namespace metronome::runtime {
namespace {

using Json = nlohmann::json;

// Bits of one element for the codes of the format, so that ranges can be checked even for types we do not read. 0 for
// unknown codes.
int64_t ElementBits(absl::string_view code) {
  if (code == "F4") return 4;
  if (code == "BOOL" || code == "U8" || code == "I8" || absl::StartsWith(code, "F8")) return 8;
  if (code == "F16" || code == "BF16" || code == "I16" || code == "U16") return 16;
  if (code == "F32" || code == "I32" || code == "U32") return 32;
  if (code == "F64" || code == "I64" || code == "U64" || code == "C64") return 64;
  return 0;
}

// A field of an entry as the parser met it: integers, or why they are not.
struct Integers {
  enum class State { kMissing, kValid, kNoArray, kWrongElement };
  State state = State::kMissing;
  std::vector<int64_t> values;
};

absl::Status CheckIntegers(absl::string_view field, const Integers& integers) {
  if (integers.state == Integers::State::kNoArray)
    return absl::InvalidArgumentError(absl::StrCat(field, " is not an array"));
  if (integers.state == Integers::State::kWrongElement)
    return absl::InvalidArgumentError(absl::StrCat(field, " holds something other than a non-negative integer"));
  return absl::OkStatus();
}

struct RawEntry {
  std::string name;
  std::optional<std::string> dtype;
  Integers shape, offsets;
};

absl::StatusOr<TensorEntry> Check(RawEntry raw, int64_t data_bytes) {
  if (!raw.dtype.has_value() || raw.shape.state == Integers::State::kMissing ||
      raw.offsets.state == Integers::State::kMissing)
    return absl::InvalidArgumentError("lacks dtype, shape or data_offsets");
  const int64_t bits = ElementBits(*raw.dtype);
  if (bits == 0) return absl::InvalidArgumentError(absl::StrCat("has unknown dtype '", *raw.dtype, "'"));
  RETURN_IF_ERROR(CheckIntegers("shape", raw.shape));
  RETURN_IF_ERROR(CheckIntegers("data_offsets", raw.offsets));
  const std::vector<int64_t>& offsets = raw.offsets.values;
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return absl::InvalidArgumentError("data_offsets are not [begin, end]");
  if (offsets[1] > data_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("ends at offset ", offsets[1], ", past the ", data_bytes, " data bytes of the file"));
  }
  int64_t total_bits = bits;
  for (const int64_t size : raw.shape.values) {
    if (__builtin_mul_overflow(total_bits, size, &total_bits))
      return absl::InvalidArgumentError("has a shape that overflows");
  }
  TensorEntry entry = {.name = std::move(raw.name),
                       .dtype_code = *std::move(raw.dtype),
                       .shape = std::move(raw.shape.values),
                       .begin = offsets[0],
                       .bytes = offsets[1] - offsets[0]};
  entry.dtype = kernels::ParseDType(entry.dtype_code);
  const int64_t bytes = total_bits / 8 + (total_bits % 8 == 0 ? 0 : 1);
  if (bytes != entry.bytes) {
    return absl::InvalidArgumentError(absl::StrCat("spans ", entry.bytes, " bytes, but ", entry.dtype_code, " [",
                                                   absl::StrJoin(entry.shape, ", "), "] takes ", bytes));
  }
  return entry;
}

// Takes the header as the parser reads it. The file is {name: {"dtype": ..., "shape": [...], "data_offsets": [...]}}
// with "__metadata__" beside the names; depth 1 is within the outer object, 2 within an entry.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(int64_t data_bytes, const CancelToken& token) : data_bytes_(data_bytes), token_(token) {}

  // The first fault of an entry; "not JSON" is the parser's to say.
  const absl::Status& status() const { return status_; }
  bool is_object() const { return is_object_; }
  std::vector<TensorEntry> TakeEntries() { return std::move(entries_); }

  bool null() override { return Other(); }
  bool boolean(bool) override { return Other(); }
  bool number_integer(Json::number_integer_t) override { return Other(); }
  bool number_unsigned(Json::number_unsigned_t value) override {
    if (Integers* field = OpenField(); field != nullptr && depth_ == 3) {
      if (value > static_cast<uint64_t>(INT64_MAX) || field->values.size() == kMaxTensorRank) return Other();
      field->values.push_back(static_cast<int64_t>(value));
      return true;
    }
    return Other();
  }
  bool number_float(Json::number_float_t, const std::string&) override { return Other(); }
  bool string(std::string& value) override {
    if (in_entry_ && depth_ == 2 && field_ == "dtype") {
      entry_.dtype = std::move(value);
      return true;
    }
    return Other();
  }
  bool binary(Json::binary_t&) override { return Other(); }

  bool start_object(size_t) override {
    if (depth_ == 0) is_object_ = true;
    if (depth_ > 0 && !Other(/*opens=*/depth_ == 1)) return false;
    return Deeper();
  }
  bool key(std::string& name) override {
    if (depth_ == 1) {
      if (!names_.insert(name).second) {
        status_ = absl::InvalidArgumentError(absl::StrCat("the header names tensor '", name, "' twice"));
        return false;
      }
      status_ = token_.CheckSometimes();
      if (!status_.ok()) return false;
      in_entry_ = name != "__metadata__";
      entry_ = {.name = name};
    }
    if (depth_ == 2) field_ = name;
    return true;
  }
  bool end_object() override {
    --depth_;
    return depth_ != 1 || FinishEntry();
  }
  bool start_array(size_t) override {
    Integers* field = OpenField();
    if (field != nullptr && depth_ == 2 && field->state == Integers::State::kMissing) {
      field->state = Integers::State::kValid;
    } else if (!Other()) {
      return false;
    }
    return Deeper();
  }
  bool end_array() override {
    --depth_;
    return depth_ != 1 || FinishEntry();
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  static constexpr int kMaxDepth = 64;

  // The list that the parser is in or about to enter.
  Integers* OpenField() {
    if (!in_entry_ || depth_ < 2) return nullptr;
    if (field_ == "shape") return &entry_.shape;
    if (field_ == "data_offsets") return &entry_.offsets;
    return nullptr;
  }

  // A value that no field wants. `opens` where it is the object of an entry.
  bool Other(bool opens = false) {
    if (depth_ == 0) return true;  // The outermost value.
    if (depth_ == 1) return opens || FinishEntry();
    if (Integers* field = OpenField(); field != nullptr)
      field->state = depth_ == 2 ? Integers::State::kNoArray : Integers::State::kWrongElement;
    return true;
  }

  bool Deeper() {
    if (++depth_ <= kMaxDepth) return true;
    status_ = absl::InvalidArgumentError(absl::StrCat("the header nests deeper than ", kMaxDepth, " levels"));
    return false;
  }

  bool FinishEntry() {
    if (!std::exchange(in_entry_, false)) return true;
    const std::string name = entry_.name;
    absl::StatusOr<TensorEntry> entry = Check(std::move(entry_), data_bytes_);
    if (!entry.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' ", entry.status().message()));
      return false;
    }
    entries_.push_back(*std::move(entry));
    return true;
  }

  const int64_t data_bytes_;
  const CancelToken& token_;
  absl::Status status_;
  bool is_object_ = false, in_entry_ = false;
  int depth_ = 0;
  RawEntry entry_;
  std::string field_;
  absl::flat_hash_set<std::string> names_;
  std::vector<TensorEntry> entries_;
};

}  // namespace

absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(absl::string_view text, int64_t data_bytes,
                                                                const CancelToken& token) {
  HeaderReader reader(data_bytes, token);
  const bool parsed = Json::sax_parse(text.begin(), text.end(), &reader);
  RETURN_IF_ERROR(reader.status());
  if (!parsed || !reader.is_object())
    return absl::InvalidArgumentError(
        absl::StrCat("the header of ", text.size(), " bytes at offset 8 is no JSON object"));
  std::vector<TensorEntry> entries = reader.TakeEntries();
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].begin >= entries[i - 1].begin + entries[i - 1].bytes) continue;
    return absl::InvalidArgumentError(absl::StrCat("tensor '", entries[i].name, "' at offset ", entries[i].begin,
                                                   " overlaps '", entries[i - 1].name, "'"));
  }
  return entries;
}

}  // namespace metronome::runtime
