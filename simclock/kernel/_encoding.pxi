# What is hashed is encoded as msgspec does it: byte by byte here what is no message, and messages by msgspec itself.

cdef struct Piece:
    # Part of an encoding: a few bytes of its own, and perhaps some that stand elsewhere.
    uint8_t head[16]
    int head_size
    const uint8_t *body
    Py_ssize_t body_size


cdef inline int put_big_endian(uint8_t *to, uint8_t kind, uint64_t value, int size) noexcept:
    cdef int i
    to[0] = kind
    for i in range(size):
        to[1 + i] = <uint8_t>(value >> 8 * (size - 1 - i))
    return 1 + size


cdef inline int put_unsigned(uint8_t *to, uint64_t value) noexcept:
    if value < 0x80:
        to[0] = <uint8_t>value
        return 1
    if value <= 0xff:
        return put_big_endian(to, 0xcc, value, 1)
    if value <= 0xffff:
        return put_big_endian(to, 0xcd, value, 2)
    if value <= 0xffffffff:
        return put_big_endian(to, 0xce, value, 4)
    return put_big_endian(to, 0xcf, value, 8)


cdef inline int put_int(uint8_t *to, int64_t value) noexcept:
    if value >= 0:
        return put_unsigned(to, <uint64_t>value)
    if value >= -32:
        to[0] = <uint8_t>value
        return 1
    if value >= -0x80:
        return put_big_endian(to, 0xd0, <uint64_t>value, 1)
    if value >= -0x8000:
        return put_big_endian(to, 0xd1, <uint64_t>value, 2)
    if value >= -0x80000000:
        return put_big_endian(to, 0xd2, <uint64_t>value, 4)
    return put_big_endian(to, 0xd3, <uint64_t>value, 8)


cdef inline int put_entry(
    uint8_t *to, int64_t time_ns, int64_t source, int64_t count, int64_t target, int kind
) noexcept:
    """The beginning of an event's encoding: an array of six, all but the payload."""
    cdef int size = 1
    to[0] = 0x96
    size += put_int(to + size, time_ns)
    size += put_int(to + size, source)
    size += put_int(to + size, count)
    size += put_int(to + size, target)
    to[size] = <uint8_t>kind
    return size + 1


cdef object encoded(object value, Piece *piece):
    """How `encode` encodes a value; gives what keeps the bytes alive."""
    cdef int over = 0
    cdef long long whole
    cdef double real
    cdef Py_ssize_t size
    cdef bytes made
    piece.body_size = 0
    if PyUnicode_CheckExact(value):
        piece.body = <const uint8_t *>PyUnicode_AsUTF8AndSize(value, &size)
        piece.body_size = size
        if size < 32:
            piece.head[0] = <uint8_t>(0xa0 | size)
            piece.head_size = 1
        elif size <= 0xff:
            piece.head_size = put_big_endian(piece.head, 0xd9, <uint64_t>size, 1)
        elif size <= 0xffff:
            piece.head_size = put_big_endian(piece.head, 0xda, <uint64_t>size, 2)
        else:
            piece.head_size = put_big_endian(piece.head, 0xdb, <uint64_t>size, 4)
        return value
    if value is None or value is True or value is False:
        piece.head[0] = 0xc0 if value is None else 0xc3 if value is True else 0xc2
        piece.head_size = 1
        return value
    if PyLong_CheckExact(value):
        whole = PyLong_AsLongLongAndOverflow(value, &over)
        if not over:
            piece.head_size = put_int(piece.head, whole)
            return value
    made = encode(value)
    piece.head_size = 0
    piece.body = made
    piece.body_size = len(made)
    return made


cdef inline void take_piece(Blake2b *digest, Piece *piece) noexcept:
    """Hash a value's encoding."""
    blake2b_update(digest, piece.head, piece.head_size)
    if piece.body_size:
        blake2b_update(digest, piece.body, piece.body_size)
