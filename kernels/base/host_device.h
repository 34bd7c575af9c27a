#ifndef METRONOME_KERNELS_BASE_HOST_DEVICE_H_
#define METRONOME_KERNELS_BASE_HOST_DEVICE_H_

// Before a function that CUDA kernels call too. It uses the language and <cmath> alone.
#if defined(__CUDACC__)
#define METRONOME_HOST_DEVICE __host__ __device__
#else
#define METRONOME_HOST_DEVICE
#endif

#endif  // METRONOME_KERNELS_BASE_HOST_DEVICE_H_
