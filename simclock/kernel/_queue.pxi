# The queue.

cdef struct Entry:
    int64_t time_ns
    int64_t order  # the count and, below it, the kind: a fault's comes before that of a start with the same count
    int32_t source
    int32_t target
    PyObject *payload  # of a timer the event itself, a tuple: it is its identity that tells whether it is stale


cdef inline bint before(const Entry *a, const Entry *b) noexcept:
    if a.time_ns != b.time_ns:
        return a.time_ns < b.time_ns
    if a.source != b.source:
        return a.source < b.source
    return a.order < b.order


cdef inline int kind_of(const Entry *entry) noexcept:
    return <int>(entry.order & KIND_MASK) ^ KIND_ORDER


cdef inline int64_t order_of(int64_t count, int kind) noexcept:
    return count << KIND_BITS | (kind ^ KIND_ORDER)


cdef tuple event_of(const Entry *entry):
    cdef int kind = kind_of(entry)
    payload = <object>entry.payload
    if kind == TIMER:
        return <tuple>payload
    return (entry.time_ns, entry.source, entry.order >> KIND_BITS, entry.target, kind, payload)


cdef class EventQueue:
    """Events in key order: a heap in which each entry has four below it. One of 32 bytes, it holds no tuple."""

    cdef Entry *heap
    cdef Py_ssize_t count, room
    cdef list far  # what would come due at NEVER_NS or later

    def __cinit__(self, slot_ns=0):
        self.count = 0
        self.room = LEAST_QUEUE
        self.far = []
        self.heap = <Entry *>PyMem_Malloc(self.room * sizeof(Entry))
        if self.heap == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            Py_XDECREF(self.heap[i].payload)
        PyMem_Free(self.heap)

    cdef inline int add(
        self, int64_t time_ns, int32_t source, int64_t count, int32_t target, int kind, object payload
    ) except -1:
        cdef Entry entry
        cdef Entry *heap = self.heap
        cdef Py_ssize_t i, above
        if self.count == self.room:
            heap = <Entry *>PyMem_Realloc(heap, 2 * self.room * sizeof(Entry))
            if heap == NULL:
                raise MemoryError
            self.heap = heap
            self.room *= 2
        entry.time_ns = time_ns
        entry.order = order_of(count, kind)
        entry.source = source
        entry.target = target
        entry.payload = <PyObject *>payload
        Py_INCREF(payload)
        i = self.count
        self.count += 1
        while i:
            above = (i - 1) >> 2
            if not before(&entry, &heap[above]):
                break
            heap[i] = heap[above]
            i = above
        heap[i] = entry
        return 0

    cdef void sink(self, Py_ssize_t i, Entry entry) noexcept:
        """Put an entry at i, or below where others come first."""
        cdef Entry *heap = self.heap
        cdef Py_ssize_t count = self.count, first, end, least, k
        while True:
            first = 4 * i + 1
            if first >= count:
                break
            least = first
            end = first + 4 if first + 4 < count else count
            for k in range(first + 1, end):
                if before(&heap[k], &heap[least]):
                    least = k
            if not before(&heap[least], &entry):
                break
            heap[i] = heap[least]
            i = least
        heap[i] = entry

    cdef inline void take(self, Entry *entry) noexcept:
        """Take the first; the reference to its payload goes with it."""
        entry[0] = self.heap[0]
        self.count -= 1
        if self.count:
            self.sink(0, self.heap[self.count])

    def push(self, tuple event not None):
        """Put an event in its place."""
        time_ns, source, count, target, kind, payload = event
        if time_ns >= NEVER_NS:
            self.far.append(event)
        else:
            self.add(time_ns, source, count, target, kind, event if <int>kind == TIMER else payload)

    def push_all(self, events):
        """Put events in their places."""
        for event in events:
            self.push(event)

    cdef list _split(self, wanted):
        """Remove and give what is wanted; the rest stays, in order again."""
        cdef Py_ssize_t i, kept = 0
        cdef list found = [event for event in self.far if wanted(event)]
        for event in found:
            self.far.remove(event)
        for i in range(self.count):
            event = event_of(&self.heap[i])
            if wanted(event):
                found.append(event)
                Py_XDECREF(self.heap[i].payload)
            else:
                self.heap[kept] = self.heap[i]
                kept += 1
        self.count = kept
        for i in range((kept - 2) // 4, -1, -1):
            self.sink(i, self.heap[i])
        return found

    def take_out(self, wanted):
        """Remove and give the events that are wanted, in key order. Looks at every event: for rare occasions."""
        return sorted(self._split(wanted), key=_key)

    def remove(self, events):
        """Remove these very events, which are queued."""
        keys = set(map(_key, events))
        self._split(lambda event: _key(event) in keys)

    def next_time_ns(self):
        """The time of the earliest event, None if there is none."""
        if self.count:
            return self.heap[0].time_ns
        return min([event[0] for event in self.far], default=None)

    def unordered(self):
        """Every event that is still to come, in any order."""
        cdef Py_ssize_t i
        return iter([event_of(&self.heap[i]) for i in range(self.count)] + self.far)

    def pending(self):
        """Every event that is still to come, in key order: for who looks at a run that has stopped."""
        return sorted(self.unordered(), key=_key)


def _key(event):
    return event[:4]
