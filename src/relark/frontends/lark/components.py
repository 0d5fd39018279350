"""Strongly connected components of a graph that is known by its arrows (Tarjan 1972), without recursion.

Cost: linear in the nodes and arrows.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def components(start: N, arrows: Callable[[N], Sequence[tuple[object, N]]], done: Container[N]) -> Iterator[list[N]]:
    """The components that can be reached from ``start``, each after all those that it leads to.

    ``arrows``: pairs of anything and a node; the same ones each time.  Nodes in ``done`` are left out, which may grow
    by the nodes that came out already.
    """
    if start in done:
        return
    number: dict[N, int] = {}
    low: dict[N, int] = {}
    path: list[N] = []  # numbered, and not yet in a component
    held: set[N] = set()
    work: list[tuple[N, int]] = [(start, 0)]
    while work:
        node, at = work.pop()
        leaving = arrows(node)
        if at == 0:
            number[node] = low[node] = len(number)
            path.append(node)
            held.add(node)
        elif leaving[at - 1][1] in held:
            low[node] = min(low[node], low[leaving[at - 1][1]])
        for i in range(at, len(leaving)):
            target = leaving[i][1]
            if target in held:
                low[node] = min(low[node], number[target])
            elif target not in number and target not in done:
                work += [(node, i + 1), (target, 0)]
                break
        else:
            if low[node] == number[node]:
                component: list[N] = []
                while not component or component[-1] is not node:
                    component.append(path.pop())
                held.difference_update(component)
                yield component
