//! The order of the stages: every stage after those that it reads from.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::Edge;
use crate::diagnostic::{Problem, Problems};
use crate::stage::Draft;
use crate::suggest;

/// The stages in topological order, in the order of the file where that is free; nothing where there is a circle.
pub(crate) fn order(drafts: &[Draft], edges: &[Vec<Edge>], problems: &mut Problems) -> Option<Vec<usize>> {
    let order = sorted(edges);
    if order.len() == edges.len() {
        return Some(order);
    }
    let placed: HashSet<_> = order.into_iter().collect();
    let mut told = HashSet::new();
    for start in (0..edges.len()).filter(|stage| !placed.contains(stage)) {
        let Some(circle) = circle(start, edges) else { continue };
        if circle.iter().all(|(stage, _)| told.insert(*stage)) {
            problems.push(report(drafts, &circle));
        }
    }
    None
}

/// Kahn's algorithm, always with the first stage of the file that is ready. What lies on or behind a circle is left out.
fn sorted(edges: &[Vec<Edge>]) -> Vec<usize> {
    let mut waits: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut readers = vec![Vec::new(); edges.len()];
    for (reader, inputs) in edges.iter().enumerate() {
        inputs.iter().for_each(|edge| readers[edge.from].push(reader));
    }
    let mut ready: BinaryHeap<_> = (0..edges.len()).filter(|stage| waits[*stage] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(Reverse(stage)) = ready.pop() {
        order.push(stage);
        for reader in &readers[stage] {
            waits[*reader] -= 1;
            if waits[*reader] == 0 {
                ready.push(Reverse(*reader));
            }
        }
    }
    order
}

/// The shortest circle through this stage, against the flow: each stage with the edge by which it reads from the next.
fn circle(start: usize, edges: &[Vec<Edge>]) -> Option<Vec<(usize, &Edge)>> {
    let mut reached_by: Vec<Option<(usize, &Edge)>> = vec![None; edges.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(reader) = queue.pop_front() {
        for edge in &edges[reader] {
            if reached_by[edge.from].is_some() {
                continue;
            }
            reached_by[edge.from] = Some((reader, edge));
            if edge.from != start {
                queue.push_back(edge.from);
                continue;
            }
            let mut circle = Vec::new();
            let mut at = start;
            while let Some((reader, edge)) = reached_by[at] {
                circle.push((reader, edge));
                at = reader;
                if at == start {
                    break;
                }
            }
            circle.reverse();
            return Some(circle);
        }
    }
    None
}

fn report(drafts: &[Draft], circle: &[(usize, &Edge)]) -> Problem {
    let id = |stage: usize| drafts[stage].id.as_str();
    if let [(stage, edge)] = circle {
        return Problem::new(&edge.span, format!("stage `{}` reads from itself", id(*stage)));
    }
    // The edge that was written against the order of the file is the likely slip.
    let back = circle.iter().position(|(reader, edge)| edge.from > *reader).unwrap_or(0);
    let mut stages: Vec<_> = circle.iter().map(|(stage, _)| *stage).collect();
    stages.sort_unstable();
    let message =
        format!("stages {} read from each other in a circle", suggest::list(stages.iter().map(|s| id(*s))));
    let says = |(reader, edge): &(usize, &Edge)| format!("`{}` reads from `{}`", id(*reader), id(edge.from));
    let problem = Problem::new(&circle[back].1.span, message).cause(says(&circle[back]));
    let others = circle.iter().enumerate().filter(|(at, _)| *at != back);
    others.fold(problem, |problem, (_, step)| problem.label(&step.1.span, says(step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(inputs: &[&[usize]]) -> Vec<Vec<Edge>> {
        let edge = |from: &usize| Edge { from: *from, port: Some(0), span: 0..0 };
        inputs.iter().map(|inputs| inputs.iter().map(edge).collect()).collect()
    }

    #[test]
    fn keeps_the_order_of_the_file_where_it_is_free() {
        assert_eq!(sorted(&graph(&[&[], &[0], &[], &[2], &[1, 3]])), [0, 1, 2, 3, 4]);
        assert_eq!(sorted(&graph(&[&[2], &[0], &[]])), [2, 0, 1]);
        assert_eq!(sorted(&graph(&[&[], &[3], &[0], &[2], &[1, 0]])), [0, 2, 3, 1, 4]);
    }

    #[test]
    fn leaves_out_what_lies_on_or_behind_a_circle() {
        assert_eq!(sorted(&graph(&[&[], &[0, 2], &[1], &[2]])), [0]);
    }

    #[test]
    fn finds_the_shortest_circle() {
        let edges = graph(&[&[], &[0, 3], &[1], &[2, 1]]);
        let stages =
            |start| circle(start, &edges).map(|c| c.iter().map(|(stage, _)| *stage).collect::<Vec<_>>());
        assert_eq!(stages(1), Some(vec![1, 3]));
        assert_eq!(stages(0), None);
        assert_eq!(circle(0, &graph(&[&[0]])).map(|c| c.len()), Some(1));
    }
}
