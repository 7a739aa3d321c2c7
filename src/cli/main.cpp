#include <fmt/format.h>
#include <omp.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <tbb/global_control.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/restart.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/parse.h"

namespace syncopate::cli {
namespace {

enum ExitCode { kOk = 0, kInputError = 2, kInternalError = 70, kInterrupted = 130 };

void set_up_log(int verbose) {
  auto logger = std::make_shared<spdlog::logger>("syncopate",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%H:%M:%S.%e %v");
  logger->set_level(verbose == 0   ? spdlog::level::warn
                    : verbose == 1 ? spdlog::level::info
                                   : spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void report_error(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "syncopate: error: %s\n", text.c_str());
}

/// Everything between the command line and the exit code.
int run_main(int argc, const char* const* argv) {
  if (argc == 1) {
    const char* const help[] = {argv[0], "--help"};
    std::fputs(parse(2, help).text.c_str(), stderr);
    return kInputError;
  }
  const Invocation invocation = parse(argc, argv);
  Console console(invocation.global.color);
  if (!invocation.execute) {
    console.print(invocation.text);
    return kOk;
  }
  restart_tuned(argv);
  install_interrupt_handler();
  set_up_log(invocation.global.verbose);
  std::optional<tbb::global_control> limit;
  if (invocation.global.threads > 0) {
    limit.emplace(tbb::global_control::max_allowed_parallelism,
                  static_cast<std::size_t>(invocation.global.threads));
    omp_set_num_threads(invocation.global.threads);
  }
  invocation.execute(console);
  return kOk;
}

int guarded_main(int argc, const char* const* argv) {
  try {
    return run_main(argc, argv);
  } catch (const InputError& error) {
    report_error(error.what());
    return kInputError;
  } catch (const Interrupted&) {
    report_error("interrupted; nothing was written");
    return kInterrupted;
  } catch (const std::bad_alloc&) {
    report_error("out of memory");
    return kInputError;
  } catch (const std::exception& error) {
    report_error(fmt::format("this is a bug in Syncopate, please report it: {}", error.what()));
    return kInternalError;
  }
}

}  // namespace
}  // namespace syncopate::cli

int main(int argc, char** argv) { return syncopate::cli::guarded_main(argc, argv); }
