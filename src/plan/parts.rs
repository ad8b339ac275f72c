//! Kernel and ramdisk of AMI images: references by the master's ids, turned into names.

use std::collections::HashMap;

use super::inventory::MasterInventory;
use super::order;
use super::reason::PartProblem;
use crate::model::{Image, ImageId, KERNEL_ID, RAMDISK_ID};

/// A reference of a master image to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// `kernel_id` or `ramdisk_id`.
    pub(super) property: &'static str,
    /// What it refers to.
    pub(super) target: PartTarget,
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PartTarget {
    /// The selected image of that index.
    Selected(usize),
    /// Nothing that is available.
    Unavailable {
        /// Its name or, where it has none, its id at the master.
        missing: String,
        problem: PartProblem,
    },
}

/// Resolves the references of a master image.
pub(super) fn resolve_parts(
    master: &Image,
    inventory: &MasterInventory,
    selected: &HashMap<String, usize>,
) -> Vec<Part> {
    [KERNEL_ID, RAMDISK_ID]
        .into_iter()
        .filter_map(|property| {
            let value = master.properties.get(property)?;
            Some(Part {
                property,
                target: resolve(value, inventory, selected),
            })
        })
        .collect()
}

fn resolve(
    value: &str,
    inventory: &MasterInventory,
    selected: &HashMap<String, usize>,
) -> PartTarget {
    let id = ImageId::new(value);
    let missing = || inventory.listed_name(&id).unwrap_or(value).to_owned();
    match inventory.by_id(&id) {
        None => PartTarget::Unavailable {
            missing: missing(),
            problem: PartProblem::NotInInventory,
        },
        Some(part) => match selected.get(&part.name) {
            Some(index) => PartTarget::Selected(*index),
            None => PartTarget::Unavailable {
                missing: missing(),
                problem: PartProblem::NotSelected,
            },
        },
    }
}

/// Which images have references that lead back to themselves, and all in an order in which an image
/// comes after its parts. What an image is can then be said without descending into its parts,
/// however long their chain is.
pub(super) fn parts_first(parts: &[Vec<Part>]) -> (Vec<usize>, Vec<bool>) {
    let all: Vec<usize> = (0..parts.len()).collect();
    let mut edges: Vec<Vec<usize>> = parts.iter().map(|of| selected(of).collect()).collect();
    let ordered = order::parts_first(&all, |index| edges[index].clone());
    let mut in_circle = vec![false; parts.len()];
    if ordered.len() == all.len() {
        return (ordered, in_circle);
    }
    // What is left out is in a circle or leads to one.
    let mut left_out = vec![true; parts.len()];
    for index in ordered {
        left_out[index] = false;
    }
    for (index, is_in_circle) in in_circle.iter_mut().enumerate() {
        *is_in_circle = left_out[index] && leads_to(&edges, index);
    }
    for (is_in_circle, edges) in in_circle.iter().zip(&mut edges) {
        if *is_in_circle {
            edges.clear();
        }
    }
    let ordered = order::parts_first(&all, |index| edges[index].clone());
    (ordered, in_circle)
}

/// The selected images that these references lead to.
pub(super) fn selected(parts: &[Part]) -> impl Iterator<Item = usize> {
    parts.iter().filter_map(|part| match part.target {
        PartTarget::Selected(index) => Some(index),
        PartTarget::Unavailable { .. } => None,
    })
}

fn leads_to(edges: &[Vec<usize>], goal: usize) -> bool {
    let mut seen = vec![false; edges.len()];
    let mut open = edges[goal].clone();
    while let Some(index) = open.pop() {
        if index == goal {
            return true;
        }
        if !std::mem::replace(&mut seen[index], true) {
            open.extend(&edges[index]);
        }
    }
    false
}
