# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: embedsignature=True, embedsignature.format=clinic
"""The core, compiled: what `_kernel.py` is in plain Python, with the same events, draws, digests and errors.

`simclock.kernel.core` chooses between the two, and `tests/test_kernels.py` compares them. What differs is how it is
done: events wait in a heap of structs, a process keeps its numbers in a struct, a digest is hashed here, and only
payloads that are messages are encoded by msgspec. An event becomes a tuple when Python code asks for it.

Times from NEVER_NS on, which no run reaches, do not fit: such events stand in a list of their own.
"""

from cpython.dict cimport PyDict_DelItem, PyDict_GetItemWithError, PyDict_SetItem
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.set cimport PySet_Contains
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from operator import index

from simclock.errors import UsageError
from simclock.immutable import check_immutable
from simclock.kernel.encoding import CANNOT_ENCODE, SETTLED, encode as _encode
from simclock.kernel.events import ENVIRONMENT, FAULT, PARKED_NS
from simclock.readable import say
from simclock.told import ToldMeta, refusal

cdef extern from "_blake2b.h":
    ctypedef struct Blake2b:
        pass
    void blake2b_begin(Blake2b *hash, uint64_t parameters) noexcept
    void blake2b_update(Blake2b *hash, const uint8_t *data, size_t size) noexcept
    void blake2b_digest(const Blake2b *hash, uint8_t *digest) noexcept
    void blake2b_key(uint64_t *keyed, const uint8_t *key, size_t size) noexcept
    void blake2b_counted(const uint64_t *keyed, uint64_t number, uint32_t *words) noexcept

cdef extern from *:
    """
    typedef unsigned __int128 simclock_wide;
    #define simclock_fetch(address) __builtin_prefetch(address)
    #define SIMCLOCK_SCALED(draw, span) ((uint64_t)((simclock_wide)(draw) * (simclock_wide)(span) >> 32))

    static PyCFunction simclock_c_function(PyObject *method)
    {
        if (Py_IS_TYPE(method, &PyMethodDescr_Type))
            return ((PyMethodDescrObject *)method)->d_method->ml_meth;
        return PyCFunction_CheckExact(method) ? PyCFunction_GET_FUNCTION(method) : NULL;
    }
    """
    const char *SIMCLOCK_BUILT_FROM
    ctypedef void *PyCFunction
    void simclock_fetch(const void *address) noexcept
    uint64_t SIMCLOCK_SCALED(uint64_t draw, uint64_t span) noexcept
    PyCFunction simclock_c_function(object method) noexcept
    PyObject *PyCFunction_GET_SELF(object method) noexcept
    PyTypeObject *Py_TYPE(PyObject *o) noexcept
    object PyObject_VectorcallMethod(object name, PyObject **args, size_t nargs, PyObject *kw)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    bint PyTuple_CheckExact(object o) noexcept
    void PyObject_GC_UnTrack(object o) noexcept
    bint PyLong_CheckExact(object o) noexcept
    bint PyUnicode_CheckExact(object o) noexcept
    bint PyFloat_CheckExact(object o) noexcept
    long long PyLong_AsLongLongAndOverflow(object o, int *over) except? -1
    const char *PyUnicode_AsUTF8AndSize(object o, Py_ssize_t *size) except NULL
    double PyFloat_AS_DOUBLE(object o) noexcept
    object new_tuple "PyType_GenericAlloc"(PyTypeObject *type, Py_ssize_t items)

NAME = "compiled"
BUILT_FROM = SIMCLOCK_BUILT_FROM.decode()

cdef enum:
    MESSAGE = 0
    TIMER = 1
    OBSERVATION = 4
    DIGEST_BYTES = 16
    KIND_BITS = 3
    KIND_MASK = 7
    KIND_ORDER = 3
    LEAST_QUEUE = 64
    DIGEST_PARAMETERS = 0x01010010
    FETCHED_LINES = 6
    ENTRY_MAX = 48

cdef int64_t NEVER_NS = 0x7fffffffffffffff
cdef object encode = _encode
cdef object settled = SETTLED
cdef object on_message = "on_message"
cdef object on_timer = "on_timer"


include "_encoding.pxi"
include "_generator.pxi"
include "_queue.pxi"


# A process.

OF_THE_CORE = ("sim_id", "sim_nodes", "sim_incarnation")


cdef object too_early(ProcessCore process):
    """A node asks, while it is made, for what the kernel gives it afterwards."""
    return AttributeError("the node has no host yet", name="sim_host", obj=process)


cdef class KernelOwned:
    """What a node reads and the kernel alone decides, kept under another name."""

    cdef str kept, name
    cdef int which  # of the three that the core has itself; -1 for what is made when it is used

    def __init__(self, str kept not None):
        self.kept = kept
        self.which = OF_THE_CORE.index(kept) if kept in OF_THE_CORE else -1

    def __set_name__(self, owner, str name not None):
        self.name = name

    def __get__(self, process, owner):
        cdef ProcessCore core
        if process is None:
            return self
        core = <ProcessCore?>process
        if core.host is None:
            raise too_early(core)
        if self.which == 0:
            return core.own_number
        if self.which == 1:
            return core.host.nodes
        if self.which == 2:
            return core.incarnation
        if self.kept == "sim_random":
            if core.random is None:
                core.random = core.sim_random
            return core.random
        return getattr(process, self.kept)

    def __set__(self, process, value):
        raise UsageError(f"self.{self.name} is the kernel's, and cannot be set: choose another name")

    def __delete__(self, process):
        raise UsageError(f"self.{self.name} is the kernel's, and cannot be set: choose another name")


cdef class ProcessCore:
    """What a process is to the host's loop, and what it may do; `Process` derives from it, and `_kernel.py` says what
    each field is."""

    cdef HostCore host
    cdef int32_t own
    cdef public bint sim_up, sim_open
    cdef bint fast, all_away
    cdef public int64_t sim_count, sim_timers_set, sim_dropped, sim_duplicated
    cdef public int64_t sim_delay_low_ns, sim_delay_span_ns, sim_ready_ns
    cdef int64_t incarnation
    cdef Blake2b digest  # over everything the node handled
    cdef public tuple sim_kept
    cdef Generator luck  # the stream of latencies; None before the first is drawn
    cdef public object sim_timers
    cdef object own_number, local, random

    def sim_begin(self, HostCore host not None, int32_t node):
        """Become that node's process, which is down and has done nothing."""
        self.host = host
        self.own = node
        self.own_number = node
        self.incarnation = -1
        self.local = host.processes
        self.sim_timers = {}
        self.sim_kept = ()
        blake2b_begin(&self.digest, DIGEST_PARAMETERS)

    def sim_succeed(self, ProcessCore before not None):
        """Take over all that the core keeps for the node."""
        self.host = before.host
        self.own = before.own
        self.own_number = before.own_number
        self.incarnation = before.incarnation
        self.local, self.all_away = before.local, before.all_away
        self.sim_up, self.sim_open, self.fast = before.sim_up, before.sim_open, before.fast
        self.sim_count, self.sim_timers_set = before.sim_count, before.sim_timers_set
        self.sim_dropped, self.sim_duplicated = before.sim_dropped, before.sim_duplicated
        self.sim_delay_low_ns, self.sim_delay_span_ns = before.sim_delay_low_ns, before.sim_delay_span_ns
        self.sim_ready_ns = before.sim_ready_ns
        self.sim_timers, self.sim_kept = before.sim_timers, before.sim_kept
        self.digest = before.digest
        self.luck = before.luck

    @property
    def sim_host(self):
        if self.host is None:
            raise too_early(self)
        return self.host

    @property
    def sim_id(self):
        if self.host is None:
            raise too_early(self)
        return self.own_number

    @property
    def sim_nodes(self):
        if self.host is None:
            raise too_early(self)
        return self.host.nodes

    @property
    def sim_incarnation(self):
        if self.host is None:
            raise too_early(self)
        return self.incarnation

    @sim_incarnation.setter
    def sim_incarnation(self, int64_t incarnation):
        self.incarnation = incarnation

    def sim_hashed(self):
        """The digest of all that the node has handled so far."""
        cdef uint8_t made[64]
        blake2b_digest(&self.digest, made)
        return <bytes>made[:DIGEST_BYTES]

    @property
    def sim_local(self):
        return self.local

    @sim_local.setter
    def sim_local(self, local):
        self.local = local
        self.all_away = local is not self.host.processes

    @property
    def sim_fast(self):
        return self.host.message_types if self.fast else ()

    @sim_fast.setter
    def sim_fast(self, classes):
        self.fast = type(classes) is set

    def send(self, target, message):
        """Send a message to a node, itself too. The network decides when it arrives, whether, and how often.

        It leaves when the disk is done with what was synced before. UsageError for a target that is not 0 to nodes - 1,
        MessageTypeError for what is no Message.
        """
        cdef HostCore host = self.host
        if self.fast and PyLong_CheckExact(target) and host.knows(message):
            self.post(host, target, message)
        elif host is None:
            raise too_early(self)
        else:
            host.send_carefully(self, target, message)

    cdef inline int post(self, HostCore host, object target, object message) except -1:
        """The short way of a message."""
        cdef uint64_t draw
        cdef int64_t time_ns
        cdef int over = 0
        cdef long long to = PyLong_AsLongLongAndOverflow(target, &over)
        self.sim_count += 1
        if self.luck is None:
            self.luck = self.sim_luck
        draw = self.luck.word()
        time_ns = later(host.now_ns, self.sim_delay_low_ns + <int64_t>SIMCLOCK_SCALED(draw, self.sim_delay_span_ns))
        if not over and 0 <= to < host.table_size and host.table[to] != NULL and not self.all_away:
            if time_ns < NEVER_NS:
                host.queue.add(time_ns, self.own, self.sim_count, <int32_t>to, MESSAGE, message)
            else:
                host.queue.far.append((time_ns, self.own_number, self.sim_count, target, MESSAGE, message))
        else:
            host.send_away((time_ns, self.own_number, self.sim_count, target, MESSAGE, message))
        return 0

    def broadcast(self, message):
        """Send a message to every other node, in ascending order."""
        cdef HostCore host = self.host
        cdef int64_t target
        if host is None:
            raise too_early(self)
        send = self.send
        cdef bint ours = simclock_c_function(send) == own_send and PyCFunction_GET_SELF(send) == <PyObject *>self
        for target in range(host.nodes):
            if target == self.own:
                continue
            if ours and self.fast and host.knows(message):
                self.post(host, target, message)
            else:
                send(target, message)

    def set_timer(self, name, duration_ns):
        """Have `on_timer(name)` called after `duration_ns` (0 or more) by its own clock; setting one again replaces it.

        `name` is any immutable value, such as "election" or ("retry", 7). A crash forgets all timers.
        """
        cdef HostCore host = self.host
        cdef long long duration = -1
        cdef int over = 0
        cdef int64_t time_ns
        if PyLong_CheckExact(duration_ns):
            duration = PyLong_AsLongLongAndOverflow(duration_ns, &over)
        if over < 0 or (over == 0 and duration < 0):
            raise UsageError(
                f"set_timer({say(name)}, {say(duration_ns)}): a duration is a whole number of nanoseconds, "
                "zero or more, such as ms(150)"
            )
        if host is None:
            raise too_early(self)
        if not PyUnicode_CheckExact(name) and not PySet_Contains(settled, type(name)):
            if check_immutable(name, "set_timer", name):
                host.encode_canonically()
        self.sim_count += 1
        self.sim_timers_set += 1
        own = self.own_number
        if host.clocks_differ:
            event = (PARKED_NS, own, self.sim_count, own, TIMER, name)
            PyDict_SetItem(self.sim_timers, name, event)
            self.sim_run_timer(self.sim_clock.monotonic_ns(host.now_ns) + duration_ns, event)
            return
        time_ns = NEVER_NS if over else later(host.now_ns, duration)
        if time_ns == NEVER_NS:
            event = (host.now_ns + duration_ns, own, self.sim_count, own, TIMER, name)
            PyDict_SetItem(self.sim_timers, name, event)
            host.queue.far.append(event)
            return
        event = (time_ns, own, self.sim_count, own, TIMER, name)
        if PyUnicode_CheckExact(name):
            PyObject_GC_UnTrack(event)  # nothing in it leads anywhere
        PyDict_SetItem(self.sim_timers, name, event)
        host.queue.add(time_ns, self.own, self.sim_count, self.own, TIMER, event)

    def cancel_timer(self, name):
        """Forget a timer; no effect if it is not set."""
        if self.host is None:
            raise too_early(self)
        self.sim_timers.pop(name, None)

    def observe(self, name, value=None):
        """Tell the observers something: checkers, reports and stories see it, nodes do not. `value` is immutable.

        A name and a value, `self.observe("granted", (lock, token))`; or, with named fields, an object of a class
        `Granted(Told)`, which observers read as such: `self.observe(Granted(lock, token))`. See `simclock.Told`.
        """
        cdef HostCore host = self.host
        if host is None:
            raise too_early(self)
        if not PyUnicode_CheckExact(name):
            kind = type(name)
            if type(kind) is not ToldMeta or value is not None:
                raise refusal(name, value)
            name, value = kind.observed_as, kind.sim_value(name)
        if not surely_settled(value) and check_immutable(value, "observe", name):
            host.encode_canonically()
        self.sim_count += 1
        self.sim_timers_set += 1
        if host.overridden or host.canonical or host.trace is not None:
            event = (host.now_ns, self.own_number, self.sim_count, self.own_number, OBSERVATION, (name, value))
            host.record(self, event)
        else:
            host.take_in_observation(self, name, value)
        if host.overridden:
            host.observed(host.now_ns, self.own_number, self.sim_count, name, value)
        else:
            host.note(host.now_ns, self.own_number, self.sim_count, name, value)


cdef inline bint surely_settled(object value) except -1:
    """Whether a value surely cannot change, and is encoded in one order; a quick look that may say no too often."""
    if PySet_Contains(settled, <object>Py_TYPE(<PyObject *>value)):
        return True
    if not PyTuple_CheckExact(value):
        return False
    for part in <tuple>value:
        if not PySet_Contains(settled, <object>Py_TYPE(<PyObject *>part)):
            return False
    return True


cdef PyCFunction own_send = simclock_c_function(ProcessCore.__dict__["send"])


cdef inline void put_field(object made, Py_ssize_t place, object field) noexcept:
    """Fill one place of a new tuple."""
    Py_INCREF(field)
    PyTuple_SET_ITEM(made, place, field)


cdef inline int64_t later(int64_t now_ns, int64_t duration_ns) noexcept:
    """Some time later; NEVER_NS where that is too late."""
    return now_ns + duration_ns if duration_ns < NEVER_NS - now_ns else NEVER_NS


# A host.

cdef class HostCore:
    """The loop of a host over what comes due, and what its processes call most; `Host` derives from it, and
    `_kernel.py` says what each field is."""

    cdef public int64_t now_ns, horizon_ns, handled, timers_handled, observations_made, reaction_ns
    cdef public int64_t instant_events_max
    cdef public int nodes
    cdef public bint canonical, clocks_differ
    cdef bint overridden  # whether a class derived from this one records and observes in its own way
    cdef public EventQueue queue
    cdef public object trace, observation_type
    cdef public list observations
    cdef public dict processes
    cdef public set message_types
    cdef PyTypeObject *known_class  # one of message_types: that of the latest message
    cdef PyObject **table  # node -> its process, which `processes` keeps alive; NULL where it lives elsewhere
    cdef Py_ssize_t table_size
    cdef Entry at  # what is being handled, or was last, if `at_event` does not say it
    cdef tuple at_event
    cdef bint idle_now, idle_before
    cdef int64_t before_ns, live_ns

    def __cinit__(self, *arguments, **named):
        self.at.payload = NULL
        self.at_event = (0, ENVIRONMENT, 0, ENVIRONMENT, FAULT, "the beginning of the run")

    def __init__(self, int nodes):
        cdef type cls = type(self)
        self.nodes = nodes
        self.observations = []
        self.reaction_ns = -1
        self.processes = {}
        self.message_types = set()
        self.queue = EventQueue()
        self.overridden = cls.record is not HostCore.record or cls.observed is not HostCore.observed
        self.table = <PyObject **>PyMem_Malloc(nodes * sizeof(PyObject *))
        if self.table == NULL:
            raise MemoryError
        self.table_size = nodes
        for node in range(nodes):
            self.table[node] = NULL

    def __dealloc__(self):
        PyMem_Free(self.table)
        Py_XDECREF(self.at.payload)

    def seat(self, ProcessCore process not None):
        """Have a process in its node's place."""
        self.processes[process.own_number] = process
        self.table[process.own] = <PyObject *>process

    @property
    def event(self):
        if self.at_event is None:
            self.at_event = event_of(&self.at)
        return self.at_event

    @event.setter
    def event(self, tuple event not None):
        self.at_event = event
        self.at.time_ns = event[0]
        self.idle_now = False

    cdef inline bint knows(self, object message) except -1:
        """Whether messages of its class were let in."""
        cdef PyTypeObject *cls = Py_TYPE(<PyObject *>message)
        if cls != self.known_class:
            if not PySet_Contains(self.message_types, <object>cls):
                return False
            self.known_class = cls
        return True

    def handle_events(self):
        """Handle every event earlier than the horizon, in key order; observations may bring it nearer meanwhile."""
        cdef EventQueue queue = self.queue
        cdef Entry entry
        cdef ProcessCore process
        cdef PyObject *arguments[3]
        cdef PyObject *timer
        cdef int kind
        cdef int64_t instant_ns = -1, in_instant = 0, limit = self.instant_events_max + 2 * self.table_size
        while queue.count and queue.heap[0].time_ns < self.horizon_ns:
            queue.take(&entry)
            self.idle_before, self.before_ns = self.idle_now, self.at.time_ns
            self.idle_now = False
            Py_XDECREF(self.at.payload)
            self.at = entry
            self.at_event = None
            self.now_ns = entry.time_ns
            if entry.time_ns != instant_ns:
                instant_ns, in_instant = entry.time_ns, 0
            in_instant += 1
            if in_instant > limit:
                self.time_stands_still()
            if queue.count:
                self.fetch(queue.heap[0].target)
            kind = kind_of(&entry)
            if kind == MESSAGE:
                process = <ProcessCore>self.table[entry.target]
                if process.sim_open:
                    self.take_in(process, &entry, <object>entry.payload)
                    source = <object>entry.source
                    arguments[0] = <PyObject *>process
                    arguments[1] = <PyObject *>source
                    arguments[2] = entry.payload
                    PyObject_VectorcallMethod(on_message, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                else:
                    self.receive(process, self.event)
            elif kind == TIMER:
                process = <ProcessCore>self.table[entry.target]
                name = (<tuple>entry.payload)[5]
                timer = PyDict_GetItemWithError(process.sim_timers, name)
                if timer != entry.payload:
                    self.idle()
                elif process.sim_open:
                    PyDict_DelItem(process.sim_timers, name)
                    self.timers_handled += 1
                    self.take_in(process, &entry, name)
                    arguments[0] = <PyObject *>process
                    arguments[1] = <PyObject *>name
                    PyObject_VectorcallMethod(on_timer, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                else:
                    self.timer_due(process, self.event)
            else:
                self.handle_other(self.event)

    cdef inline void fetch(self, int32_t node) noexcept:
        """Have the processor fetch what the next event will touch, while this one is handled."""
        cdef char *process
        cdef int line
        if 0 <= node < self.table_size:
            process = <char *>self.table[node]
            for line in range(-1, FETCHED_LINES):
                simclock_fetch(process + 64 * line)

    cdef inline int take_in(self, ProcessCore process, Entry *entry, object payload) except -1:
        """What `record` does of an event that is handled the short way."""
        cdef uint8_t head[ENTRY_MAX]
        cdef int size
        cdef Piece piece
        self.handled += 1
        kept = encoded(payload, &piece)
        size = put_entry(
            head, entry.time_ns, entry.source, entry.order >> KIND_BITS, entry.target, kind_of(entry)
        )
        blake2b_update(&process.digest, head, size)
        take_piece(&process.digest, &piece)
        return 0

    cdef int take_in_observation(self, ProcessCore process, object name, object value) except -1:
        """What `record` does of an observation."""
        cdef uint8_t head[ENTRY_MAX]
        cdef int size
        cdef Piece name_piece, value_piece
        self.handled += 1
        try:
            name = encoded(name, &name_piece)
            value = encoded(value, &value_piece)
        except CANNOT_ENCODE:
            own = process.own_number
            self.cannot_encode((self.now_ns, own, process.sim_count, own, OBSERVATION, (name, value)))
            return 0
        size = put_entry(head, self.now_ns, process.own, process.sim_count, process.own, OBSERVATION)
        head[size] = 0x92
        blake2b_update(&process.digest, head, size + 1)
        take_piece(&process.digest, &name_piece)
        take_piece(&process.digest, &value_piece)
        return 0

    def idle(self):
        """What came due was nothing to any node, such as a timer that had been cancelled."""
        if not self.idle_before:
            self.live_ns = self.before_ns
        self.idle_now = True

    def still_since_ns(self):
        """When something last happened at a node: before the idle events in a row of which the last may be one."""
        return self.live_ns if self.idle_now else self.at.time_ns

    def record(self, ProcessCore process not None, tuple event not None):
        """A process handled an event, or made an observation."""
        cdef bytes made
        self.handled += 1
        try:
            made = self.encode(event) if self.canonical else encode(event)
            blake2b_update(&process.digest, made, len(made))
        except CANNOT_ENCODE:
            self.cannot_encode(event)
        if self.trace is not None:
            self.trace.handled(process.own_number, event)

    def observed(self, int64_t time_ns, node, number, name, value):
        """An observation goes to the observers; if they may react, a lone host must not run past their reaction."""
        self.note(time_ns, node, number, name, value)

    cdef int note(self, int64_t time_ns, object node, object number, object name, object value) except -1:
        self.observations_made += 1
        cdef object observation = new_tuple(<PyTypeObject *>self.observation_type, 5)
        put_field(observation, 0, time_ns)
        put_field(observation, 1, node)
        put_field(observation, 2, number)
        put_field(observation, 3, name)
        put_field(observation, 4, value)
        self.observations.append(observation)
        if self.reaction_ns >= 0:
            self.horizon_ns = min(self.horizon_ns, later(time_ns, self.reaction_ns))
        return 0
