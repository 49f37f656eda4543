/* cpu.aes: AES-128 in counter mode by the processor's own instructions, FIPS 197. What depends on the architecture is
 * one table, `here`; where the instructions are absent there is no number. */
#define _GNU_SOURCE
#include "kernels.h"
#include <string.h>

enum { ROUNDS = 10, BLOCK = 16, BLOCKS = 1024 };
typedef unsigned char keys_t[ROUNDS + 1][BLOCK];

/* How one architecture does it: whether this processor can, and BLOCKS counters from `first` on, encrypted. */
struct instructions {
    int (*present)(void);
    void (*encrypt)(const keys_t keys, uint64_t first, unsigned char *out);
};

/* Four blocks at once: one alone would wait for its own last round. Unrolled, so that they stay in registers. */
#define EACH_OF_FOUR _Pragma("GCC unroll 4") for (uint64_t j = 0; j < 4; j++)

/* A block is 8 bytes of the counter, the lowest first, and 8 bytes of zero: both architectures below load it so. */
#if defined(__x86_64__)
#include <cpuid.h>
#include <wmmintrin.h>

static int present_x86(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES);
}

__attribute__((target("aes,sse2"))) static void encrypt_x86(const keys_t keys, uint64_t first, unsigned char *out) {
    __m128i key[ROUNDS + 1];
    for (int r = 0; r <= ROUNDS; r++) key[r] = _mm_loadu_si128((const __m128i *)keys[r]);
    for (uint64_t i = 0; i < BLOCKS; i += 4) {
        __m128i block[4];
        EACH_OF_FOUR block[j] = _mm_xor_si128(_mm_set_epi64x(0, (long long)(first + i + j)), key[0]);
        for (int r = 1; r < ROUNDS; r++) EACH_OF_FOUR block[j] = _mm_aesenc_si128(block[j], key[r]);
        EACH_OF_FOUR block[j] = _mm_aesenclast_si128(block[j], key[ROUNDS]);
        EACH_OF_FOUR _mm_storeu_si128((__m128i *)(out + BLOCK * (i + j)), block[j]);
    }
}

static const struct instructions here = {present_x86, encrypt_x86};
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#include <arm_neon.h>
#include <sys/auxv.h>

static int present_arm(void) { return (getauxval(AT_HWCAP) & (1u << 3)) != 0; /* HWCAP_AES */ }

__attribute__((target("+crypto"))) static void encrypt_arm(const keys_t keys, uint64_t first, unsigned char *out) {
    uint8x16_t key[ROUNDS + 1];
    for (int r = 0; r <= ROUNDS; r++) key[r] = vld1q_u8(keys[r]);
    for (uint64_t i = 0; i < BLOCKS; i += 4) {
        uint8x16_t block[4];
        EACH_OF_FOUR block[j] = vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(first + i + j), vcreate_u64(0)));
        for (int r = 0; r < ROUNDS - 1; r++) EACH_OF_FOUR block[j] = vaesmcq_u8(vaeseq_u8(block[j], key[r]));
        EACH_OF_FOUR block[j] = veorq_u8(vaeseq_u8(block[j], key[ROUNDS - 1]), key[ROUNDS]);
        EACH_OF_FOUR vst1q_u8(out + BLOCK * (i + j), block[j]);
    }
}

static const struct instructions here = {present_arm, encrypt_arm};
#else
static int present_nowhere(void) { return 0; }
static const struct instructions here = {present_nowhere, NULL};
#endif

/* --- the standard in plain C: makes the round keys, and is what the instructions' result is compared with --- */

static unsigned char s_box[256];

static inline unsigned char doubled(unsigned char x) { return (unsigned char)(x << 1 ^ (x & 0x80 ? 0x1b : 0)); }

static void make_s_box(void) { /* 3 generates the field: p runs through its powers, q through their inverses */
    unsigned char p = 1, q = 1;
    do {
        p = (unsigned char)(p ^ doubled(p));
        q = (unsigned char)(q ^ q << 1);
        q = (unsigned char)(q ^ q << 2);
        q = (unsigned char)(q ^ q << 4);
        if (q & 0x80) q ^= 0x09;
        unsigned twice = q * 0x101u;
        s_box[p] = (unsigned char)(q ^ twice >> 7 ^ twice >> 6 ^ twice >> 5 ^ twice >> 4 ^ 0x63);
    } while (p != 1);
    s_box[0] = 0x63;
}

static void expand(const unsigned char key[BLOCK], keys_t keys) {
    unsigned char *words = &keys[0][0], constant = 1;
    if (!s_box[0]) make_s_box();
    memcpy(words, key, BLOCK);
    for (int i = BLOCK; i < BLOCK * (ROUNDS + 1); i += 4) {
        unsigned char last[4];
        memcpy(last, words + i - 4, 4);
        if (i % BLOCK == 0) {
            unsigned char first = last[0];
            for (int j = 0; j < 3; j++) last[j] = s_box[last[j + 1]];
            last[3] = s_box[first];
            last[0] ^= constant;
            constant = doubled(constant);
        }
        for (int j = 0; j < 4; j++) words[i + j] = words[i + j - BLOCK] ^ last[j];
    }
}

static void mix_column(unsigned char c[4]) {
    unsigned char all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];
    for (int j = 0; j < 4; j++) c[j] = (unsigned char)(c[j] ^ all ^ doubled(c[j] ^ (j < 3 ? c[j + 1] : first)));
}

void vb_aes_block(const unsigned char key[BLOCK], const unsigned char in[BLOCK], unsigned char out[BLOCK]) {
    keys_t keys;
    expand(key, keys);
    for (int j = 0; j < BLOCK; j++) out[j] = in[j] ^ keys[0][j];
    for (int r = 1; r <= ROUNDS; r++) {
        unsigned char shifted[BLOCK];
        for (int j = 0; j < BLOCK; j++) shifted[j] = s_box[out[(j + 4 * (j % 4)) % BLOCK]];
        for (int j = 0; j < BLOCK && r < ROUNDS; j += 4) mix_column(shifted + j);
        for (int j = 0; j < BLOCK; j++) out[j] = shifted[j] ^ keys[r][j];
    }
}

/* --- the workload --- */

static const unsigned char the_key[BLOCK] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static keys_t round_keys;
static unsigned char stream[BLOCKS * BLOCK];
static int aes_ready;

static int right(uint64_t counter, const unsigned char *encrypted) {
    unsigned char block[BLOCK] = {0}, expected[BLOCK];
    for (int j = 0; j < 8; j++) block[j] = (unsigned char)(counter >> (8 * j));
    vb_aes_block(the_key, block, expected);
    return memcmp(encrypted, expected, BLOCK) == 0;
}

int vb_aes_present(void) { return here.present(); }

/* FIPS 197, appendix C.1, by the plain code, then the instructions against the plain code. */
int vb_aes_init(void) {
    static const unsigned char plain[BLOCK] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    static const unsigned char cipher[BLOCK] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                                0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    unsigned char out[BLOCK];
    aes_ready = 0;
    if (!here.present()) return LACKS;
    vb_aes_block(the_key, plain, out);
    if (memcmp(out, cipher, BLOCK) != 0) return WRONG;
    expand(the_key, round_keys);
    here.encrypt(round_keys, 1, stream);
    for (uint64_t i = 0; i < 8; i++)
        if (!right(1 + i, stream + BLOCK * i)) return WRONG;
    aes_ready = 1;
    return 0;
}

int vb_aes(uint64_t loops, double *seconds) {
    uint64_t counter = 0;
    if (!aes_ready) return EINVAL;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < loops; i++, counter += BLOCKS) {
        here.encrypt(round_keys, counter, stream);
        CLOBBER();
    }
    uint64_t end = now_ns();
    if (loops && !right(counter - 1, stream + BLOCK * (BLOCKS - 1))) return WRONG;
    *seconds = (double)(end - start) * 1e-9;
    return 0;
}
