# Everything Syncopate takes from Debian 12. `scripts/packages.txt` lists the package names.
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(TBB REQUIRED)
find_package(Protobuf REQUIRED)  # before ONNX, whose config names its targets
find_package(ONNX 1.12 REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(OpenMP REQUIRED)  # clang's is a package of its own
if(SYNCOPATE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SYNCOPATE_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Debian's dnnl CMake config asks for OpenCL headers, so the library is found directly.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
add_library(syncopate_dnnl INTERFACE)
target_include_directories(syncopate_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(syncopate_dnnl INTERFACE ${DNNL_LIBRARY})

# Training: AUTO takes libtorch where it is found, ON insists. Everything else builds without it.
set(SYNCOPATE_TRAIN AUTO CACHE STRING "Build training, which needs libtorch: AUTO, ON or OFF")
set_property(CACHE SYNCOPATE_TRAIN PROPERTY STRINGS AUTO ON OFF)
set(SYNCOPATE_TRAIN_FOUND FALSE)
set(SYNCOPATE_TORCH "" CACHE PATH "PyTorch's Python package (.../site-packages/torch), to take its libtorch: needs no \
CUDA toolkit, which that libtorch's own CMake configuration asks for where it was built for CUDA")
# libtorch is not instrumented: under ASan its containers and allocator report what is not there.
if(SYNCOPATE_TRAIN AND NOT SYNCOPATE_SANITIZE AND NOT SYNCOPATE_FUZZ)
  if(SYNCOPATE_TORCH)
    find_path(SYNCOPATE_TORCH_INCLUDE torch/types.h REQUIRED NO_DEFAULT_PATH
              PATHS ${SYNCOPATE_TORCH}/include/torch/csrc/api/include)
    add_library(syncopate_torch INTERFACE)
    target_include_directories(syncopate_torch SYSTEM INTERFACE ${SYNCOPATE_TORCH}/include ${SYNCOPATE_TORCH_INCLUDE})
    # Nothing calls the part for GPUs by name. What its libraries need is found where they lie.
    file(GLOB libraries ${SYNCOPATE_TORCH}/lib/libtorch.so ${SYNCOPATE_TORCH}/lib/libtorch_cpu.so
         ${SYNCOPATE_TORCH}/lib/libtorch_cuda.so ${SYNCOPATE_TORCH}/lib/libc10.so ${SYNCOPATE_TORCH}/lib/libc10_cuda.so)
    target_link_libraries(syncopate_torch INTERFACE -Wl,--no-as-needed ${libraries} -Wl,--as-needed
                                                    -Wl,--allow-shlib-undefined)
    set(TORCH_LIBRARIES syncopate_torch)
    set(SYNCOPATE_TRAIN_FOUND TRUE)
  else()
    # Its configuration adds flags for every target of the project; only one folder is to have them.
    set(flags "${CMAKE_CXX_FLAGS}")
    find_package(Torch QUIET)
    set(CMAKE_CXX_FLAGS "${flags}")
    set(SYNCOPATE_TRAIN_FOUND ${Torch_FOUND})
  endif()
endif()
if(SYNCOPATE_TRAIN_FOUND)
  # PyTorch's own libtorch brings headers of other versions of libraries found above; these come first.
  find_path(FMT_INCLUDE_DIR fmt/core.h REQUIRED)
  set(SYNCOPATE_BEFORE_TORCH ${CMAKE_BINARY_DIR}/before_torch)
  file(MAKE_DIRECTORY ${SYNCOPATE_BEFORE_TORCH})
  file(CREATE_LINK ${FMT_INCLUDE_DIR}/fmt ${SYNCOPATE_BEFORE_TORCH}/fmt SYMBOLIC)
  file(CREATE_LINK ${DNNL_INCLUDE_DIR}/oneapi ${SYNCOPATE_BEFORE_TORCH}/oneapi SYMBOLIC)
endif()
if(SYNCOPATE_TRAIN STREQUAL "ON" AND NOT SYNCOPATE_TRAIN_FOUND)
  message(FATAL_ERROR "SYNCOPATE_TRAIN=ON, but libtorch was not found: install libtorch-dev and "
                      "libopenblas0-pthread, or set CMAKE_PREFIX_PATH to another libtorch or SYNCOPATE_TORCH "
                      "to a Python package of PyTorch; it "
                      "does not go with SYNCOPATE_SANITIZE and SYNCOPATE_FUZZ")
endif()

# JBIG measures how irregular masks are (src/prune/irregularity.h).
find_library(JBIG_LIBRARY jbig REQUIRED)
find_path(JBIG_INCLUDE_DIR jbig.h REQUIRED)
add_library(syncopate_jbig INTERFACE)
target_include_directories(syncopate_jbig SYSTEM INTERFACE ${JBIG_INCLUDE_DIR})
target_link_libraries(syncopate_jbig INTERFACE ${JBIG_LIBRARY})

if(SYNCOPATE_TESTS)
  # Tests spend their time in what they test; compiling them is a third faster with little optimization.
  add_library(syncopate_gtest INTERFACE)
  target_link_libraries(syncopate_gtest INTERFACE GTest::gtest_main)
  target_compile_options(syncopate_gtest INTERFACE $<$<CONFIG:Release>:-O1>)
endif()

# What every target of the project is compiled with.
add_library(syncopate_options INTERFACE)
# Designated initializers name what they set and leave the rest to the declared defaults.
target_compile_options(syncopate_options INTERFACE -Wall -Wextra -Wconversion -Wshadow
                       -Wno-missing-field-initializers)
if(SYNCOPATE_WERROR)
  target_compile_options(syncopate_options INTERFACE -Werror)
endif()
if(SYNCOPATE_SANITIZE)
  # Null pointers and accesses beyond an object are reported by the address sanitizer, too; checked
  # twice they take a fifth of the compilation.
  target_compile_options(syncopate_options INTERFACE -fsanitize=address,undefined
                         -fno-sanitize=null,object-size -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(syncopate_options INTERFACE -fsanitize=address,undefined)
endif()
if(SYNCOPATE_FUZZ)
  # Coverage of the libraries is what guides the fuzzer.
  target_compile_options(syncopate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
