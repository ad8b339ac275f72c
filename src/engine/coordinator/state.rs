//! Which region may start next. Knows nothing of actix.

use std::collections::{BTreeSet, VecDeque};

/// Something that is waiting for its turn, and the Glance that it works on.
pub(super) trait Exclusive {
    /// What two of them never use at the same time.
    type Key: Ord + Clone;
    /// The key; none where it uses nothing.
    fn key(&self) -> Option<Self::Key>;
}

/// The queue of regions, in run order.
#[derive(Debug)]
pub(super) struct Queue<T: Exclusive, R> {
    waiting: VecDeque<(usize, T)>,
    busy: BTreeSet<T::Key>,
    running: usize,
    results: Vec<Option<R>>,
}

impl<T: Exclusive, R> Queue<T, R> {
    /// Takes the regions in run order.
    pub(super) fn new(tasks: Vec<T>) -> Self {
        Self {
            results: tasks.iter().map(|_| None).collect(),
            waiting: tasks.into_iter().enumerate().collect(),
            busy: BTreeSet::new(),
            running: 0,
        }
    }

    /// The first waiting region whose Glance nobody works on, with its place. It counts as running
    /// until [`Queue::ended`].
    pub(super) fn start_next(&mut self) -> Option<(usize, T)> {
        let position = self
            .waiting
            .iter()
            .position(|(_, task)| task.key().is_none_or(|key| !self.busy.contains(&key)))?;
        let (place, task) = self.waiting.remove(position)?;
        self.busy.extend(task.key());
        self.running += 1;
        Some((place, task))
    }

    /// A region ended.
    pub(super) fn ended(&mut self, place: usize, key: Option<&T::Key>, result: R) {
        if let Some(key) = key {
            self.busy.remove(key);
        }
        self.running -= 1;
        self.results[place] = Some(result);
    }

    /// No waiting region starts any more. Gives those that were waiting, in run order.
    pub(super) fn abandon(&mut self) -> Vec<T> {
        self.waiting.drain(..).map(|(_, task)| task).collect()
    }

    /// The results, in run order, once nothing waits or runs; before that nothing.
    pub(super) fn take_results(&mut self) -> Option<Vec<R>> {
        (self.waiting.is_empty() && self.running == 0)
            .then(|| self.results.drain(..).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Task(&'static str, &'static str);

    impl Exclusive for Task {
        type Key = &'static str;

        fn key(&self) -> Option<&'static str> {
            (!self.1.is_empty()).then_some(self.1)
        }
    }

    #[test]
    fn regions_behind_one_glance_never_run_at_the_same_time() {
        let mut queue = Queue::new(vec![Task("a", "x"), Task("b", "x"), Task("c", "y")]);
        assert_eq!(queue.start_next().unwrap().1.0, "a");
        assert_eq!(queue.start_next().unwrap().1.0, "c");
        assert!(queue.start_next().is_none());
        queue.ended(0, Some(&"x"), "A");
        let (place, task) = queue.start_next().unwrap();
        assert_eq!((place, task.0), (1, "b"));
        queue.ended(2, Some(&"y"), "C");
        assert!(queue.take_results().is_none());
        queue.ended(1, Some(&"x"), "B");
        assert_eq!(queue.take_results().unwrap(), ["A", "B", "C"]);
    }

    #[test]
    fn what_was_abandoned_has_no_result() {
        let mut queue = Queue::new(vec![Task("a", ""), Task("b", "")]);
        let (place, _) = queue.start_next().unwrap();
        assert_eq!(queue.abandon().len(), 1);
        assert!(queue.start_next().is_none());
        queue.ended(place, None, 1);
        assert_eq!(queue.take_results().unwrap(), [1]);
    }
}
