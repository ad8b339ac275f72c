//! What each region's plan holds and nobody has told the end of yet: where a region ends before its
//! plan does, its log says what was not done.

use std::collections::HashMap;

use super::messages::{Line, Weight};
use super::text::OneLine;
use crate::event::EventKind;
use crate::model::{ActionKind, RegionName};
use crate::plan::Plan;

/// The actions of the regions at work.
#[derive(Debug, Default)]
pub(super) struct OpenActions(HashMap<RegionName, Vec<(ActionKind, String)>>);

impl OpenActions {
    /// Takes a plan that is going to be carried out.
    pub(super) fn planned(&mut self, plan: &Plan) {
        let actions = plan.actions.iter();
        let open = actions.map(|action| (action.kind(), action.image().to_owned()));
        self.0.insert(plan.region.clone(), open.collect());
    }

    /// Takes an event of a region; at the region's end gives the line of what is left, if anything is.
    pub(super) fn event(&mut self, region: &RegionName, kind: &EventKind) -> Option<Line> {
        match kind {
            EventKind::ActionFinished { facts, .. } => {
                self.ended(region, facts.action, &facts.image);
                None
            }
            EventKind::Error(failure) => {
                if let (Some(action), Some(image)) = (failure.action, &failure.image) {
                    self.ended(region, action, image);
                }
                None
            }
            EventKind::RegionFinished { .. } => {
                let open = self.0.remove(region)?;
                let open: Vec<String> = open
                    .iter()
                    .map(|(action, image)| format!("{action} `{}`", OneLine(image)))
                    .collect();
                (!open.is_empty())
                    .then(|| Line::info(Weight::Detail, format!("not done: {}", open.join(", "))))
            }
            _ => None,
        }
    }

    fn ended(&mut self, region: &RegionName, action: ActionKind, image: &str) {
        if let Some(open) = self.0.get_mut(region)
            && let Some(place) = open
                .iter()
                .position(|open| open.0 == action && open.1 == image)
        {
            open.remove(place);
        }
    }
}
