#pragma once

/// SYNCOPATE_MULTIVERSION before a function definition compiles it once per instruction set and
/// picks the best one when the program starts, so that plain loops become AVX2 or AVX-512 code
/// without -march=native. The function must be self-contained: what it calls must be inlined into
/// it (templates and lambdas are compiled for the baseline only, unless they are inlined).
///
/// Nothing under sanitizers (they dislike indirect functions resolved before they start) or with
/// compilers without target_clones; the code is then the same, but slower.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SYNCOPATE_MULTIVERSION \
  __attribute__((              \
      target_clones("default", "arch=haswell", "arch=skylake-avx512", "arch=icelake-server")))
#else
#define SYNCOPATE_MULTIVERSION
#endif
