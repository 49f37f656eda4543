/* Workloads of the cpu family: code that stays in user space. */
#define _GNU_SOURCE
#include "kernels.h"
#include <string.h>

/* --- hash: 64-bit multiply and rotate in four lanes over 4 KiB, so that it is bound by throughput, not by latency --- */

enum { HASH_WORDS = 512 };
static uint64_t hash_words[HASH_WORDS];

static inline uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

uint64_t vb_hash_digest(const uint64_t *words, uint64_t count, uint64_t seed) {
    uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3};
    for (uint64_t i = 0; i + 4 <= count; i += 4)
        for (int j = 0; j < 4; j++)
            lane[j] = rotate(lane[j] + words[i + j] * 0xc2b2ae3d27d4eb4fu, 31) * 0x9e3779b185ebca87u;
    return mix(lane[0] ^ rotate(lane[1], 7) ^ rotate(lane[2], 12) ^ rotate(lane[3], 18));
}

int vb_hash(uint64_t loops, double *seconds) {
    for (uint64_t i = 0; i < HASH_WORDS; i++) hash_words[i] = mix(i + 1);
    uint64_t start = now_ns(), digest = 0;
    for (uint64_t i = 0; i < loops; i++) {
        digest = vb_hash_digest(hash_words, HASH_WORDS, digest ^ i);
        CLOBBER();
    }
    KEEP(digest);
    return report(start, seconds);
}

/* --- matrix: double 64 x 64 multiply-add, 96 KiB in all --- */

enum { SIDE = 64 };
static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static void multiply(void) {
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) product[i][j] = 0;
        for (int k = 0; k < SIDE; k++) {
            double factor = left[i][k];
            for (int j = 0; j < SIDE; j++) product[i][j] += factor * right[k][j];
        }
    }
}

int vb_matrix(uint64_t loops, double *seconds) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = i + 2 * j;
            right[i][j] = i - j;
        }
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        multiply();
        CLOBBER();
    }
    return report(start, seconds);
}

double vb_matrix_at(int row, int column) { return product[row][column]; }

/* --- sha256 of 16 KiB, FIPS 180-4 --- */

enum { SHA_BYTES = 16384 };
static unsigned char sha_data[SHA_BYTES];
static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t turn(uint32_t x, int by) { return (x >> by) | (x << (32 - by)); }

static void sha_block(uint32_t state[8], const unsigned char *p) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t choose = (s[4] & s[5]) ^ (~s[4] & s[6]), major = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + choose + sha_k[i] + w[i];
        uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + major;
        /* Assignments and no loop: gcc makes a loop into a call of memmove, and the C library's would be measured too. */
        s[7] = s[6], s[6] = s[5], s[5] = s[4], s[4] = s[3] + one;
        s[3] = s[2], s[2] = s[1], s[1] = s[0], s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

void vb_sha256_digest(const unsigned char *data, uint64_t length, unsigned char out[32]) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    unsigned char tail[128] = {0};
    uint64_t whole = length / 64 * 64, rest = length - whole, bits = length * 8;
    for (uint64_t i = 0; i < whole; i += 64) sha_block(state, data + i);
    if (rest) memcpy(tail, data + whole, rest);
    tail[rest] = 0x80;
    uint64_t end = rest < 56 ? 64 : 128;
    for (int i = 0; i < 8; i++) tail[end - 1 - i] = (unsigned char)(bits >> (8 * i));
    for (uint64_t i = 0; i < end; i += 64) sha_block(state, tail + i);
    for (int i = 0; i < 32; i++) out[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

int vb_sha256(uint64_t loops, double *seconds) {
    unsigned char digest[32];
    for (int i = 0; i < SHA_BYTES; i++) sha_data[i] = (unsigned char)(i * 7);
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++) {
        vb_sha256_digest(sha_data, SHA_BYTES, digest);
        memcpy(sha_data, digest, sizeof digest); /* the next one depends on this one */
        CLOBBER();
    }
    return report(start, seconds);
}
