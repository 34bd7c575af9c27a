// The same program over the emulation, so that all but its times is tested without a GPU.
#include "tests/gpu/bench/kernel_bench.cu"
