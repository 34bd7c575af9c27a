#include "kernels/cuda/emulation/multiprocessor.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>

namespace metronome::kernels::cuda::emulation {
namespace {

// All ones: NaN in every float dtype, -1 in integers. What reads shared memory before writing it shows.
constexpr int kPoison = 0xff;
constexpr std::byte kCanary{0xc3};
constexpr size_t kCanaryBytes = 128;
constexpr size_t kSharedAlignment = 128;

std::string ToString(Dim3 at) {
  return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
}

std::string ToString(const std::source_location& where) {
  const std::string path = where.file_name();
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.line());
}

// Unwinds a thread that broke a rule, so that what its message was made of is freed.
struct Stopped {};

Dim3 Unflatten(uint64_t flat, Dim3 size) {
  return Dim3(static_cast<unsigned>(flat % size.x), static_cast<unsigned>(flat / size.x % size.y),
              static_cast<unsigned>(flat / size.x / size.y));
}

}  // namespace

Multiprocessor& Multiprocessor::OfThisThread() {
  thread_local Multiprocessor multiprocessor;
  return multiprocessor;
}

std::string Multiprocessor::TakeError() { return std::exchange(error_, std::string()); }

void Multiprocessor::RunGrid(Dim3 grid, Dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& body,
                             bool asked) {
  constexpr unsigned kMaxGridYZ = 65535, kMaxGridX = 0x7fffffff;
  if (!error_.empty()) return;
  most_shared_ = asked ? kMaxSharedBytes : kMaxUnaskedSharedBytes;
  if (grid.count() == 0 || block.count() == 0 || block.count() > kMaxBlockThreads || grid.x > kMaxGridX ||
      grid.y > kMaxGridYZ || grid.z > kMaxGridYZ || dynamic_shared_bytes > most_shared_) {
    error_ = "cannot launch a grid of " + ToString(grid) + " blocks of " + ToString(block) + " threads with " +
             std::to_string(dynamic_shared_bytes) + " bytes of shared memory";
    return;
  }
  block_size_ = block;
  grid_size_ = grid;
  failed_ = false;
  random_.seed(options_.seed);
  while (pool_.size() < threads()) pool_.push_back(std::make_unique<Thread>());
  warp_.resize(std::max<size_t>(warp_.size(), warps()));
  dynamic_shared_.size = dynamic_shared_bytes;

  std::vector<uint32_t> order(grid.count());
  std::iota(order.begin(), order.end(), 0);
  if (options_.order == ThreadOrder::kReverse) std::reverse(order.begin(), order.end());
  if (options_.order == ThreadOrder::kShuffled) std::shuffle(order.begin(), order.end(), random_);
  for (const uint32_t flat : order) {
    if (failed_) break;
    RunBlock(Unflatten(flat, grid), body);
  }
}

void Multiprocessor::RunBlock(Dim3 index, const std::function<void()>& body) {
  block_index_ = index;
  body_ = &body;
  live_ = threads();
  at_barrier_ = 0;
  votes_ = 0;
  for (unsigned i = 0; i < warps(); ++i) {
    const unsigned lanes = std::min(kWarpLanes, threads() - i * kWarpLanes);
    warp_[i].live = lanes == kWarpLanes ? ~0u : (1u << lanes) - 1;
    warp_[i].ready = true;
    warp_[i].meetings.clear();
  }
  for (unsigned i = 0; i < threads(); ++i) {
    Thread& thread = *pool_[i];
    thread.rank = i;
    thread.index = Unflatten(i, block_size_);
    thread.state = State::kReady;
    thread.copies.clear();
    thread.open_group = 0;
    thread.fiber.Start([](void* self) { static_cast<Multiprocessor*>(self)->RunThread(); }, this);
  }
  Poison(dynamic_shared_, dynamic_shared_.size);
  static_shared_count_ = 0;
  RunThreads();
  current_ = nullptr;
  if (!failed_) CheckCanaries();
}

void Multiprocessor::RunThread() {
  try {
    (*body_)();
  } catch (const Stopped&) {
  }
}

void Multiprocessor::RunThreads() {
  std::vector<unsigned> order(warps());
  std::iota(order.begin(), order.end(), 0);
  if (options_.order == ThreadOrder::kReverse) std::reverse(order.begin(), order.end());
  const bool shuffled = options_.order == ThreadOrder::kShuffled;
  while (live_ > 0) {
    if (shuffled) std::shuffle(order.begin(), order.end(), random_);
    bool any_ready = false;
    for (const unsigned warp : order) {
      if (!warp_[warp].ready) continue;
      any_ready = true;
      if (shuffled && random_() % 2 != 0) continue;
      RunWarp(warp, shuffled);
      if (failed_) return;
    }
    if (!any_ready) {
      failed_ = true;
      error_ = DescribeDeadlock();
      return;
    }
  }
}

// Lanes of the warp in order, once or until none can go on.
void Multiprocessor::RunWarp(unsigned warp, bool one_pass) {
  std::array<unsigned, kWarpLanes> lanes;
  const unsigned first = warp * kWarpLanes, count = std::min(kWarpLanes, threads() - first);
  std::iota(lanes.begin(), lanes.begin() + count, 0);
  if (options_.order == ThreadOrder::kReverse) std::reverse(lanes.begin(), lanes.begin() + count);
  if (options_.order == ThreadOrder::kShuffled) std::shuffle(lanes.begin(), lanes.begin() + count, random_);
  bool ran;
  do {
    ran = false;
    for (unsigned i = 0; i < count; ++i) {
      Thread& thread = *pool_[first + lanes[i]];
      if (thread.state != State::kReady) continue;
      ran = true;
      current_ = &thread;
      thread.fiber.Resume();
      if (failed_) return;
      if (thread.fiber.finished()) OnDone(thread);
    }
  } while (ran && !one_pass);
  warp_[warp].ready = false;
  for (unsigned i = 0; i < count; ++i) warp_[warp].ready |= pool_[first + i]->state == State::kReady;
}

// Barriers and collectives wait for threads that have not returned.
void Multiprocessor::OnDone(Thread& thread) {
  thread.state = State::kDone;
  --live_;
  if (live_ > 0 && at_barrier_ == live_) ReleaseBlockBarrier();
  const unsigned warp = thread.rank / kWarpLanes;
  warp_[warp].live &= ~(1u << (thread.rank % kWarpLanes));
  for (Meeting& meeting : warp_[warp].meetings) ReleaseIfComplete(warp, meeting);
}

void Multiprocessor::Wait(State state, const std::source_location& where) {
  Thread& thread = *current_;
  thread.state = state;
  thread.where = where;
  thread.fiber.Suspend();
}

int Multiprocessor::BlockBarrier(bool predicate, const std::source_location& where) {
  if (at_barrier_ == 0) barrier_ = where;
  // The hardware counts arrivals and would let both through, with each other's data.
  if (barrier_.line() != where.line() || std::strcmp(barrier_.file_name(), where.file_name()) != 0)
    Fail("divergent barrier: this thread waits at " + ToString(where) + " while others wait at " + ToString(barrier_));
  votes_ += predicate ? 1 : 0;
  if (++at_barrier_ == live_) {
    ReleaseBlockBarrier();
  } else {
    Wait(State::kAtBlockBarrier, where);
  }
  return vote_result_;
}

void Multiprocessor::ReleaseBlockBarrier() {
  at_barrier_ = 0;
  vote_result_ = std::exchange(votes_, 0);
  for (unsigned i = 0; i < threads(); ++i) {
    if (pool_[i]->state == State::kAtBlockBarrier) pool_[i]->state = State::kReady;
  }
  for (unsigned i = 0; i < warps(); ++i) warp_[i].ready = true;
}

Multiprocessor::Contributions Multiprocessor::Meet(uint32_t mask, Collective kind, const void* value, size_t bytes,
                                                   const std::source_location& where) {
  const uint32_t own = 1u << lane();
  const unsigned warp_index = current_->rank / kWarpLanes;
  Warp& warp = warp_[warp_index];
  if ((mask & own) == 0) Fail("a lane is not in its own mask at " + ToString(where));
  auto found =
      std::find_if(warp.meetings.begin(), warp.meetings.end(), [&](const Meeting& m) { return m.mask == mask; });
  if (found == warp.meetings.end()) {
    warp.meetings.emplace_back();
    found = std::prev(warp.meetings.end());
    found->mask = mask;
  }
  Meeting& meeting = *found;
  if (meeting.arrived == 0) meeting.kind = kind;
  if (meeting.kind != kind) Fail("lanes of one warp meet in different collectives at " + ToString(where));
  // Two sets of slots: nobody fills this one again before all lanes of the mask have come to the next meeting, which
  // they do after reading.
  const unsigned parity = meeting.parity;
  if (bytes > 0) std::memcpy(meeting.slots[parity][lane()].data(), value, bytes);
  meeting.arrived |= own;
  current_->mask = mask;
  // The last lane goes on at once.
  if (!ReleaseIfComplete(warp_index, meeting)) Wait(State::kAtCollective, where);
  return {&meeting.slots[parity], meeting.present};
}

bool Multiprocessor::ReleaseIfComplete(unsigned warp, Meeting& meeting) {
  if (meeting.arrived == 0 || meeting.arrived != (meeting.mask & warp_[warp].live)) return false;
  meeting.present = std::exchange(meeting.arrived, 0);
  meeting.parity ^= 1;
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if ((meeting.present >> lane & 1) == 0) continue;
    Thread& thread = *pool_[warp * kWarpLanes + lane];
    if (thread.state == State::kAtCollective) thread.state = State::kReady;
  }
  warp_[warp].ready = true;
  return true;
}

void Multiprocessor::Poison(SharedMemory& memory, size_t bytes) {
  memory.size = bytes;
  if (memory.bytes.size() < bytes + kCanaryBytes + kSharedAlignment)
    memory.bytes.resize(bytes + kCanaryBytes + kSharedAlignment);
  const auto address = reinterpret_cast<uintptr_t>(memory.bytes.data());
  memory.start = (kSharedAlignment - address % kSharedAlignment) % kSharedAlignment;
  std::memset(memory.bytes.data() + memory.start, kPoison, bytes);
  std::memset(memory.bytes.data() + memory.start + bytes, static_cast<int>(kCanary), kCanaryBytes);
}

void* Multiprocessor::StaticShared(const void* site, size_t bytes) {
  size_t index = 0;
  while (index < static_shared_count_ && static_shared_[index].site != site) ++index;
  if (index == static_shared_.size()) static_shared_.emplace_back();
  SharedMemory& memory = static_shared_[index];
  if (index == static_shared_count_) {
    ++static_shared_count_;
    memory.site = site;
    Poison(memory, bytes);
  }
  return memory.bytes.data() + memory.start;
}

void Multiprocessor::CheckCanaries() {
  size_t total = dynamic_shared_.size;
  const auto check = [&](const SharedMemory& memory, const char* what) {
    const std::byte* const canary = memory.bytes.data() + memory.start + memory.size;
    if (std::all_of(canary, canary + kCanaryBytes, [](std::byte byte) { return byte == kCanary; })) return;
    failed_ = true;
    error_ =
        Place() + " wrote past the end of its " + what + " shared memory of " + std::to_string(memory.size) + " bytes";
  };
  check(dynamic_shared_, "dynamic");
  for (size_t i = 0; i < static_shared_count_; ++i) {
    total += static_shared_[i].size;
    check(static_shared_[i], "static");
  }
  if (total > most_shared_ && !failed_) {
    failed_ = true;
    error_ = Place() + " uses " + std::to_string(total) + " bytes of shared memory, more than " +
             std::to_string(most_shared_);
  }
}

void Multiprocessor::CopyAsync(void* shared, const void* global, int bytes, int valid_bytes) {
  const auto misaligned = [&](const void* at) {
    return reinterpret_cast<uintptr_t>(at) % static_cast<unsigned>(bytes);
  };
  if (misaligned(shared) != 0 || (valid_bytes > 0 && misaligned(global) != 0))
    Fail("an asynchronous copy of " + std::to_string(bytes) + " bytes is misaligned");
  const Copy copy = {shared, global, bytes, valid_bytes, current_->open_group};
  if (options_.order == ThreadOrder::kShuffled && random_() % 2 != 0) return Perform(copy);
  current_->copies.push_back(copy);
}

void Multiprocessor::CommitCopies() { ++current_->open_group; }

void Multiprocessor::WaitCopies(int groups_in_flight) {
  // Groups before this one are complete afterwards.
  const uint64_t open = current_->open_group, kept = static_cast<uint64_t>(groups_in_flight);
  const uint64_t end = open > kept ? open - kept : 0;
  auto& copies = current_->copies;
  size_t left = 0;
  for (const Copy& copy : copies) {
    if (copy.group < end) {
      Perform(copy);
    } else {
      copies[left++] = copy;
    }
  }
  copies.resize(left);
}

void Multiprocessor::Perform(const Copy& copy) {
  auto* const to = static_cast<std::byte*>(copy.to);
  std::memcpy(to, copy.from, static_cast<size_t>(copy.valid_bytes));
  std::memset(to + copy.valid_bytes, 0, static_cast<size_t>(copy.bytes - copy.valid_bytes));
}

void Multiprocessor::Fail(const std::string& why) {
  failed_ = true;
  error_ = Place() + ": " + why;
  throw Stopped();
}

std::string Multiprocessor::Place() const {
  std::string place = "block " + ToString(block_index_);
  if (current_ != nullptr) place += " thread " + std::to_string(current_->rank);
  return place;
}

std::string Multiprocessor::DescribeDeadlock() const {
  std::string text = "deadlock in block " + ToString(block_index_) + ":";
  std::string last;
  for (unsigned i = 0; i < threads(); ++i) {
    const Thread& thread = *pool_[i];
    std::string state = " has returned";
    if (thread.state == State::kAtBlockBarrier) state = " waits for the block at " + ToString(thread.where);
    if (thread.state == State::kAtCollective) {
      char mask[16];
      std::snprintf(mask, sizeof(mask), "%08x", thread.mask);
      state = " waits for lanes " + std::string(mask) + " at " + ToString(thread.where);
    }
    if (state != last) text += " thread " + std::to_string(i) + state + ";";  // The first of those that do the same.
    last = state;
  }
  return text;
}

}  // namespace metronome::kernels::cuda::emulation
