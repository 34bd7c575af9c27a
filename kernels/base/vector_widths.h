#ifndef METRONOME_KERNELS_BASE_VECTOR_WIDTHS_H_
#define METRONOME_KERNELS_BASE_VECTOR_WIDTHS_H_

// A function that is declared with this is compiled for several widths of vectors, and the loader picks the widest that
// the processor has. Results may not depend on the width. Under ThreadSanitizer there is one version: the loader asks
// which to take before the sanitizer's runtime can be called, and the program would crash at its start.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define METRONOME_VECTOR_WIDTHS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define METRONOME_VECTOR_WIDTHS
#endif

#endif  // METRONOME_KERNELS_BASE_VECTOR_WIDTHS_H_
