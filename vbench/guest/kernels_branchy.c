/* cpu.branchy: an interpreter of bytecode whose next instruction often depends on random data, so that the processor's
 * prediction of indirect jumps fails. */
#define _GNU_SOURCE
#include "kernels.h"

enum { ADD, XOR, ROTATE, MULTIPLY, STORE, SUBTRACT, SKIP, JUMP, OPCODES };
enum { INSTRUCTIONS = 256, STEPS = 4096, REGISTERS = 8 };

struct machine {
    uint64_t value, random, registers[REGISTERS];
    uint8_t at;
};
static uint8_t opcodes[INSTRUCTIONS], operands[INSTRUCTIONS];
static uint64_t operations; /* goes on from call to call, so that no predictor learns the same sequence again and again */

static void make_program(void) {
    for (uint64_t i = 0; i < INSTRUCTIONS; i++) {
        uint64_t bits = mix(i + 1);
        opcodes[i] = (uint8_t)(bits % OPCODES);
        operands[i] = (uint8_t)(bits >> 32);
    }
}

static struct machine fresh(uint64_t seed) {
    struct machine m = {.value = seed, .random = mix(seed)};
    for (uint64_t i = 0; i < REGISTERS; i++) m.registers[i] = mix(seed + i + 1);
    return m;
}

static inline uint64_t drawn(struct machine *m) { /* its highest bits are the best ones */
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return m->random;
}

static inline uint64_t turned(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

/* An instruction is reached by a jump through its address, as in CPython and Lua. */
static uint64_t interpret(uint64_t seed) {
    static const void *const labels[OPCODES] = {&&add, &&xor, &&rotate, &&multiply, &&store, &&subtract, &&skip, &&jump};
    struct machine m = fresh(seed);
    int left = STEPS;
    uint8_t operand;
#define NEXT()                           \
    do {                                 \
        if (left-- == 0) return m.value; \
        operand = operands[m.at];        \
        goto *labels[opcodes[m.at++]];   \
    } while (0)
    NEXT();
add:
    m.value += m.registers[operand % REGISTERS];
    NEXT();
xor:
    m.value ^= m.registers[operand % REGISTERS];
    NEXT();
rotate:
    m.value = turned(m.value, 1 + operand % 63);
    NEXT();
multiply:
    m.value *= 0x9e3779b97f4a7c15u;
    NEXT();
store:
    m.registers[operand % REGISTERS] = m.value;
    NEXT();
subtract:
    m.value -= operand + 1u;
    NEXT();
skip:
    if (drawn(&m) >> 63) m.at++;
    NEXT();
jump:
    m.at = (uint8_t)(drawn(&m) >> 56);
    NEXT();
#undef NEXT
}

/* The same program without jumps through addresses: what the result is compared with. */
uint64_t vb_branchy_expected(uint64_t seed) {
    make_program();
    struct machine m = fresh(seed);
    for (int step = 0; step < STEPS; step++) {
        uint8_t operand = operands[m.at], opcode = opcodes[m.at];
        uint64_t *chosen = &m.registers[operand % REGISTERS];
        m.at++;
        if (opcode == ADD) m.value += *chosen;
        if (opcode == XOR) m.value ^= *chosen;
        if (opcode == ROTATE) m.value = turned(m.value, 1 + operand % 63);
        if (opcode == MULTIPLY) m.value *= 0x9e3779b97f4a7c15u;
        if (opcode == STORE) *chosen = m.value;
        if (opcode == SUBTRACT) m.value -= operand + 1u;
        if (opcode == SKIP) m.at = (uint8_t)(m.at + (drawn(&m) >> 63));
        if (opcode == JUMP) m.at = (uint8_t)(drawn(&m) >> 56);
    }
    return m.value;
}

int vb_branchy(uint64_t loops, double *seconds) {
    uint64_t last = 0;
    make_program();
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        last = interpret(operations++);
        KEEP(last);
    }
    uint64_t end = now_ns();
    if (loops && last != vb_branchy_expected(operations - 1)) return WRONG;
    *seconds = (double)(end - start) * 1e-9;
    return 0;
}
