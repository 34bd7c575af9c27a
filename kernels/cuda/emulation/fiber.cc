#include "kernels/cuda/emulation/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
// ThreadSanitizer notes entries and exits of functions in the fiber that runs. One that is entered in one fiber and
// left in another, or never, would fill the notes of a fiber that is used often.
#define METRONOME_FIBER_SWITCHES __attribute__((no_sanitize("thread")))
#else
#define METRONOME_FIBER_SWITCHES
#endif
// swapcontext changes the signal mask with a system call at each switch: some 50 times slower than eight instructions.
#if defined(__x86_64__) && !defined(METRONOME_EMULATION_UCONTEXT)
#define METRONOME_FIBER_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

#if METRONOME_FIBER_ASSEMBLY
// Pushes what the System V ABI has a function keep, stores the stack pointer to *save and continues at `load`.
extern "C" void metronome_fiber_switch(void** save, void* load);
asm(R"(.text
.globl metronome_fiber_switch
.type metronome_fiber_switch,@function
metronome_fiber_switch:
 push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
 sub $8,%rsp; stmxcsr (%rsp); fnstcw 4(%rsp)
 mov %rsp,(%rdi); mov %rsi,%rsp
 ldmxcsr (%rsp); fldcw 4(%rsp); add $8,%rsp
 pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
 ret
.size metronome_fiber_switch,.-metronome_fiber_switch
)");
#endif

namespace metronome::kernels::cuda::emulation {

// Where the fiber and the caller of Resume stopped, and what sanitizers want to know of them.
struct Fiber::Context {
#if METRONOME_FIBER_ASSEMBLY
  void *own = nullptr, *caller = nullptr;  // Stack pointers.
#else
  ucontext_t own, caller;
#endif
  void *own_fake_stack = nullptr, *caller_fake_stack = nullptr;
  const void* caller_stack = nullptr;
  size_t caller_stack_bytes = 0;
  void *own_tsan = nullptr, *caller_tsan = nullptr;
};

namespace {

thread_local Fiber* starting = nullptr;  // Entries take no argument: this hands one over.

#if METRONOME_FIBER_ASSEMBLY
METRONOME_FIBER_SWITCHES void Switch(void** save, void** load) { metronome_fiber_switch(save, *load); }
#else
METRONOME_FIBER_SWITCHES void Switch(ucontext_t* save, ucontext_t* load) { swapcontext(save, load); }
#endif

size_t PageBytes() { return static_cast<size_t>(getpagesize()); }

}  // namespace

Fiber::Fiber() : context_(std::make_unique<Context>()) {
  const size_t guard = PageBytes();
  void* const memory = mmap(nullptr, guard + kStackBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, guard, PROT_NONE);
  stack_ = static_cast<std::byte*>(memory) + guard;
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  if (context_->own_tsan != nullptr) __tsan_destroy_fiber(context_->own_tsan);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack_, kStackBytes);
#endif
  munmap(stack_ - PageBytes(), PageBytes() + kStackBytes);
}

void Fiber::Start(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
#if defined(__SANITIZE_ADDRESS__)
  if (!finished_) __asan_unpoison_memory_region(stack_, kStackBytes);  // Frames that were dropped.
  context_->own_fake_stack = nullptr;
#endif
#if defined(__SANITIZE_THREAD__)
  if (!finished_ && context_->own_tsan != nullptr) {
    __tsan_destroy_fiber(context_->own_tsan);
    context_->own_tsan = nullptr;
  }
  if (context_->own_tsan == nullptr) context_->own_tsan = __tsan_create_fiber(0);
#endif
  finished_ = false;
#if METRONOME_FIBER_ASSEMBLY
  // What metronome_fiber_switch pops, from the top: the control words (their values at start), six registers and the
  // address to return to. The ABI has a function find its stack pointer 8 bytes off a multiple of 16.
  auto* top = reinterpret_cast<uint64_t*>(stack_ + kStackBytes) - 2;
  *--top = 0;
  *--top = reinterpret_cast<uint64_t>(+[]() METRONOME_FIBER_SWITCHES { Run(starting); });
  for (int saved_register = 0; saved_register < 6; ++saved_register) *--top = 0;
  *--top = 0x0000037f'00001f80;
  context_->own = top;
#else
  getcontext(&context_->own);
  context_->own.uc_stack = {.ss_sp = stack_, .ss_flags = 0, .ss_size = kStackBytes};
  context_->own.uc_link = nullptr;
  makecontext(
      &context_->own, +[]() METRONOME_FIBER_SWITCHES { Run(starting); }, 0);
#endif
}

METRONOME_FIBER_SWITCHES void Fiber::Run(Fiber* fiber) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &fiber->context_->caller_stack, &fiber->context_->caller_stack_bytes);
#endif
  fiber->entry_(fiber->argument_);
  fiber->finished_ = true;
  fiber->Suspend();
  std::abort();  // A finished fiber was resumed.
}

METRONOME_FIBER_SWITCHES void Fiber::Resume() {
  starting = this;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&context_->caller_fake_stack, stack_, kStackBytes);
#endif
#if defined(__SANITIZE_THREAD__)
  context_->caller_tsan = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(context_->own_tsan, 0);
#endif
  Switch(&context_->caller, &context_->own);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(context_->caller_fake_stack, nullptr, nullptr);
#endif
}

METRONOME_FIBER_SWITCHES void Fiber::Suspend() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(finished_ ? nullptr : &context_->own_fake_stack, context_->caller_stack,
                                 context_->caller_stack_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(context_->caller_tsan, 0);
#endif
  Switch(&context_->own, &context_->caller);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(context_->own_fake_stack, &context_->caller_stack, &context_->caller_stack_bytes);
#endif
}

}  // namespace metronome::kernels::cuda::emulation
