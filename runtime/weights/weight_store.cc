#include "runtime/weights/weight_store.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"
#include "kernels/base/thread_pool.h"
#include "runtime/weights/synthetic.h"

namespace metronome::runtime {
namespace {

// Elements that one thread fills or converts at a time.
constexpr int64_t kBlockElements = int64_t{1} << 20;
// Elements of a tensor at a time: blocks for many threads, and little enough that others need not wait for long.
constexpr int64_t kPieceElements = 32 * kBlockElements;

// Produces elements [begin, end) of a tensor in its final dtype at `to`.
using BlockWriter = std::function<void(int64_t begin, int64_t end, void* to)>;

// What loading is done with.
struct Loader {
  Loader(kernels::Backend& backend, const WeightLoadOptions& options)
      : backend(backend), pool(options.threads), token(*options.token) {}

  kernels::Backend& backend;
  ThreadPool pool;
  const CancelToken& token;
};

// Runs `write` over the whole tensor in parallel, piece by piece: in place where the host reaches device memory, else
// through a staging buffer.
absl::Status WriteTensor(Loader& loader, const kernels::TensorView& tensor, const BlockWriter& write) {
  const int64_t size = static_cast<int64_t>(kernels::SizeOf(tensor.dtype));
  auto* const base = static_cast<std::byte*>(tensor.data);
  const int64_t piece = std::min(tensor.elements(), kPieceElements);
  std::vector<std::byte> staging;
  if (!loader.backend.host_addressable()) staging.resize(static_cast<size_t>(piece * size));
  for (int64_t first = 0; first < tensor.elements(); first += piece) {
    RETURN_IF_ERROR(loader.token.Check());
    const int64_t count = std::min(piece, tensor.elements() - first);
    std::byte* const to = staging.empty() ? base + first * size : staging.data();
    loader.pool.ParallelFor(count, kBlockElements, [&](int64_t begin, int64_t end, int) {
      write(first + begin, first + end, to + begin * size);
    });
    if (!staging.empty()) RETURN_IF_ERROR(loader.backend.CopyToDevice(base + first * size, to, count * size));
  }
  return absl::OkStatus();
}

// A stored tensor that is a weight, or the part of it from one element on.
struct Part {
  std::string name;
  kernels::Shape shape;
  int64_t first_element = 0;
};

// The tensors that a weight is stored as. Experts, one tensor here, are one for each expert and product on the hub.
std::vector<Part> HubPartsOf(const WeightSpec& spec) {
  std::vector<Part> parts;
  const size_t at = spec.name.rfind(".experts.");
  if (at == std::string::npos || spec.shape.rank() != 3) return parts;
  const std::string prefix = spec.name.substr(0, at + 9), product = spec.name.substr(at + 9);
  std::vector<std::string> names;
  if (product == "gate_up_proj") names = {"gate_proj", "up_proj"};
  if (product == "down_proj") names = {"down_proj"};
  const auto count = static_cast<int64_t>(names.size());
  if (count == 0 || spec.shape[1] % count != 0) return parts;
  const kernels::Shape shape = {spec.shape[1] / count, spec.shape[2]};
  for (int64_t expert = 0; expert < spec.shape[0]; ++expert) {
    for (int64_t i = 0; i < count; ++i)
      parts.push_back(
          {absl::StrCat(prefix, expert, ".", names[i], ".weight"), shape, (expert * count + i) * shape.elements()});
  }
  return parts;
}

absl::Status CheckStored(const Part& part, const StoredTensor& stored, const std::string& path) {
  if (absl::MakeConstSpan(stored.shape) != part.shape.dims()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", part.name, " in ", path, " has shape [",
                                                   absl::StrJoin(stored.shape, ", "), "], the model needs [",
                                                   absl::StrJoin(part.shape.dims(), ", "), "]"));
  }
  if (!stored.is_float()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", part.name, " in ", path, " has dtype ", stored.dtype_code,
                                                   ", which is not F32, BF16, F16 or F64"));
  }
  return absl::OkStatus();
}

// The parts that the checkpoint has a weight in. InvalidArgument where it has it both whole and in parts.
absl::StatusOr<std::vector<Part>> PartsOf(const WeightSpec& spec, const SafetensorsDirectory& directory,
                                          const CheckpointDirectory& source) {
  const bool is_head = source.table_is_head && spec.name == "embed_tokens.weight";
  const std::string name = is_head ? "lm_head.weight" : spec.name;
  const absl::Status whole = directory.Find(StoredNamesOf(name, source.naming)).status();
  std::vector<Part> parts = HubPartsOf(spec);
  if (parts.empty() && !whole.ok()) return whole;
  if (parts.empty()) return std::vector<Part>{{name, spec.shape, 0}};
  const absl::Status split = directory.Find(StoredNamesOf(parts[0].name, source.naming)).status();
  if (absl::IsNotFound(whole)) return parts;
  if (!whole.ok()) return whole;
  if (absl::IsNotFound(split)) return std::vector<Part>{{name, spec.shape, 0}};
  return absl::InvalidArgumentError(
      absl::StrCat("tensors ", name, " and ", parts[0].name, " in ", directory.path(), " are both the same weight"));
}

// Reads one byte of every page, so that the first decode step does not wait for the disk. The sum keeps the reads.
absl::Status TouchPages(Loader& loader, const kernels::TensorView& tensor) {
  const int64_t page = getpagesize();
  const auto address = reinterpret_cast<uintptr_t>(tensor.data);
  void* const first = reinterpret_cast<void*>(address / page * page);
  madvise(first, static_cast<size_t>(tensor.bytes() + static_cast<int64_t>(address % page)), MADV_WILLNEED);
  for (int64_t at = 0; at < tensor.bytes(); at += kPieceElements) {
    RETURN_IF_ERROR(loader.token.Check());
    const auto* bytes = static_cast<const volatile std::byte*>(tensor.data) + at;
    loader.pool.ParallelFor(std::min(kPieceElements, tensor.bytes() - at), kBlockElements,
                            [&](int64_t begin, int64_t end, int) {
                              for (int64_t i = begin; i < end; i += page) static_cast<void>(bytes[i]);
                            });
  }
  return absl::OkStatus();
}

// Lets go of the pages of a mapped file that begin in [begin, end), which were read for the last time.
void ReleasePages(const std::byte* begin, const std::byte* end) {
  const auto page = static_cast<uintptr_t>(getpagesize());
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) / page * page;
  const uintptr_t last = reinterpret_cast<uintptr_t>(end) / page * page;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

kernels::TensorView PartOf(const kernels::TensorView& tensor, const Part& part) {
  return {.data = static_cast<std::byte*>(tensor.data) +
                  part.first_element * static_cast<int64_t>(kernels::SizeOf(tensor.dtype)),
          .dtype = tensor.dtype,
          .shape = part.shape};
}

absl::Status Convert(Loader& loader, const StoredTensor& stored, const kernels::TensorView& tensor) {
  const auto* const from = static_cast<const std::byte*>(stored.data);
  const int64_t size = stored.element_bytes();
  return WriteTensor(loader, tensor, [&](int64_t begin, int64_t end, void* to) {
    stored.Convert(begin, end, to, tensor.dtype);
    ReleasePages(from + begin * size, from + end * size);
  });
}

absl::Status CheckFits(kernels::Backend& backend, int64_t needed) {
  const int64_t available = backend.MemoryAvailableBytes();
  if (needed <= available) return absl::OkStatus();
  return MemoryShortageError("weights", {.bytes_needed = needed, .bytes_available = available});
}

}  // namespace

int64_t WeightBytes(absl::Span<const WeightSpec> specs) {
  int64_t bytes = 0;
  for (const WeightSpec& spec : specs)
    bytes += spec.shape.elements() * static_cast<int64_t>(kernels::SizeOf(spec.dtype));
  return bytes;
}

absl::StatusOr<std::unique_ptr<WeightStore>> WeightStore::Load(kernels::Backend& backend,
                                                               absl::Span<const WeightSpec> specs,
                                                               const WeightSource& source,
                                                               const WeightLoadOptions& options) {
  auto store = std::make_unique<WeightStore>();
  store->bytes_ = WeightBytes(specs);
  if (const auto* synthetic = std::get_if<SyntheticWeights>(&source)) {
    RETURN_IF_ERROR(CheckFits(backend, store->bytes_));
    store->provenance_ = absl::StrCat("synthetic:", synthetic->seed);
    RETURN_IF_ERROR(store->Generate(backend, specs, synthetic->seed, options));
    return store;
  }
  const auto& checkpoint = std::get<CheckpointDirectory>(source);
  ASSIGN_OR_RETURN(store->directory_, checkpoint.files.has_value()
                                          ? SafetensorsDirectory::Open(*checkpoint.files, *options.token)
                                          : SafetensorsDirectory::Open(checkpoint.path, *options.token));
  RETURN_IF_ERROR(CheckFits(backend, store->bytes_));
  const std::string name = std::filesystem::weakly_canonical(checkpoint.path).filename().string();
  store->provenance_ = absl::StrCat("safetensors:", checkpoint.name.empty() ? name : checkpoint.name);
  RETURN_IF_ERROR(store->Read(backend, specs, checkpoint, options));
  RETURN_IF_ERROR(store->CheckUnchanged());
  return store;
}

absl::Status WeightStore::Generate(kernels::Backend& backend, absl::Span<const WeightSpec> specs, uint64_t seed,
                                   const WeightLoadOptions& options) {
  Loader loader(backend, options);
  int64_t done = 0;
  for (const WeightSpec& spec : specs) {
    kernels::TensorView tensor = {.dtype = spec.dtype, .shape = spec.shape};
    ASSIGN_OR_RETURN(std::unique_ptr<kernels::Buffer> buffer, backend.Allocate(tensor.bytes()));
    tensor.data = buffer->data();
    const uint64_t key = SyntheticKey(seed, spec.name);
    const SyntheticRange range = SyntheticRangeFor(spec.init, spec.shape);
    RETURN_IF_ERROR(WriteTensor(loader, tensor, [&](int64_t begin, int64_t end, void* to) {
      FillSynthetic(key, range, spec.dtype, begin, end, to);
    }));
    buffers_.push_back(std::move(buffer));
    tensors_.emplace(spec.name, tensor);
    done += tensor.bytes();
    if (options.on_progress) options.on_progress(static_cast<double>(done) / static_cast<double>(bytes_));
  }
  return absl::OkStatus();
}

absl::Status WeightStore::Read(kernels::Backend& backend, absl::Span<const WeightSpec> specs,
                               const CheckpointDirectory& source, const WeightLoadOptions& options) {
  Loader loader(backend, options);
  int64_t done = 0;
  for (const WeightSpec& spec : specs) {
    ASSIGN_OR_RETURN(const std::vector<Part> parts, PartsOf(spec, *directory_, source));
    std::vector<const StoredTensor*> stored;
    for (const Part& part : parts) {
      ASSIGN_OR_RETURN(stored.emplace_back(), directory_->Find(StoredNamesOf(part.name, source.naming)));
      RETURN_IF_ERROR(CheckStored(part, *stored.back(), directory_->path()));
    }
    const bool whole = parts.size() == 1 && parts[0].shape == spec.shape;
    kernels::TensorView tensor = {.data = const_cast<void*>(stored[0]->data), .dtype = spec.dtype, .shape = spec.shape};
    // The format promises no alignment; kernels may take an element at a time.
    const bool aligned = reinterpret_cast<uintptr_t>(tensor.data) % kernels::SizeOf(spec.dtype) == 0;
    if (backend.host_addressable() && whole && stored[0]->dtype == spec.dtype && aligned) {
      RETURN_IF_ERROR(TouchPages(loader, tensor));
    } else {
      ASSIGN_OR_RETURN(std::unique_ptr<kernels::Buffer> buffer, backend.Allocate(tensor.bytes()));
      tensor.data = buffer->data();
      for (size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(Convert(loader, *stored[i], PartOf(tensor, parts[i])));
      buffers_.push_back(std::move(buffer));
    }
    tensors_.emplace(spec.name, tensor);
    done += tensor.bytes();
    if (options.on_progress) options.on_progress(static_cast<double>(done) / static_cast<double>(bytes_));
  }
  return absl::OkStatus();
}

absl::StatusOr<kernels::TensorView> WeightStore::Get(absl::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return absl::NotFoundError(absl::StrCat("no weight named ", name));
  return found->second;
}

}  // namespace metronome::runtime
