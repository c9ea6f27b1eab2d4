//! Shortest cycles in the graph.
//!
//! A search names the edges that a cycle may have and the edge that it must have. For each node that such an
//! edge enters, a breadth-first search looks for the way back. Nodes that are on no cycle are taken out
//! first: in a history without anomalies nothing is left.
//!
//! Cost: O(nodes * edges) for each search, of the nodes and edges that are left, and less when a cycle of two
//! edges exists.

use std::collections::{BTreeMap, VecDeque};

use super::graph::{Dependency, Graph, Kind};
use super::model::Txn;

/// Which edges a cycle may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edges {
    /// `ww`.
    Writes,
    /// `ww` and `wr`.
    Flow,
    /// `ww`, `wr`, and the `rw` edges of items.
    Items,
    /// All.
    All,
}

/// The edge that a cycle must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    /// Any.
    Any,
    /// A `wr` edge.
    Read,
    /// An `rw` edge of an item.
    Item,
    /// An `rw` edge of a predicate.
    Predicate,
}

/// What the other edges must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing special.
    Any,
    /// No further `rw` edge.
    NoRw,
    /// At least one further `rw` edge.
    AnotherRw,
    /// No `rw` edge follows another.
    ApartRw,
}

impl Edges {
    fn contains(self, edge: &Dependency) -> bool {
        match self {
            Edges::Writes => edge.kind == Kind::Ww,
            Edges::Flow => edge.kind != Kind::Rw,
            Edges::Items => edge.kind != Kind::Rw || !edge.is_predicate,
            Edges::All => true,
        }
    }
}

impl Must {
    fn is(self, edge: &Dependency) -> bool {
        match self {
            Must::Any => true,
            Must::Read => edge.kind == Kind::Wr,
            Must::Item => edge.kind == Kind::Rw && !edge.is_predicate,
            Must::Predicate => edge.kind == Kind::Rw && edge.is_predicate,
        }
    }
}

/// What a search remembers about the way so far: 1 if it has an `rw` edge (for [`Rest::AnotherRw`]), or if
/// its last edge is one (for [`Rest::ApartRw`]).
type Memory = usize;
const MEMORIES: usize = 2;

impl Rest {
    /// The memory behind the edge that the cycle must have.
    fn start(self) -> Memory {
        usize::from(self == Rest::ApartRw)
    }

    /// The memory after one more edge; `None` if that edge is not allowed here.
    fn after(self, memory: Memory, edge: &Dependency) -> Option<Memory> {
        let is_rw = edge.kind == Kind::Rw;
        match self {
            Rest::Any => Some(0),
            Rest::NoRw => (!is_rw).then_some(0),
            Rest::AnotherRw => Some(memory | usize::from(is_rw)),
            Rest::ApartRw => (!is_rw || memory == 0).then_some(usize::from(is_rw)),
        }
    }

    /// Whether a way with this memory may close the cycle.
    fn may_close(self, memory: Memory) -> bool {
        match self {
            Rest::Any | Rest::NoRw => true,
            Rest::AnotherRw => memory == 1,
            Rest::ApartRw => memory == 0,
        }
    }
}

/// The shortest cycle of `edges` with an edge that `must` be there and others as `rest` says, as edges in
/// their order from that one on. Of several shortest ones the first in the order of the transactions.
pub(super) fn shortest(graph: &Graph, edges: Edges, must: Must, rest: Rest) -> Option<Vec<Dependency>> {
    let core = Core::new(graph, edges);
    let mut best: Option<Vec<usize>> = None;
    for node in 0..core.out.len() {
        let entering = core.entering(graph, node, must);
        if entering.is_empty() {
            continue;
        }
        let limit = best.as_ref().map_or(usize::MAX, Vec::len);
        if let Some(cycle) = core.way_back(graph, node, &entering, rest, limit) {
            let is_done = cycle.len() == 2;
            best = Some(cycle);
            if is_done {
                break;
            }
        }
    }
    best.map(|cycle| vary_items(graph, &cycle))
}

/// The part of the graph in which cycles can be.
struct Core {
    /// For each node the edges that leave it and the nodes to which they lead.
    out: Vec<Vec<(usize, usize)>>,
    /// For each node the edges that enter it and the nodes from which they come.
    back: Vec<Vec<(usize, usize)>>,
}

impl Core {
    /// Takes out nodes without an edge in or without an edge out until none is left.
    fn new(graph: &Graph, edges: Edges) -> Core {
        let index: BTreeMap<Txn, usize> =
            graph.nodes.iter().enumerate().map(|(at, txn)| (*txn, at)).collect();
        let mut out = vec![Vec::new(); index.len()];
        let mut back = vec![Vec::new(); index.len()];
        for (number, edge) in graph.edges.iter().enumerate() {
            if edges.contains(edge) {
                let (from, to) = (index[&edge.from], index[&edge.to]);
                out[from].push((to, number));
                back[to].push((from, number));
            }
        }
        let mut is_out = vec![false; index.len()];
        let mut degrees: Vec<(usize, usize)> =
            (0..index.len()).map(|node| (back[node].len(), out[node].len())).collect();
        let mut queue: VecDeque<usize> = (0..index.len()).collect();
        while let Some(node) = queue.pop_front() {
            if is_out[node] || (degrees[node].0 > 0 && degrees[node].1 > 0) {
                continue;
            }
            is_out[node] = true;
            for (to, _) in &out[node] {
                degrees[*to].0 -= 1;
                queue.push_back(*to);
            }
            for (from, _) in &back[node] {
                degrees[*from].1 -= 1;
                queue.push_back(*from);
            }
        }
        for lists in [&mut out, &mut back] {
            for (node, list) in lists.iter_mut().enumerate() {
                list.retain(|(other, _)| !is_out[node] && !is_out[*other]);
            }
        }
        Core { out, back }
    }

    /// The edges that enter `node` and are what a cycle must have, with where they come from.
    fn entering(&self, graph: &Graph, node: usize, must: Must) -> Vec<(usize, usize)> {
        self.back[node].iter().copied().filter(|(_, edge)| must.is(&graph.edges[*edge])).collect()
    }

    /// The shortest cycle that begins with one of the `entering` edges of `start`, if it has fewer edges than
    /// `limit`.
    fn way_back(
        &self,
        graph: &Graph,
        start: usize,
        entering: &[(usize, usize)],
        rest: Rest,
        limit: usize,
    ) -> Option<Vec<usize>> {
        let first: BTreeMap<usize, usize> = entering.iter().rev().copied().collect();
        let state = |node: usize, memory: Memory| node * MEMORIES + memory;
        // How each state was reached: from which one, and by which edge.
        let mut came: Vec<Option<(usize, usize)>> = vec![None; self.out.len() * MEMORIES];
        let begin = state(start, rest.start());
        let mut queue = VecDeque::from([(begin, 1)]);
        while let Some((at, length)) = queue.pop_front() {
            if length + 1 >= limit {
                return None;
            }
            for (to, edge) in &self.out[at / MEMORIES] {
                let Some(memory) = rest.after(at % MEMORIES, &graph.edges[*edge]) else { continue };
                let next = state(*to, memory);
                if next == begin || came[next].is_some() {
                    continue;
                }
                came[next] = Some((at, *edge));
                if let Some(first) = first.get(to)
                    && rest.may_close(memory)
                {
                    let cycle = walk(*first, &came, next);
                    if is_simple(graph, &cycle) {
                        return Some(cycle);
                    }
                }
                queue.push_back((next, length + 1));
            }
        }
        None
    }
}

/// The edges from `first` on, up to the state `end`.
fn walk(first: usize, came: &[Option<(usize, usize)>], end: usize) -> Vec<usize> {
    let mut cycle = Vec::new();
    let mut at = end;
    while let Some((before, edge)) = came[at] {
        cycle.push(edge);
        at = before;
    }
    cycle.push(first);
    cycle.reverse();
    cycle
}

/// Whether no transaction is in the cycle twice.
fn is_simple(graph: &Graph, cycle: &[usize]) -> bool {
    let mut nodes: Vec<Txn> = cycle.iter().map(|edge| graph.edges[*edge].from).collect();
    nodes.sort_unstable();
    nodes.windows(2).all(|pair| pair[0] != pair[1])
}

/// Replaces edges by others of the same kind between the same transactions, so that the cycle is about
/// different items where it can be.
fn vary_items(graph: &Graph, cycle: &[usize]) -> Vec<Dependency> {
    let mut varied: Vec<Dependency> = Vec::new();
    for at in cycle {
        let edge = &graph.edges[*at];
        let is_same = |other: &&Dependency| {
            (other.from, other.to, other.kind, other.is_predicate)
                == (edge.from, edge.to, edge.kind, edge.is_predicate)
        };
        let is_new = |other: &&Dependency| varied.iter().all(|known| known.item != other.item);
        let other = graph.edges.iter().filter(is_same).find(is_new);
        varied.push(other.unwrap_or(edge).clone());
    }
    varied
}
