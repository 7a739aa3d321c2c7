#pragma once

#include <cstdint>
#include <string>

// Numbers as people read them: three significant digits and a unit.

namespace syncopate::report {

/// "1,234,567"
std::string grouped(std::int64_t value);
/// "987", "12.3 k", "4.56 M", "7.89 G"
std::string short_count(double value);
/// "512 B", "1.50 KiB", "2.25 MiB"
std::string short_bytes(double bytes);
/// From seconds: "12.3 ms", "4.56 us"
std::string short_time(double seconds);
/// From picojoules: "12.3 uJ", "4.56 mJ"
std::string short_energy(double picojoules);
/// "12.3 %", "<0.1 %", "0 %", "100 %"
std::string percent(double fraction);
/// Of FPGA resources: "1,024", "4.5 of 912" where there is a limit.
std::string amount(double used, double limit = 0);
/// "1.71x"
std::string ratio(double value);

}  // namespace syncopate::report
