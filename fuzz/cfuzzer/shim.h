#pragma once
#include <stddef.h>
#include <stdint.h>

// libFuzzer's driver: runs `one` on inputs of its own choosing until it is told to stop.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));
