#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/program.h"

// The file of a compiled program, little-endian:
//
//   header   "SYNCOPRG", version (u32), 0 (u32), checksum of the payload (u64), its bytes (u64)
//   payload  machine (u32 length, bytes), number of instructions (u64), instructions (low, high),
//            number of layers (u64), layers (see program_file.cpp), image bytes (u64), image
//
// Weights are in the image in the machine's own format, so a file is all that the clocked engine
// needs beside the activations.

namespace syncopate::sim {

/// Writes a program in one step (old contents or new, never a part); InputError when that fails.
void write_program(const std::string& path, const Program& program);
/// Reads a program. InputError naming the file for anything that write_program would not write:
/// truncated, damaged, of another version, impossible sizes.
Program read_program(const std::string& path);

/// The same on bytes in memory; `name` stands for the file in messages.
std::vector<std::byte> to_bytes(const Program& program);
Program parse_program(std::vector<std::byte> bytes, std::string_view name);
/// Puts the header with the right checksum before a payload; what fuzzers use to get past it.
std::vector<std::byte> seal_program(std::span<const std::byte> payload);

}  // namespace syncopate::sim
