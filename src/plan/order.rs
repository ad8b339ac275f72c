//! The order of uploads: ascending by size, then name, and a part before the images that need it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Orders the indices in `wanted`, which ascend by size and name already, so that every index comes
/// after those that `parts` names for it. Of those that may go next, the smallest goes.
///
/// Parts outside `wanted` are there already and hold nothing up. What is in a circle or needs one
/// is left out.
pub(super) fn parts_first(wanted: &[usize], parts: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut waiting = vec![0usize; wanted.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); wanted.len()];
    for (position, index) in wanted.iter().enumerate() {
        let mut needed = parts(*index);
        needed.sort_unstable();
        needed.dedup();
        for part in needed {
            if let Ok(part_position) = wanted.binary_search(&part) {
                waiting[position] += 1;
                dependents[part_position].push(position);
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..wanted.len())
        .filter(|position| waiting[*position] == 0)
        .map(Reverse)
        .collect();
    let mut ordered = Vec::with_capacity(wanted.len());
    while let Some(Reverse(position)) = ready.pop() {
        ordered.push(wanted[position]);
        for dependent in &dependents[position] {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_waits_for_its_parts_and_the_rest_keeps_its_order() {
        let parts = |index: usize| match index {
            1 => vec![5, 5, 9],
            3 => vec![1],
            _ => vec![],
        };
        assert_eq!(parts_first(&[0, 1, 3, 4, 5, 7], parts), [0, 4, 5, 1, 3, 7]);
    }
}
