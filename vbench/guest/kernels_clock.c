/* The clock that all kernels read: what one read costs, and whether it ever steps back. Not a workload. */
#include "kernels.h"

int vb_clock(uint64_t loops, double *seconds) {
    uint64_t start = now_ns(), before = start;
    for (uint64_t i = 0; i < loops; i++) {
        uint64_t now = now_ns();
        if (now < before) return ERANGE;
        before = now;
    }
    return report(start, seconds);
}
