#include "runtime/weights/tied_head.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/runtime/weights/safetensors_file.h"

namespace metronome::runtime {
namespace {

struct Stored {
  const char* name;
  const char* dtype;
  std::vector<float> values;
};

class TiedHeadTest : public testing::Test {
 protected:
  // One of [2, n / 2] values each, as F32 or F64.
  absl::StatusOr<StoredHead> Compare(const std::vector<Stored>& tensors,
                                     kernels::DType dtype = kernels::DType::kFloat32) {
    std::string header = "{", data;
    for (const Stored& tensor : tensors) {
      const size_t begin = data.size();
      for (const float value : tensor.values) {
        const double wide = value;
        const bool is_wide = std::string(tensor.dtype) == "F64";
        data.append(is_wide ? reinterpret_cast<const char*>(&wide) : reinterpret_cast<const char*>(&value),
                    is_wide ? sizeof(wide) : sizeof(value));
      }
      absl::StrAppend(&header, header.size() > 1 ? "," : "", "\"", tensor.name, "\":{\"dtype\":\"", tensor.dtype,
                      "\",\"shape\":[2,", tensor.values.size() / 2, "],\"data_offsets\":[", begin, ",", data.size(),
                      "]}");
    }
    WriteFile(directory_.File("model.safetensors"), Safetensors(header + "}", data));
    const auto opened = SafetensorsDirectory::Open(directory_.path());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return CompareStoredHead(**opened, TensorNaming::kText, dtype, 2);
  }

  TempDirectory directory_;
};

TEST_F(TiedHeadTest, NoHeadOrAnEqualOneIsTheTable) {
  EXPECT_EQ(*Compare({{"model.embed_tokens.weight", "F32", {1, 2}}}), StoredHead::kSame);
  EXPECT_EQ(*Compare({{"model.embed_tokens.weight", "F32", {1, 2}}, {"lm_head.weight", "F32", {1, 2}}}),
            StoredHead::kSame);
  EXPECT_EQ(*Compare({{"embed_tokens.weight", "F32", {1, 2}}, {"lm_head.weight", "F64", {1, 2}}}), StoredHead::kSame);
}

TEST_F(TiedHeadTest, OneElementThatDiffersMakesAHeadOfItsOwn) {
  std::vector<float> table(2 * 70'000, 0.5f);
  for (const size_t at : {size_t{0}, size_t{65'536}, table.size() - 1}) {
    std::vector<float> head = table;
    head[at] = 0.25f;
    EXPECT_EQ(*Compare({{"model.embed_tokens.weight", "F32", table}, {"lm_head.weight", "F32", head}}),
              StoredHead::kDifferent);
  }
  EXPECT_EQ(*Compare({{"model.embed_tokens.weight", "F32", {1, 2}}, {"lm_head.weight", "F32", {1, 2, 3, 4}}}),
            StoredHead::kDifferent);
}

// transformers compares what it loaded, in the dtype it loads as.
TEST_F(TiedHeadTest, WhatTheDtypeDoesNotTellApartIsEqual) {
  const std::vector<Stored> tensors = {{"model.embed_tokens.weight", "F32", {1, 2}},
                                       {"lm_head.weight", "F32", {1.0001f, 2}}};
  EXPECT_EQ(*Compare(tensors, kernels::DType::kFloat32), StoredHead::kDifferent);
  EXPECT_EQ(*Compare(tensors, kernels::DType::kBFloat16), StoredHead::kSame);
}

TEST_F(TiedHeadTest, AHeadAloneIsTheTableToo) {
  EXPECT_EQ(*Compare({{"lm_head.weight", "F32", {1, 2}}}), StoredHead::kAlone);
}

TEST_F(TiedHeadTest, AHeadThatIsThereTwiceIsRefused) {
  EXPECT_EQ(Compare({{"lm_head.weight", "F32", {1, 2}}, {"model.lm_head.weight", "F32", {1, 2}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace metronome::runtime
