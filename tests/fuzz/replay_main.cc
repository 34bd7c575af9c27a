// Runs a fuzz target without libFuzzer:
//
//     TARGET [--mutations=N] [--seed=S] [--seconds=T] [--rss-limit-mb=M] [FILE | DIRECTORY]...
//
// First the files (as they are), then the target's seeds, then N mutations of seeds and of each other, the same ones
// for the same S; fewer where T seconds are over before. A crash, a run of more than ten seconds of CPU time or more
// memory than M ends it with a code other than 0; the input is then in `replay-finding` in the working directory.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/bytes.h"

// Targets without structure have none.
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t*, size_t, size_t, unsigned int);

namespace metronome::fuzz {
namespace {

constexpr size_t kMaxInput = 1 << 17;
constexpr int kRunCpuSeconds = 10;

struct ReplayOptions {
  int64_t mutations = 0;
  int64_t seed = 1;
  int64_t seconds = 3600;
  int64_t rss_limit_mb = 4096;
  std::vector<std::string> inputs;
};

std::vector<std::string>& Corpus() {
  static auto& corpus = *new std::vector<std::string>;
  return corpus;
}

Random& Choices(uint64_t seed = 0) {
  static auto& random = *new Random(seed);
  return random;
}

const std::string* running = nullptr;

// Keeps the input that ends the process. Calls nothing that a signal handler may not.
void KeepFinding(int signal) {
  static constexpr char kText[] = "replay: the input is in replay-finding\n";
  const int file = running == nullptr ? -1 : open("replay-finding", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0 && write(file, running->data(), running->size()) == static_cast<ssize_t>(running->size()))
    (void)!write(STDERR_FILENO, kText, sizeof(kText) - 1);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void Run(const std::string& input, const ReplayOptions& options) {
  running = &input;
  const itimerval limit = {.it_interval = {}, .it_value = {.tv_sec = kRunCpuSeconds, .tv_usec = 0}};
  setitimer(ITIMER_PROF, &limit, nullptr);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  const itimerval off = {};
  setitimer(ITIMER_PROF, &off, nullptr);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  Require(usage.ru_maxrss >> 10 <= options.rss_limit_mb, absl::StrCat(usage.ru_maxrss >> 10, " MB of memory"));
  running = nullptr;
}

std::string Mutated(const std::string& input, Random& random) {
  std::string buffer = input;
  buffer.resize(kMaxInput);
  auto* data = reinterpret_cast<uint8_t*>(buffer.data());
  const auto mutate = LLVMFuzzerCustomMutator != nullptr
                          ? LLVMFuzzerCustomMutator(data, input.size(), kMaxInput, static_cast<unsigned>(random.Next()))
                          : LLVMFuzzerMutate(data, input.size(), kMaxInput);
  buffer.resize(mutate);
  return buffer;
}

std::vector<std::string> ReadFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> names, contents;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) names.push_back(path);
    if (std::filesystem::is_directory(path))
      for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path());
  }
  for (const std::string& name : names) {
    std::ifstream file(name, std::ios::binary);
    Require(file.good(), absl::StrCat("cannot read ", name));
    contents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return contents;
}

ReplayOptions ParseFlags(int argc, char** argv) {
  ReplayOptions options;
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    int64_t* value = absl::ConsumePrefix(&flag, "--mutations=")      ? &options.mutations
                     : absl::ConsumePrefix(&flag, "--seed=")         ? &options.seed
                     : absl::ConsumePrefix(&flag, "--seconds=")      ? &options.seconds
                     : absl::ConsumePrefix(&flag, "--rss-limit-mb=") ? &options.rss_limit_mb
                                                                     : nullptr;
    if (value == nullptr) {
      options.inputs.emplace_back(flag);
    } else {
      Require(absl::SimpleAtoi(flag, value), absl::StrCat("no number: ", flag));
    }
  }
  return options;
}

int Main(const ReplayOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto over = [&] { return std::chrono::steady_clock::now() - begin > std::chrono::seconds(options.seconds); };
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF}) ::signal(signal, KeepFinding);
  Random& random = Choices(static_cast<uint64_t>(options.seed));
  const std::vector<std::string> files = ReadFiles(options.inputs);
  for (const std::string& file : files) Run(file, options);
  Corpus() = Seeds();
  for (const std::string& seed : Seeds()) Run(seed, options);
  int64_t mutations = 0;
  for (; mutations < options.mutations && !over(); ++mutations) {
    const std::string input = Mutated(random.Pick(Corpus()), random);
    Run(input, options);
    // Some take the place of what is there, so that changes add up.
    if (random.OneIn(8)) Corpus()[random.Below(Corpus().size())] = random.OneIn(4) ? random.Pick(Seeds()) : input;
  }
  std::cout << "replay: " << files.size() << " files, " << Seeds().size() << " seeds, " << mutations
            << " mutations with seed " << options.seed << std::endl;
  return 0;
}

}  // namespace
}  // namespace metronome::fuzz

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  using namespace metronome::fuzz;
  return Give(ChangeBytes({reinterpret_cast<const char*>(data), size}, Corpus(), max_size, Choices()), data, max_size);
}

int main(int argc, char** argv) { return metronome::fuzz::Main(metronome::fuzz::ParseFlags(argc, argv)); }
