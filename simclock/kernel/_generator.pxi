# The generator: keyed BLAKE2b in counter mode, as `simclock.streams` defines it.

cdef enum:
    KEY_BYTES = 32
    BLOCK_WORDS = 16


cdef class Generator:
    """Words of 32 bits, and what is drawn by them."""

    cdef uint8_t key[KEY_BYTES]
    cdef uint64_t keyed[8]  # the state of the hash behind the block that holds the key
    cdef uint32_t words[BLOCK_WORDS]  # the last block; its last `left` words are not taken
    cdef int left
    cdef uint64_t blocks  # how many were made

    def __init__(self, key):
        cdef bytes stated
        if not isinstance(key, bytes):
            key = index(key)
            if key < 0 or key.bit_length() > 8 * KEY_BYTES:
                raise UsageError(f"a stream's number is {key}: it must be from 0 to 2**{8 * KEY_BYTES} - 1")
            key = key.to_bytes(KEY_BYTES, "big")
        elif len(key) != KEY_BYTES:
            raise UsageError(f"a stream's key has {len(key)} bytes: it must have {KEY_BYTES}")
        stated = key
        self.take_key(stated)

    cdef void take_key(self, const uint8_t *key) noexcept:
        blake2b_key(self.keyed, key, KEY_BYTES)
        memcpy(self.key, key, KEY_BYTES)
        self.left = 0
        self.blocks = 0

    cdef void fill(self) noexcept:
        """Make the next block, when no word is left."""
        blake2b_counted(self.keyed, self.blocks, self.words)
        self.blocks += 1
        self.left = BLOCK_WORDS

    cdef inline uint32_t word(self) noexcept:
        if not self.left:
            self.fill()
        self.left -= 1
        return self.words[BLOCK_WORDS - 1 - self.left]

    cdef inline uint64_t two_words(self) noexcept:
        cdef uint64_t low = self.word()
        return low | <uint64_t>self.word() << 32

    def getrandbits(self, k):
        """A whole number of `k` random bits, 0 <= result < 2**k. Raises ValueError for a negative k."""
        cdef int64_t bits = index(k)
        if 0 < bits <= 32:
            return self.word() >> (32 - bits)
        if 32 < bits <= 64:
            return self.two_words() >> (64 - bits)
        if bits < 0:
            raise ValueError(f"getrandbits({k}): there are no fewer bits than none")
        wanted = (bits + 31) // 32
        made = b"".join([(<object>self.word()).to_bytes(4, "little") for _ in range(wanted)])
        return int.from_bytes(made, "little") >> 32 * wanted - bits

    def random(self):
        """A multiple of 2**-53, 0 <= result < 1."""
        return <double>(self.two_words() >> 11) * (1.0 / 9007199254740992.0)

    def below(self, n):
        """A whole number, 0 <= result < n, each as likely. Raises ValueError where n is not positive."""
        cdef uint32_t limit, draw
        cdef int unused = 0
        if n <= 0:
            raise ValueError(f"no whole number is from 0 to below {n}")
        bits = n.bit_length()
        if bits > 32:
            made = self.getrandbits(bits)
            while made >= n:
                made = self.getrandbits(bits)
            return made
        limit = n
        unused = 32 - <int>bits
        draw = self.word() >> unused
        while draw >= limit:
            draw = self.word() >> unused
        return draw

    def getstate(self):
        """The key, and how many words are taken: `setstate` goes back to there, in this stream or in another."""
        return <bytes>self.key[:KEY_BYTES], self.blocks * BLOCK_WORDS - self.left

    def setstate(self, state):
        """Go to where a stream was when it gave this state."""
        cdef bytes key
        key, taken = state
        blocks, within = divmod(taken, BLOCK_WORDS)
        self.take_key(key)
        self.blocks = blocks
        if within:
            self.fill()
            self.left = BLOCK_WORDS - <int>within
