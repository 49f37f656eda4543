/* Executes vbench's hash kernel as often as its argument says and prints nothing: what hyperfine times. */
#include <stdlib.h>
#include "kernels.h"

int vb_hash(uint64_t loops, double *seconds);

int main(int count, char **words) {
    double seconds;
    return count != 2 || vb_hash(strtoull(words[1], NULL, 10), &seconds);
}
