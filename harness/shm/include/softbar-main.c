/* The process around a driver that has an sb_main, as `softbar run` is for one in WebAssembly: DRIVER DIR [--set NAME=NUMBER]... */
#include "softbar.h"

struct sb_state sb_state;

int32_t sb_main(void);

int main(int argument_count, char **arguments) {
  if (argument_count < 2 || arguments[1][0] == '-') {
    fprintf(stderr, "usage: %s DIR [--set NAME=NUMBER]...\n  DIR  what `softbar serve DEVICE --shm DIR` made\n", arguments[0]);
    return 2;
  }
  sb_state.option_count = argument_count - 2;
  sb_state.options = arguments + 2;
  sb_open(arguments[1]);
  int32_t result = sb_main();
  sb_close();
  return result;
}
