# The tree is the data flow: a folder under src/ is one library, and may use only folders that stand
# above it in the list of src/CMakeLists.txt. `tests/layering_test.py` holds the includes to that.

# syncopate_compile_alone(FILE...)
#   CMAKE_UNITY_BUILD, with which CI compiles the files of a folder several at a time, leaves those alone that say
#   "// Compiled alone:" and why, e.g. as another file of the folder has names of its own that are the same.
function(syncopate_compile_alone)
  foreach(file ${ARGN})
    file(STRINGS ${file} alone REGEX "^// Compiled alone:" LIMIT_COUNT 1)
    if(alone)
      set_source_files_properties(${file} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# syncopate_folder(NAME [USES folder...] [LINKS library...])
#   src/NAME/*.cpp        -> library syncopate_NAME
#   src/NAME/*_test.cpp   -> one test executable NAME_test, registered with CTest
function(syncopate_folder name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(scope PUBLIC)
  if(sources)
    add_library(syncopate_${target} STATIC ${sources})
  else()
    add_library(syncopate_${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(syncopate_${target} ${scope} ${CMAKE_SOURCE_DIR}/src
                             ${CMAKE_BINARY_DIR}/generated)
  foreach(used ${ARG_USES})
    target_link_libraries(syncopate_${target} ${scope} syncopate_${used})
  endforeach()
  target_link_libraries(syncopate_${target} ${scope} syncopate_options fmt::fmt ${ARG_LINKS})
  syncopate_compile_alone(${sources} ${tests})
  if(SYNCOPATE_TESTS AND tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE syncopate_${target} syncopate_gtest)
    target_compile_definitions(${target}_test PRIVATE
                               SYNCOPATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${target} COMMAND ${target}_test)
  endif()
endfunction()

# syncopate_embed(TARGET NAMESPACE FILE...)
#   Compiles data files into TARGET as a table `NAMESPACE::embedded_files()` of name and contents, so
#   that the binary needs nothing beside it. See base/embedded.h.
function(syncopate_embed target namespace)
  string(REPLACE "::" "_" name ${namespace})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}_embedded.cpp)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAMESPACE=${namespace} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
