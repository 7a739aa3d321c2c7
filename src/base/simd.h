#pragma once

/// SYNCOPATE_MULTIVERSION before a function definition compiles it once per instruction set and
/// picks the best one when the program starts, so that plain loops become AVX2 or AVX-512 code
/// without -march=native. The function must be self-contained: what it calls must be inlined into
/// it (templates and lambdas are compiled for the baseline only, unless they are inlined).
///
/// The x86-64 levels are chosen by CPU features. Names of microarchitectures ("arch=haswell") would
/// match that one model only, and leave every other CPU, newer ones included, with the default.
/// What is beyond these levels (VPOPCNTDQ, VNNI) needs SYNCOPATE_TARGET_BEGIN and a dispatch by
/// hand.
///
/// Nothing under sanitizers (they dislike indirect functions resolved before they start) or with
/// compilers without target_clones; the code is then the same, but slower.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SYNCOPATE_MULTIVERSION \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SYNCOPATE_MULTIVERSION
#endif

/// Functions between SYNCOPATE_TARGET_BEGIN("avx512f,avx512bw") and SYNCOPATE_TARGET_END may use
/// these instruction sets, templates and intrinsics included. Call them only after
/// __builtin_cpu_supports said yes. Include standard headers outside.
#define SYNCOPATE_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define SYNCOPATE_TARGET_BEGIN(features) \
  SYNCOPATE_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SYNCOPATE_TARGET_END SYNCOPATE_PRAGMA(clang attribute pop)
#else
#define SYNCOPATE_TARGET_BEGIN(features) \
  SYNCOPATE_PRAGMA(GCC push_options) SYNCOPATE_PRAGMA(GCC target(features))
#define SYNCOPATE_TARGET_END SYNCOPATE_PRAGMA(GCC pop_options)
#endif
