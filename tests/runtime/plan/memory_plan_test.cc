#include "runtime/plan/memory_plan.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

// A chain or graph of calls over float32 vectors; only lifetimes matter here, so kernels are not checked.
Plan PlanOf(const std::vector<int64_t>& sizes, const std::vector<KernelCall>& calls) {
  Plan plan;
  for (int64_t size : sizes) plan.values.push_back({.storage = Storage::kTemporary, .shape = {Dim(size)}});
  plan.calls = calls;
  plan.results = {static_cast<ValueId>(sizes.size()) - 1};
  return plan;
}

TEST(MemoryPlanTest, AChainNeedsTwoNeighboursAtATime) {
  std::vector<KernelCall> calls = {{.kernel = "k", .outputs = {0}}};
  for (ValueId id = 1; id < 10; ++id) calls.push_back({.kernel = "k", .inputs = {id - 1}, .outputs = {id}});

  const MemoryPlan memory = PlanMemory(PlanOf(std::vector<int64_t>(10, 64), calls), {});

  EXPECT_EQ(memory.arena_bytes, 2 * 256);
}

TEST(MemoryPlanTest, AnAliasKeepsItsStorageAlive) {
  Plan plan = PlanOf({64, 64, 64, 64}, {{.kernel = "k", .outputs = {0}},
                                        {.kernel = "k", .outputs = {2}},
                                        {.kernel = "k", .inputs = {1, 2}, .outputs = {3}}});
  plan.values[1] = {.storage = Storage::kAlias, .shape = {64}, .alias_of = 0};

  const MemoryPlan memory = PlanMemory(plan, {});

  EXPECT_EQ(memory.offsets[1], -1);
  EXPECT_NE(memory.offsets[0], memory.offsets[2]);
}

TEST(MemoryPlanTest, SizesAreThoseOfTheCapacity) {
  Plan plan = PlanOf({1}, {{.kernel = "k", .outputs = {0}}});
  plan.values[0].shape = {Dim::Seq() + Dim::Past(), 64};

  EXPECT_EQ(PlanMemory(plan, {.seq = 1, .past = 0}).arena_bytes, 256);
  EXPECT_EQ(PlanMemory(plan, {.seq = 2, .past = 5}).arena_bytes, 7 * 256);
}

// Values that live at the same call never overlap, and the arena is never larger than all of them together.
TEST(MemoryPlanTest, RandomGraphsNeverOverlap) {
  std::mt19937 random(99);
  for (int round = 0; round < 200; ++round) {
    const int count = 2 + static_cast<int>(random() % 30);
    std::vector<int64_t> sizes;
    std::vector<KernelCall> calls;
    int64_t total = 0;
    for (ValueId id = 0; id < count; ++id) {
      sizes.push_back(1 + static_cast<int64_t>(random() % 2000));
      total += (sizes.back() * 4 + 255) / 256 * 256;
      KernelCall call = {.kernel = "k", .outputs = {id}};
      for (int inputs = id == 0 ? 0 : static_cast<int>(random() % 3); inputs > 0; --inputs)
        call.inputs.push_back(static_cast<ValueId>(random() % id));
      calls.push_back(call);
    }
    const Plan plan = PlanOf(sizes, calls);
    const MemoryPlan memory = PlanMemory(plan, {});

    std::vector<int> last(count);
    for (int call = 0; call < count; ++call) {
      last[call] = std::max(last[call], call);
      for (ValueId input : calls[call].inputs) last[input] = call;
    }
    last[count - 1] = count;
    for (int a = 0; a < count; ++a) {
      EXPECT_EQ(memory.offsets[a] % MemoryPlan::kAlignment, 0);
      EXPECT_LE(memory.offsets[a] + sizes[a] * 4, memory.arena_bytes);
      for (int b = a + 1; b < count; ++b) {
        if (last[a] < b) continue;  // b is written after a's last use.
        const bool apart = memory.offsets[a] + sizes[a] * 4 <= memory.offsets[b] ||
                           memory.offsets[b] + sizes[b] * 4 <= memory.offsets[a];
        EXPECT_TRUE(apart) << "round " << round << " values " << a << " and " << b;
      }
    }
    EXPECT_LE(memory.arena_bytes, total);
  }
}

}  // namespace
}  // namespace metronome::runtime
