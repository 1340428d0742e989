/* BLAKE2b (RFC 7693): the compression function, and a hash that takes what it is given piece by piece. */

#ifndef SIMCLOCK_BLAKE2B_H
#define SIMCLOCK_BLAKE2B_H

#include <stdint.h>
#include <string.h>

#define BLAKE2B_BLOCK 128

typedef struct {
    uint64_t h[8];
    uint64_t length;             /* of what was compressed, in bytes; 2^64 are never reached */
    uint32_t held;               /* how many bytes of `block` are filled */
    uint8_t block[BLAKE2B_BLOCK]; /* the last block stays here until more comes: it may be the final one */
} Blake2b;

static const uint64_t blake2b_iv[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

static inline uint64_t blake2b_load64(const uint8_t *from)
{
    return (uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 | (uint64_t)from[3] << 24
        | (uint64_t)from[4] << 32 | (uint64_t)from[5] << 40 | (uint64_t)from[6] << 48 | (uint64_t)from[7] << 56;
}

static inline void blake2b_store64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t blake2b_rotated(uint64_t value, int right)
{
    return value >> right | value << (64 - right);
}

#define BLAKE2B_G(a, b, c, d, x, y) \
    a += b + (x); d = blake2b_rotated(d ^ a, 32); c += d; b = blake2b_rotated(b ^ c, 24); \
    a += b + (y); d = blake2b_rotated(d ^ a, 16); c += d; b = blake2b_rotated(b ^ c, 63);

#define BLAKE2B_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
    BLAKE2B_G(v0, v4, v8, v12, m[s0], m[s1]) \
    BLAKE2B_G(v1, v5, v9, v13, m[s2], m[s3]) \
    BLAKE2B_G(v2, v6, v10, v14, m[s4], m[s5]) \
    BLAKE2B_G(v3, v7, v11, v15, m[s6], m[s7]) \
    BLAKE2B_G(v0, v5, v10, v15, m[s8], m[s9]) \
    BLAKE2B_G(v1, v6, v11, v12, m[s10], m[s11]) \
    BLAKE2B_G(v2, v7, v8, v13, m[s12], m[s13]) \
    BLAKE2B_G(v3, v4, v9, v14, m[s14], m[s15])

/* `length` counts the bytes up to the end of this block, of which a final one may have fewer than 128. */
static void blake2b_compress(uint64_t h[8], const uint8_t block[BLAKE2B_BLOCK], uint64_t length, int final)
{
    uint64_t m[16];
    for (int i = 0; i < 16; i++)
        m[i] = blake2b_load64(block + 8 * i);
    uint64_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    uint64_t v8 = blake2b_iv[0], v9 = blake2b_iv[1], v10 = blake2b_iv[2], v11 = blake2b_iv[3];
    uint64_t v12 = blake2b_iv[4] ^ length, v13 = blake2b_iv[5], v14 = blake2b_iv[6], v15 = blake2b_iv[7];
    if (final)
        v14 = ~v14;
    BLAKE2B_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    BLAKE2B_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    BLAKE2B_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
    BLAKE2B_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
    BLAKE2B_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
    BLAKE2B_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
    BLAKE2B_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
    BLAKE2B_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
    BLAKE2B_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
    BLAKE2B_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)
    BLAKE2B_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    BLAKE2B_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
    h[0] ^= v0 ^ v8;
    h[1] ^= v1 ^ v9;
    h[2] ^= v2 ^ v10;
    h[3] ^= v3 ^ v11;
    h[4] ^= v4 ^ v12;
    h[5] ^= v5 ^ v13;
    h[6] ^= v6 ^ v14;
    h[7] ^= v7 ^ v15;
}

/* `parameters` are the first eight bytes of the parameter block as a number: digest's size | key's size << 8 | ... */
static void blake2b_begin(Blake2b *hash, uint64_t parameters)
{
    memcpy(hash->h, blake2b_iv, sizeof hash->h);
    hash->h[0] ^= parameters;
    hash->length = 0;
    hash->held = 0;
}

static inline void blake2b_update(Blake2b *hash, const uint8_t *data, size_t size)
{
    while (size > BLAKE2B_BLOCK - hash->held) {
        size_t room = BLAKE2B_BLOCK - hash->held;
        memcpy(hash->block + hash->held, data, room);
        hash->length += BLAKE2B_BLOCK;
        blake2b_compress(hash->h, hash->block, hash->length, 0);
        hash->held = 0;
        data += room;
        size -= room;
    }
    memcpy(hash->block + hash->held, data, size);
    hash->held += (uint32_t)size;
}

/* Gives 64 bytes, of which a shorter digest is the beginning; the hash can go on as if it had not been asked. */
static void blake2b_digest(const Blake2b *hash, uint8_t digest[64])
{
    uint64_t h[8];
    uint8_t block[BLAKE2B_BLOCK] = {0};
    memcpy(h, hash->h, sizeof h);
    memcpy(block, hash->block, hash->held);
    blake2b_compress(h, block, hash->length + hash->held, 1);
    for (int i = 0; i < 8; i++)
        blake2b_store64(digest + 8 * i, h[i]);
}

/* The state behind the block that holds a key, for digests of 64 bytes. */
static void blake2b_key(uint64_t keyed[8], const uint8_t *key, size_t size)
{
    uint8_t block[BLAKE2B_BLOCK] = {0};
    memcpy(keyed, blake2b_iv, sizeof blake2b_iv);
    keyed[0] ^= 0x01010000 | (uint64_t)size << 8 | 64;
    memcpy(block, key, size);
    blake2b_compress(keyed, block, BLAKE2B_BLOCK, 0);
}

/* The digest under that key of a number, eight bytes, least significant first: as sixteen words, likewise. */
static void blake2b_counted(const uint64_t keyed[8], uint64_t number, uint32_t words[16])
{
    uint64_t h[8];
    uint8_t block[BLAKE2B_BLOCK] = {0};
    memcpy(h, keyed, sizeof h);
    blake2b_store64(block, number);
    blake2b_compress(h, block, BLAKE2B_BLOCK + 8, 1);
    for (int i = 0; i < 8; i++) {
        words[2 * i] = (uint32_t)h[i];
        words[2 * i + 1] = (uint32_t)(h[i] >> 32);
    }
}

#endif
