#include "kernels/cuda/program/fused_kernels.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"

namespace metronome::kernels::cuda {
namespace {

constexpr char kKernelName[] = "metronome_fused";

}  // namespace

FusedKernels::~FusedKernels() {
  (void)driver_.Synchronize();  // A lost device runs nothing any more.
  for (const Driver::Module module : modules_) driver_.UnloadModule(module);
}

std::string FusedKernels::description() const {
  return options_.compiler == nullptr ? "no NVRTC" : options_.compiler->version();
}

absl::StatusOr<bool> FusedKernels::Launch(const DeviceContext& context, const FusedProgram& program,
                                          const FusedArgs& args) {
  if (options_.compiler == nullptr) return false;
  const FusedWalk& walk = args.operands.walk;
  if (walk.rows == 0 || (walk.columns == 0 && args.fold_width == 0)) return true;
  const FusedVariant variant = VariantOf(program, args);
  auto found = kernels_.find({&program, variant});
  if (found == kernels_.end()) {
    if (context.past != nullptr) return false;  // Captured, and loading code might not be.
    const int64_t start = Clock::Real().MonotonicNs();
    const absl::StatusOr<Driver::Function> function = Make(program, variant);
    compile_ns_ += Clock::Real().MonotonicNs() - start;
    if (driver_.lost()) return function.status();
    if (!function.ok())
      options_.log(
          absl::StrCat("a fused program is interpreted: ", function.status().message(), " (", program.ToString(), ")"));
    found = kernels_.emplace(std::pair(&program, variant), function.ok() ? *function : nullptr).first;
  }
  if (found->second == nullptr) return false;
  const FusedGrid grid = GridOf(context, variant, walk);
  RETURN_IF_ERROR(
      driver_.LaunchFunction(found->second, grid.blocks, grid.threads, &args.operands, sizeof(args.operands)));
  return true;
}

absl::StatusOr<Driver::Function> FusedKernels::Make(const FusedProgram& program, const FusedVariant& variant) {
  const std::string source = absl::StrCat(kFusedInclude, GenerateFusedSource(program, variant, kKernelName));
  const std::string key = absl::StrCat(options_.compiler->key(), "\n", source);
  if (options_.cubins.has_value()) {
    if (const absl::StatusOr<std::string> cubin = options_.cubins->Get(key); cubin.ok()) {
      absl::StatusOr<Driver::Function> function = Load(*cubin);
      if (function.ok()) return function;
      options_.log(absl::StrCat("a cached cubin is ignored: ", function.status().message()));
    }
  }
  ASSIGN_OR_RETURN(const CubinCompiler::Result compiled, options_.compiler->Compile(source));
  if (!compiled.log.empty()) options_.log(absl::StrCat(options_.compiler->version(), " warns: ", compiled.log));
  ASSIGN_OR_RETURN(const Driver::Function function, Load(compiled.cubin));
  if (options_.cubins.has_value()) {
    if (const absl::Status kept = options_.cubins->Put(key, compiled.cubin); !kept.ok())
      options_.log(absl::StrCat("a cubin is not kept: ", kept.message()));
  }
  return function;
}

absl::StatusOr<Driver::Function> FusedKernels::Load(const std::string& cubin) {
  ASSIGN_OR_RETURN(const Driver::Module module, driver_.LoadModule(cubin));
  absl::StatusOr<Driver::Function> function = driver_.FindFunction(module, kKernelName);
  if (function.ok()) {
    modules_.push_back(module);
  } else {
    driver_.UnloadModule(module);
  }
  return function;
}

}  // namespace metronome::kernels::cuda
