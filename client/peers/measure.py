"""What a peer does inside its process: build the model with random weights on the device, generate greedily, take times.

Times are taken as Metronome takes its own: TTFT from the prompt's ids on the host to the first token's id on the host, TPOT as
(last token - first token) / (n - 1), every iteration from an empty cache. Allocating and clearing the cache is not counted.
"""
import time

import torch
import torch._dynamo.utils
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, StaticCache

# Warm-ups added, one by one, while the one before still compiled something: lengths become symbols only after they have changed.
MAX_EXTRA_WARMUPS = 5
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def splitmix64_tokens(count, seed, vocab):
    """The prompt that the daemon makes of the same seed (SyntheticTokens in server/service/prompt.cc)."""
    mask, state, tokens = (1 << 64) - 1, seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        tokens.append((z ^ (z >> 31)) % vocab)
    return tokens


def digest_of(ids):
    """64-bit FNV-1a of the ids as 32-bit little-endian integers, 16 hex digits."""
    value = 0xCBF29CE484222325
    for byte in b"".join(id.to_bytes(4, "little") for id in ids):
        value = ((value ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return f"{value:016x}"


def text_config(raw):
    """The text model's configuration: of a multimodal file, its inner part."""
    raw = dict(raw.get("text_config") or raw)
    return AutoConfig.for_model(raw.pop("model_type"), **raw)


def parameters_of(config):
    """All that a checkpoint would hold, without allocating it; a tied head counts once."""
    with torch.device("meta"):
        tensors = AutoModelForCausalLM.from_config(config).state_dict(keep_vars=True).values()
    return sum({id(tensor): tensor.numel() for tensor in tensors}.values())


def available_bytes(device):
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def peak_bytes(device):
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def is_out_of_memory(error):
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def build(config, dtype, device, seed):
    torch.manual_seed(seed)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def graphs_compiled():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


class GreedyDecoder:
    """A static cache and a model; `compiled` puts the decode step, not the prompt, through torch.compile, as transformers' generate does."""

    def __init__(self, model, max_cache_len, device, compiled):
        self._device = device
        self._cache = StaticCache(config=model.config, max_cache_len=max_cache_len)

        def step(ids, positions):
            logits = model(input_ids=ids, position_ids=positions, past_key_values=self._cache, use_cache=True, logits_to_keep=1).logits
            return logits[0, -1].argmax()

        self._prefill = step
        self._decode = torch.compile(step, mode="reduce-overhead") if compiled else step

    def _run(self, function, ids, first_position):
        positions = torch.arange(first_position, first_position + len(ids), device=self._device)[None]
        torch.compiler.cudagraph_mark_step_begin()
        return int(function(torch.tensor([ids], device=self._device), positions))  # Waits for the device.

    @torch.no_grad()
    def generate(self, prompt, count):
        """(ids, seconds from the start at which each was known on the host)"""
        self._cache.reset()
        ids, times = [], []
        start = time.perf_counter()
        ids.append(self._run(self._prefill, prompt, 0))
        times.append(time.perf_counter() - start)
        while len(ids) < count:
            ids.append(self._run(self._decode, [ids[-1]], len(prompt) + len(ids) - 1))
            times.append(time.perf_counter() - start)
        return ids, times


def samples_of(times, iteration, prompt_tokens):
    """Samples of one iteration, in milliseconds; a step's position is the number of tokens in the cache before it."""
    samples = [{"metric": "ttft_ms", "index": iteration, "position": 0, "value": times[0] * 1e3}]
    if len(times) > 1:
        samples.append({"metric": "tpot_ms", "index": iteration, "position": 0, "value": (times[-1] - times[0]) / (len(times) - 1) * 1e3})
    samples += [{"metric": "step_ms", "index": iteration, "position": prompt_tokens + i, "value": (after - before) * 1e3}
                for i, (before, after) in enumerate(zip(times, times[1:]))]
    return samples


def measure(raw_config, options, device, result):
    """Fills `result`, a v1.BenchmarkResult as a dictionary, as far as it gets."""
    config = text_config(raw_config)
    dtype = DTYPES[options.dtype]
    result["weight_bytes"] = parameters_of(config) * dtype.itemsize
    result["memory_available_before_bytes"] = available_bytes(device)
    if result["weight_bytes"] > result["memory_available_before_bytes"]:
        result.update(bytes_needed=result["weight_bytes"], bytes_available=result["memory_available_before_bytes"])
        raise MemoryError(f"weights need {result['weight_bytes']} bytes, {result['memory_available_before_bytes']} are available")

    started = time.perf_counter()
    model = build(config, dtype, device, options.seed)
    result["load_ms"] = (time.perf_counter() - started) * 1e3
    compiled = options.peer == "torch_compile"
    decoder = GreedyDecoder(model, options.prompt_tokens + options.decode_tokens, device, compiled)
    prompt = splitmix64_tokens(options.prompt_tokens, options.seed, config.vocab_size)
    started = time.perf_counter()
    graphs_before = None
    for warmup in range(options.warmups + (MAX_EXTRA_WARMUPS if compiled else 0)):
        if warmup >= options.warmups and graphs_compiled() == graphs_before:
            break
        graphs_before = graphs_compiled()
        decoder.generate(prompt, options.decode_tokens)
    if compiled:
        result["compile_ms"] = (time.perf_counter() - started) * 1e3  # The warm-ups, in which compilation happens.

    graphs_before = graphs_compiled()
    generated = set()
    for iteration in range(options.iters):
        ids, times = decoder.generate(prompt, options.decode_tokens)
        generated.add(tuple(ids))
        result["samples"] += samples_of(times, iteration, options.prompt_tokens)
    graphs = graphs_compiled()

    notes = [f"torch {torch.__version__}, transformers {transformers.__version__}, attention {model.config._attn_implementation}"]
    if getattr(config, "num_experts", None) or getattr(config, "num_local_experts", None):
        notes.append(f"experts {getattr(model.config, '_experts_implementation', 'as the model has them')}")
    if compiled:
        notes.append(f"decode compiled, prompt eager; {graphs} graphs, {graphs - graphs_before} of them compiled while measuring")
    digest = digest_of(generated.pop()) if len(generated) == 1 else "mixed"
    result.update(outcome="ok", output_digest=digest, peak_memory_bytes=peak_bytes(device), note="; ".join(notes))


def bandwidth(device, size_bytes, repeats=10):
    """Best of `repeats` copies and reads of `size_bytes` by torch on the device: bytes a second, a copy's counted in and out."""
    source = torch.ones(size_bytes // 4, device=device)
    target = torch.empty_like(source)

    def best(work, moved_bytes):
        fastest = float("inf")
        for _ in range(repeats + 1):  # One more: the first warms up, and is not the fastest.
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            fastest = min(fastest, time.perf_counter() - start)
        return moved_bytes / fastest

    return {"copy_bytes_per_second": best(lambda: target.copy_(source), 2 * size_bytes),
            "read_bytes_per_second": best(lambda: torch.sum(source), size_bytes), "buffer_bytes": size_bytes, "repeats": repeats}
