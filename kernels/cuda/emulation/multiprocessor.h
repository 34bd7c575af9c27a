#ifndef METRONOME_KERNELS_CUDA_EMULATION_MULTIPROCESSOR_H_
#define METRONOME_KERNELS_CUDA_EMULATION_MULTIPROCESSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <vector>

#include "kernels/cuda/emulation/fiber.h"

namespace metronome::kernels::cuda::emulation {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  Dim3() = default;
  Dim3(unsigned x, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  uint64_t count() const { return uint64_t{x} * y * z; }
};

// Which of the threads and blocks that could run does. A kernel that reads what no barrier orders before gives a wrong
// result in at least one of these.
enum class ThreadOrder {
  kForward,   // The first warp runs as far as it can, then the second, ...; lanes and blocks likewise.
  kReverse,   // The last one first.
  kShuffled,  // Warps and lanes at a random pace, blocks in random order.
};

struct Options {
  ThreadOrder order = ThreadOrder::kForward;
  uint64_t seed = 1;  // Of kShuffled.
};

enum class Collective : uint8_t { kSync, kShuffle, kVote, kMatrixLoad, kMatrixProduct };

// One multiprocessor: runs the blocks of a grid one after the other, the threads of a block as fibers of the calling OS
// thread. A block that breaks the rules is stopped where it stands, and Run says why. Each OS thread has one.
class Multiprocessor {
 public:
  static constexpr unsigned kWarpLanes = 32;
  static constexpr unsigned kMaxBlockThreads = 1024;
  static constexpr size_t kMaxSharedBytes = 227 * 1024;        // Of a block, on sm_90, whose launch asks for more than
  static constexpr size_t kMaxUnaskedSharedBytes = 48 * 1024;  // this.
  static constexpr size_t kMaxContributionBytes = 32;          // Of one lane to a collective.

  static Multiprocessor& OfThisThread();

  void set_options(const Options& options) { options_ = options; }

  // Runs body() as each thread of each block. The first broken rule ends the grid and is kept for TakeError. `asked`:
  // the launch asked for more shared memory than blocks have by themselves.
  void RunGrid(Dim3 grid, Dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& body,
               bool asked = false);
  // The first failure since the last call, naming block, thread and reason; empty when there was none. Launches after a
  // failure do nothing until then.
  std::string TakeError();

  // The rest is what kernels call, on the fiber of a thread.

  Dim3 thread_index() const { return current_->index; }
  Dim3 block_index() const { return block_index_; }
  Dim3 block_size() const { return block_size_; }
  Dim3 grid_size() const { return grid_size_; }
  unsigned lane() const { return current_->rank % kWarpLanes; }

  // Waits for all threads that have not returned; gives the number of them that passed true.
  int BlockBarrier(bool predicate, const std::source_location& where);

  // What each lane of a warp brought to a collective; valid until this lane's next one.
  struct Meeting {
    uint32_t mask = 0;
    uint32_t arrived = 0;
    uint32_t present = 0;  // Lanes that took part in the last one.
    Collective kind = Collective::kSync;
    unsigned parity = 0;
    std::array<std::array<std::array<std::byte, kMaxContributionBytes>, kWarpLanes>, 2> slots;
  };
  struct Contributions {
    const std::array<std::array<std::byte, kMaxContributionBytes>, kWarpLanes>* slots;
    uint32_t present;
  };
  // Waits for the lanes of `mask`, which must all bring the same kind.
  Contributions Meet(uint32_t mask, Collective kind, const void* value, size_t bytes,
                     const std::source_location& where);

  // The block's shared memory of the variable that `site` identifies, poisoned in each block.
  void* StaticShared(const void* site, size_t bytes);
  void* DynamicShared() { return dynamic_shared_.bytes.data() + dynamic_shared_.start; }

  // Asynchronous copies of this thread. Data arrives when it is waited for, so that a missing wait shows; in kShuffled,
  // each at once or then, so that overwriting what is still read shows too.
  void CopyAsync(void* shared, const void* global, int bytes, int valid_bytes);
  void CommitCopies();
  void WaitCopies(int groups_in_flight);

  // Ends the grid.
  [[noreturn]] void Fail(const std::string& why);

 private:
  enum class State : uint8_t { kReady, kAtBlockBarrier, kAtCollective, kDone };
  struct Copy {
    void* to;
    const void* from;
    int bytes, valid_bytes;
    uint64_t group;
  };
  struct Thread {
    Fiber fiber;
    Dim3 index;
    unsigned rank = 0;
    State state = State::kDone;
    std::source_location where;
    uint32_t mask = 0;
    std::vector<Copy> copies;
    uint64_t open_group = 0;
  };
  struct Warp {
    uint32_t live = 0;
    std::deque<Meeting> meetings;  // One for each mask in use; a deque keeps their addresses.
    bool ready = false;            // Some lane may be kReady.
  };
  struct SharedMemory {
    const void* site = nullptr;
    size_t size = 0;
    std::vector<std::byte> bytes;  // With a canary behind, and room to align.
    size_t start = 0;
  };

  void RunBlock(Dim3 index, const std::function<void()>& body);
  void RunThread();  // On its fiber.
  void RunThreads();
  void RunWarp(unsigned warp, bool one_pass);
  void OnDone(Thread& thread);
  void ReleaseBlockBarrier();
  bool ReleaseIfComplete(unsigned warp, Meeting& meeting);
  void Wait(State state, const std::source_location& where);
  static void Poison(SharedMemory& memory, size_t bytes);
  void CheckCanaries();
  void Perform(const Copy& copy);
  std::string Place() const;  // "block (0, 0, 0) thread 5".
  std::string DescribeDeadlock() const;
  unsigned threads() const { return static_cast<unsigned>(block_size_.count()); }
  unsigned warps() const { return (threads() + kWarpLanes - 1) / kWarpLanes; }

  Options options_;
  std::mt19937_64 random_;
  std::string error_;
  bool failed_ = false;  // The running grid broke a rule.

  std::vector<std::unique_ptr<Thread>> pool_;  // Of all blocks so far; a block uses the first threads().
  std::vector<Warp> warp_;
  std::vector<SharedMemory> static_shared_;
  size_t static_shared_count_ = 0;  // In use by this block.
  SharedMemory dynamic_shared_;
  size_t most_shared_ = 0;  // Of a block of this grid.
  Dim3 block_index_, block_size_, grid_size_;
  Thread* current_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  unsigned live_ = 0, at_barrier_ = 0;
  int votes_ = 0, vote_result_ = 0;
  std::source_location barrier_;  // Where the first thread waits.
};

}  // namespace metronome::kernels::cuda::emulation

#endif  // METRONOME_KERNELS_CUDA_EMULATION_MULTIPROCESSOR_H_
