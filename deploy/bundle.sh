#!/usr/bin/env bash
# Packs the programs of a build and the shared libraries they need into a tarball that runs from any folder, on any x86-64 Linux whose glibc is
# not older than this machine's. glibc, the driver and CUDA's libraries stay the other machine's. The tarball is tried before it is kept: a tiny model
# is measured, the CUDA plugin must load (a machine without a GPU then lacks the driver and nothing else), and its tests must be listed.
#
#   ./deploy/bundle.sh [--build DIR] [--output FILE]     default: build/release, metronome.tar.gz
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
output=metronome.tar.gz
limit_mb=56  # It travels with the tree, which has the rest of the 64 MB that machines with a GPU take in.

fail() { echo "bundle.sh: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=${2:?--build needs a folder}; shift 2 ;;
    --output) output=${2:?--output needs a file}; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "bundle.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
done
for tool in patchelf strip ldd; do
  command -v "$tool" >/dev/null || fail "needs $tool; on Debian: apt-get install patchelf binutils libc-bin"
done

required=(metronomed bench-client)
optional=(cuda_gpu_test)
plugin=libmetronome_cuda.so

# What the target has: glibc, whose loader and libraries must match each other, and what the CUDA toolkit or driver installs.
stays_behind() {
  case "$1" in
    linux-vdso.so.* | ld-linux-*.so.* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.* | libutil.so.* | libanl.so.*) return 0 ;;
    libcuda.so.* | libcudart.so.* | libcublas.so.* | libcublasLt.so.* | libnvrtc.so.* | libnvJitLink.so.* | libnvidia-*.so.*) return 0 ;;
    *) return 1 ;;
  esac
}

# "name path" of every shared library that the file loads at its start, itself and through others; the path is "not" where there is none.
libraries_of() { ldd "$1" | awk '$2 == "=>" {print $1, $3} $2 != "=>" && $1 ~ /^\// {n = split($1, part, "/"); print part[n], $1}'; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(basename "$output" .tar.gz)
stage=$work/$name
mkdir -p "$stage/bin" "$stage/lib"

for program in "${required[@]}" "${optional[@]}"; do
  if [ -x "$build/bin/$program" ]; then
    cp -L "$build/bin/$program" "$stage/bin/"
  elif [[ " ${required[*]} " == *" $program "* ]]; then
    fail "$build/bin/$program is not built"
  fi
done
built_plugin=$(find "$build" -name "$plugin" -not -type d -print -quit)
if [ -n "$built_plugin" ]; then cp -L "$built_plugin" "$stage/lib/"; fi

for file in "$stage"/bin/* "$stage"/lib/*.so; do
  [ -e "$file" ] || continue
  origin=$build/bin/$(basename "$file")
  [ -e "$origin" ] || origin=$built_plugin
  while read -r library path; do
    if stays_behind "$library" || [ -e "$stage/lib/$library" ]; then continue; fi
    [ -e "$path" ] || fail "$library, which $(basename "$file") needs, is not on this machine"
    cp -L "$path" "$stage/lib/$library"
  done < <(libraries_of "$origin")
done

# RPATH rather than RUNPATH: it comes before LD_LIBRARY_PATH, which machines with CUDA tend to set to folders full of other libraries.
for file in "$stage"/bin/* "$stage"/lib/*; do
  chmod u+w "$file"
  strip --strip-unneeded "$file"
  # shellcheck disable=SC2016  # $ORIGIN is for the loader.
  patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$file"
done
tar -C "$work" --owner=0 --group=0 --sort=name -c "$name" | gzip -9 >"$work/bundle.tar.gz"
size_mb=$(($(stat -c %s "$work/bundle.tar.gz") / 1000000))
[ "$size_mb" -lt "$limit_mb" ] || fail "the tarball has $size_mb MB, the limit is $limit_mb MB"

# From a folder of its own, with nothing in the environment: every library must be the tarball's or one that stays behind, and a model must run.
trial=$work/trial
mkdir -p "$trial/home"
tar -C "$trial" -xzf "$work/bundle.tar.gz"
clean() { (cd "$trial" && env -i HOME="$trial/home" PATH=/usr/bin:/bin "$@"); }
for file in "$trial/$name"/bin/* "$trial/$name"/lib/*; do
  while read -r library path; do
    if stays_behind "$library"; then continue; fi
    [[ $path == "$trial/"* ]] || fail "$(basename "$file") takes $library from $path, not from the tarball"
  done < <(clean ldd "$file" | awk '$2 == "=>" {print $1, $3}')
done
clean "$name/bin/metronomed" --version >/dev/null || fail "metronomed --version fails outside the build"
clean "$name/bin/bench-client" run --models tiny-llama --prompt-tokens 8 --decode-tokens 4 --db "$trial/home/runs.db" -o json \
  >"$trial/run.json" 2>"$trial/run.log" || fail "a benchmark of tiny-llama fails outside the build: $(cat "$trial/run.log" "$trial/run.json")"
grep -q 'started metronomed' "$trial/run.log" || fail "a daemon answers on the default address, so the tarball's was not tried; stop it first"
grep -q '"outcome": *"ok"' "$trial/run.json" || fail "tiny-llama was not measured outside the build: $(cat "$trial/run.json")"

tests=none
if [ -n "$built_plugin" ]; then
  # "cannot load FILE" is a library that the plugin lacks, "of another build" one that does not fit the daemon.
  cuda=$(clean "$name/bin/bench-client" status --db "$trial/home/runs.db" 2>"$trial/status.log" | grep '^backend cuda: ') ||
    fail "the daemon has no backend cuda outside the build: $(cat "$trial/status.log")"
  case "$cuda" in
    "backend cuda: not available: no NVIDIA driver"* | "backend cuda: not available: no CUDA device"*) plugin_state="the plugin loads and finds no GPU here" ;;
    "backend cuda: not available:"*) fail "the plugin does not load outside the build: $cuda" ;;
    *) plugin_state="the plugin serves on the GPU here" ;;
  esac
fi
if [ -e "$stage/bin/cuda_gpu_test" ]; then
  clean "$name/bin/cuda_gpu_test" --gtest_list_tests >"$trial/tests.txt" || fail "cuda_gpu_test does not start outside the build"
  tests=$(grep -c '^  ' "$trial/tests.txt") || fail "cuda_gpu_test lists no test"
fi

mv "$work/bundle.tar.gz" "$output"
missing=()
for program in "${optional[@]}"; do [ -e "$stage/bin/$program" ] || missing+=("$program"); done
[ -n "$built_plugin" ] || missing+=("$plugin")
echo "$output: $size_mb MB, $(find "$stage/bin" -type f | wc -l) programs, $(find "$stage/lib" -type f | wc -l) libraries; it ran from a folder of its own."
[ -z "$built_plugin" ] || echo "CUDA: $plugin_state; tests for a GPU: $tests."
[ ${#missing[@]} -eq 0 ] || echo "Not built, so not inside: ${missing[*]}"
