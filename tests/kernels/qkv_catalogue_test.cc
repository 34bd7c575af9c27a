#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/catalogue/catalogue.h"

namespace metronome::kernels {
namespace {

struct Call {
  std::vector<TensorView> inputs, outputs;
  Attributes attributes;
};

TensorView F32(const Shape& shape) { return {.data = nullptr, .dtype = DType::kFloat32, .shape = shape}; }
TensorView BF16(const Shape& shape) { return {.data = nullptr, .dtype = DType::kBFloat16, .shape = shape}; }

// Two rows, 3 query heads and 2 key heads of 4, values of 5, after 7 positions in caches of 16.
Call PlainCall() {
  return {{F32({2, 6}), F32({12, 6}), F32({8, 6}), F32({10, 6}), F32({2, 4}), F32({2, 4}), F32({16, 2, 4}),
           F32({16, 2, 5})},
          {F32({2, 3, 4}), F32({9, 2, 4}), F32({9, 2, 5})},
          {}};
}

Call FullCall() {
  Call call = PlainCall();
  for (const Shape& shape : {Shape{12}, Shape{8}, Shape{10}, Shape{4}, Shape{4}, Shape{6}})
    call.inputs.push_back(F32(shape));
  call.attributes = {{"has_bias", int64_t{1}}, {"has_head_norm", int64_t{1}}, {"has_norm", int64_t{1}}, {"eps", 1e-6}};
  return call;
}

absl::Status Check(const Call& call) {
  return CheckKernelArgs("qkv_rope_cache",
                         {.inputs = call.inputs, .outputs = call.outputs, .attributes = &call.attributes});
}

TEST(QkvCatalogueTest, AcceptsWhatIsWellFormed) {
  EXPECT_TRUE(Check(PlainCall()).ok()) << Check(PlainCall());
  EXPECT_TRUE(Check(FullCall()).ok()) << Check(FullCall());
  Call full_cache = PlainCall();
  full_cache.outputs[1] = F32({16, 2, 4});
  full_cache.outputs[2] = F32({16, 2, 5});
  EXPECT_TRUE(Check(full_cache).ok());
}

TEST(QkvCatalogueTest, RejectsWhatIsNotSayingWhy) {
  const struct {
    std::function<void(Call&)> damage;
    const char* why;
  } cases[] = {
      {[](Call& c) { c.inputs.pop_back(); }, "wrong number of operands"},
      {[](Call& c) { c.attributes.Set("has_bias", int64_t{0}); }, "wrong number of operands"},
      {[](Call& c) {
         c.inputs[0] = BF16({2, 6});
       },
       "needs x [m, k] and q [m, heads, even d] of one float dtype"},
      {[](Call& c) {
         c.inputs[0] = F32({3, 6});
       },
       "needs x [m, k] and q [m, heads, even d] of one float dtype"},
      {[](Call& c) {
         c.outputs[0] = F32({2, 4, 3});
       },
       "needs x [m, k] and q [m, heads, even d] of one float dtype"},
      {[](Call& c) {
         c.inputs[5] = F32({2, 3});
       },
       "tables must be [m, d]"},
      {[](Call& c) {
         c.inputs[4] = BF16({2, 4});
       },
       "tables must be [m, d]"},
      {[](Call& c) {
         c.inputs[6] = F32({16, 2, 5});
       },
       "the k cache differs from its output"},
      {[](Call& c) {
         c.outputs[2] = BF16({9, 2, 5});
       },
       "the v cache differs from its output"},
      {[](Call& c) {
         c.outputs[1] = F32({17, 2, 4});
       },
       "the k cache has no room for 2 rows"},
      {[](Call& c) {
         c.outputs[2] = F32({1, 2, 5});
       },
       "the v cache has no room for 2 rows"},
      {[](Call& c) {
         c.outputs[2] = F32({8, 2, 5});
       },
       "the caches differ in length, or keys from queries in size"},
      {[](Call& c) {
         c.inputs[1] = F32({11, 6});
       },
       "the weight of q is not [heads * d, k]"},
      {[](Call& c) {
         c.inputs[2] = F32({8, 7});
       },
       "the weight of k is not [heads * d, k]"},
      {[](Call& c) {
         c.inputs[3] = BF16({10, 6});
       },
       "the weight of v is not [heads * d, k]"},
      {[](Call& c) { c.inputs[9] = F32({12}); }, "the bias of k is not [n]"},
      {[](Call& c) { c.inputs[11] = F32({3}); }, "the head norm of q is not [d]"},
      {[](Call& c) { c.inputs[12] = BF16({4}); }, "the head norm of k is not [d]"},
      {[](Call& c) { c.inputs[13] = F32({4}); }, "the norm's weight is not [k]"},
      {[](Call& c) { c.attributes.Set("head_eps", -1.0); }, "eps is negative"},
  };
  for (const auto& [damage, why] : cases) {
    Call call = FullCall();
    damage(call);
    const absl::Status status = Check(call);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_EQ(status.message().find("qkv_rope_cache("), 0u) << status;
    EXPECT_EQ(std::string(status.message().substr(status.message().rfind(": ") + 2)), why);
  }
}

// Of the caches the rows that are written, not what they hold.
TEST(QkvCatalogueTest, CostsCountWhatTheAlgorithmNeeds) {
  const Call plain = PlainCall(), full = FullCall();
  const auto cost = [](const Call& call) {
    return FindKernelSpec("qkv_rope_cache")
        ->cost({.inputs = call.inputs, .outputs = call.outputs, .attributes = &call.attributes});
  };
  EXPECT_EQ(cost(plain).flops, 2 * 2 * 30 * 6 + 4 * 2 * 20);
  EXPECT_EQ(cost(plain).bytes, 4 * (2 * 6 + 30 * 6 + 2 * 2 * 4 + 2 * 30));
  EXPECT_EQ(cost(full).flops, cost(plain).flops + 4 * 2 * 20 + 4 * 2 * 6);
  EXPECT_EQ(cost(full).bytes, cost(plain).bytes + 4 * (30 + 2 * 4 + 6));
}

}  // namespace
}  // namespace metronome::kernels
