#include "cli/program.h"

#include <fmt/core.h>
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

int run(int argc, const char* const* argv, const Training* training) {
  if (argc == 1) {
    const char* const help[] = {argv[0], "--help"};
    std::fputs(parse(2, help, training).text.c_str(), stderr);
    return kInputError;
  }
  const Invocation invocation = parse(argc, argv, training);
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

}  // namespace

int program(int argc, const char* const* argv, const Training* training) {
  try {
    return run(argc, argv, training);
  } catch (const InputError& error) {
    report_error(error.what());
    return kInputError;
  } catch (const Interrupted& interrupted) {
    report_error(interrupted.what());
    return kInterrupted;
  } catch (const std::bad_alloc&) {
    report_error("out of memory");
    return kInputError;
  } catch (const std::exception& error) {
    report_error(fmt::format("this is a bug in Syncopate, please report it: {}", error.what()));
    return kInternalError;
  }
}

}  // namespace syncopate::cli
