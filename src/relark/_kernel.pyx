# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The walk over the byte trie and the writing of masks, compiled.

`Spread` follows numbered states (`relark.language.states`) through a trie (`relark.tokens.trie`), breadth first, in a
queue of its own, without recursion.  Where it comes to a state whose successors are not known it stops and says so;
after they are filled in, it goes on from there.  `relark.tokens.spread` does the same with NumPy.

Nothing here knows of terms, and nothing is checked: the arrays are those of one trie and one table.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy, memset

VERSION = 1  # see `relark.kernel`

cdef enum:
    KNOWN = 1
    LAZY = 2
    NULLABLE = 4
    PARTLY = 8
    DEAD = 0
    UNKNOWN = -1


cdef enum:
    SPARE = 1 << 20  # pairs: 8 MiB

# One queue is kept for the next walk (fresh pages cost more than the walk); both are only touched with the GIL held.
cdef int32_t *spare = NULL
cdef Py_ssize_t spare_room = 0


cdef class Tree:
    """The arrays of a trie."""

    cdef const int32_t[::1] first_child
    cdef const int32_t[::1] n_children
    cdef const uint8_t[::1] byte
    cdef const int32_t[::1] token_start
    cdef const int32_t[::1] tokens

    def __init__(
        self,
        const int32_t[::1] first_child,
        const int32_t[::1] n_children,
        const uint8_t[::1] byte,
        const int32_t[::1] token_start,
        const int32_t[::1] tokens,
    ):
        self.first_child, self.n_children, self.byte = first_child, n_children, byte
        self.token_start, self.tokens = token_start, tokens


cdef class Table:
    """The arrays of numbered states; made anew when one of them moves."""

    cdef const uint8_t[::1] flags
    cdef const int32_t[::1] row_of
    cdef const int32_t[:, ::1] rows
    cdef const uint8_t[::1] only_byte
    cdef const int32_t[::1] only_next

    def __init__(
        self,
        const uint8_t[::1] flags,
        const int32_t[::1] row_of,
        const int32_t[:, ::1] rows,
        const uint8_t[::1] only_byte,
        const int32_t[::1] only_next,
    ):
        self.flags, self.row_of, self.rows = flags, row_of, rows
        self.only_byte, self.only_next = only_byte, only_next


cdef class Spread:
    """One walk: from the nodes ``roots``, each in the state ``start``."""

    cdef Tree tree
    cdef int32_t *queue      # pairs of node and state
    cdef Py_ssize_t size, at, room
    cdef int32_t *aside      # the same, of states with the LAZY flag
    cdef readonly Py_ssize_t n_aside
    cdef Py_ssize_t aside_room
    cdef readonly int32_t node  # where `run` stopped

    def __cinit__(self):
        self.queue = self.aside = NULL

    def __init__(self, Tree tree, const int32_t[::1] roots, int32_t start):
        cdef Py_ssize_t i
        self.tree = tree
        global spare, spare_room
        self.room = roots.shape[0] + 256
        if self.room <= spare_room:
            self.queue, self.room = spare, spare_room
            spare, spare_room = NULL, 0
        else:
            self.queue = <int32_t *> malloc(self.room * 8)
        if self.queue == NULL:
            raise MemoryError
        for i in range(roots.shape[0]):
            self.queue[2 * i] = roots[i]
            self.queue[2 * i + 1] = start
        self.size = roots.shape[0]
        self.at = self.n_aside = self.aside_room = 0
        self.node = 0

    def __dealloc__(self):
        global spare, spare_room
        if spare_room < self.room <= SPARE:
            free(spare)
            spare, spare_room = self.queue, self.room
        else:
            free(self.queue)
        free(self.aside)

    def run(self, Table table):
        """Walk on.  -1 when done; else a state whose successors by the bytes below ``node`` are to be filled in."""
        cdef int32_t stopped
        with nogil:
            stopped = self._run(table)
        if stopped == -2:
            raise MemoryError
        return stopped

    cdef int32_t _run(self, Table table) noexcept nogil:
        cdef const uint8_t *flags = &table.flags[0]
        cdef const int32_t *row_of = &table.row_of[0]
        cdef const int32_t *rows = &table.rows[0, 0]
        cdef const uint8_t *only_byte = &table.only_byte[0]
        cdef const int32_t *only_next = &table.only_next[0]
        cdef const int32_t *first_child = &self.tree.first_child[0]
        cdef const int32_t *n_children = &self.tree.n_children[0]
        cdef const uint8_t *byte = &self.tree.byte[0]
        cdef const int32_t *row
        cdef const uint8_t *found
        cdef int32_t *larger
        cdef int32_t node, state, first, n, i, target
        while self.at < self.size:
            node, state = self.queue[2 * self.at], self.queue[2 * self.at + 1]
            n = n_children[node]
            if n:
                if not flags[state] & KNOWN:
                    self.node = node
                    return state
                if self.size + n > self.room:
                    larger = <int32_t *> realloc(self.queue, (2 * self.room + n) * 8)
                    if larger == NULL:
                        return -2
                    self.queue = larger
                    self.room = 2 * self.room + n
                first = first_child[node]
                if only_next[state] != DEAD:
                    found = <const uint8_t *> memchr(byte + first, only_byte[state], n)
                    if found != NULL:
                        if not self._add(<int32_t> (found - byte), only_next[state], flags):
                            return -2
                elif row_of[state]:
                    row = rows + 256 * <Py_ssize_t> row_of[state]
                    if flags[state] & PARTLY:
                        for i in range(first, first + n):
                            if row[byte[i]] == UNKNOWN:
                                self.node = node
                                return state
                    for i in range(first, first + n):
                        target = row[byte[i]]
                        if target != DEAD:
                            if not self._add(i, target, flags):
                                return -2
            self.at += 1
        return -1

    cdef inline bint _add(self, int32_t node, int32_t state, const uint8_t *flags) noexcept nogil:
        cdef int32_t *larger
        if not flags[state] & LAZY:
            self.queue[2 * self.size] = node
            self.queue[2 * self.size + 1] = state
            self.size += 1
            return True
        if self.n_aside == self.aside_room:
            larger = <int32_t *> realloc(self.aside, (2 * self.aside_room + 64) * 8)
            if larger == NULL:
                return False
            self.aside = larger
            self.aside_room = 2 * self.aside_room + 64
        self.aside[2 * self.n_aside] = node
        self.aside[2 * self.n_aside + 1] = state
        self.n_aside += 1
        return True

    def reached(self):
        """The nodes reached with their states, int32 pairs as bytes."""
        return PyBytes_FromStringAndSize(<char *> self.queue, self.size * 8)

    def turned(self):
        """The nodes where a state with the LAZY flag was reached, with it; the same form."""
        return PyBytes_FromStringAndSize(<char *> self.aside, self.n_aside * 8)

    def ends(self, Table table):
        """The nodes reached in a nullable state, int32 as bytes."""
        cdef const uint8_t *flags = &table.flags[0]
        cdef Py_ssize_t i, n = 0
        for i in range(self.size):
            n += (flags[self.queue[2 * i + 1]] & NULLABLE) != 0
        cdef bytes found = PyBytes_FromStringAndSize(NULL, n * 4)
        cdef int32_t *nodes = <int32_t *> <char *> found
        n = 0
        for i in range(self.size):
            if flags[self.queue[2 * i + 1]] & NULLABLE:
                nodes[n] = self.queue[2 * i]
                n += 1
        return found

    def mark(self, int32_t[::1] bits):
        """Set the bits of the tokens at all nodes reached, those turned too."""
        cdef Py_ssize_t i
        cdef const int32_t *token_start = &self.tree.token_start[0]
        cdef const int32_t *tokens = &self.tree.tokens[0] if self.tree.tokens.shape[0] else NULL
        with nogil:
            for i in range(self.size):
                _mark(self.queue[2 * i], &bits[0], token_start, tokens)
            for i in range(self.n_aside):
                _mark(self.aside[2 * i], &bits[0], token_start, tokens)


cdef inline void _mark(int32_t node, int32_t *bits, const int32_t *token_start, const int32_t *tokens) noexcept nogil:
    cdef int32_t j, token
    for j in range(token_start[node], token_start[node + 1]):
        token = tokens[j]
        bits[token >> 5] |= <int32_t> (<unsigned int> 1 << (token & 31))


def mark(Tree tree, const int32_t[::1] nodes, int32_t[::1] bits):
    """Set the bits of the tokens at ``nodes``."""
    cdef Py_ssize_t i
    cdef const int32_t *tokens = &tree.tokens[0] if tree.tokens.shape[0] else NULL
    for i in range(nodes.shape[0]):
        _mark(nodes[i], &bits[0], &tree.token_start[0], tokens)


def write(row, words, values):
    """Write a mask into ``row``: all of ``values``, or with ``words`` (int32 indices) only these words, others zero.

    Whether the row was a contiguous int32 array of the right length; if not, it is untouched.
    """
    cdef Py_buffer to, of, at
    cdef const int32_t *value
    cdef const int32_t *index
    cdef int32_t *target
    cdef Py_ssize_t i
    cdef bint sparse = words is not None
    try:
        PyObject_GetBuffer(row, &to, PyBUF_WRITABLE | PyBUF_ND | PyBUF_FORMAT)
    except (BufferError, TypeError, ValueError):
        return False
    PyObject_GetBuffer(values, &of, PyBUF_ND)
    try:
        # NumPy's int32 is "i", and on Windows "l"
        if to.ndim != 1 or to.itemsize != 4 or to.format[0] not in b"il" or to.format[1]:
            return False
        if not sparse:
            if to.len != of.len:
                return False
            memcpy(to.buf, of.buf, of.len)
            return True
        PyObject_GetBuffer(words, &at, PyBUF_ND)
        target, index, value = <int32_t *> to.buf, <const int32_t *> at.buf, <const int32_t *> of.buf
        if index[0] != to.len // 4:  # a sparse mask begins with the length of the whole
            PyBuffer_Release(&at)
            return False
        memset(target, 0, to.len)
        for i in range(1, at.len // 4):
            target[index[i]] = value[i]
        PyBuffer_Release(&at)
        return True
    finally:
        PyBuffer_Release(&of)
        PyBuffer_Release(&to)
