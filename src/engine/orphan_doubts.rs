//! What has to be known before an image of a region counts as an orphan, beside the lists that every run
//! reads: the names of the master's hidden images, and what other targets want of the same regions. Both are
//! looked for once, and only where some region has a candidate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::region::RegionJob;
use super::targets::{Fleet, StartError, Target, log_in, select};
use crate::config::{Settings, TargetSettings};
use crate::event::Events;
use crate::model::{RegionName, TargetName};
use crate::openstack::{Listing, OpenStackError};
use crate::plan::{MasterInventory, Selection};

/// What is known of it so far.
#[derive(Debug)]
pub(crate) struct OrphanDoubts {
    master: RegionName,
    master_target: Target,
    /// Every target of the configuration.
    targets: Vec<Arc<TargetSettings>>,
    /// Those that this run has tried to log in to.
    log_ins: LogIns,
    /// The others, once one of them may want a candidate.
    late_log_ins: OnceCell<LogIns>,
    hidden_names: OnceCell<Result<BTreeSet<String>, OpenStackError>>,
    selections: OnceCell<BTreeMap<TargetName, Arc<Selection>>>,
}

/// The targets of a configuration, as far as they could be logged in to.
type LogIns = BTreeMap<TargetName, Result<Target, OpenStackError>>;

impl OrphanDoubts {
    /// Nothing was asked yet; where the master's list has its hidden images, their names need not be.
    pub(super) fn new(settings: &Settings, fleet: &Fleet, listing: &Listing) -> Self {
        Self {
            master: fleet.master.clone(),
            master_target: fleet.master_target.clone(),
            targets: settings.targets.clone(),
            log_ins: fleet.targets.clone(),
            late_log_ins: OnceCell::new(),
            hidden_names: match listing {
                Listing::Visible => OnceCell::new(),
                _ => OnceCell::new_with(Some(Ok(BTreeSet::new()))),
            },
            selections: OnceCell::new(),
        }
    }

    /// The names of the master's own hidden images that its list did not have.
    ///
    /// # Errors
    ///
    /// The master does not give that list.
    pub(super) async fn hidden_names(&self) -> Result<&BTreeSet<String>, &OpenStackError> {
        let asked = self.hidden_names.get_or_init(async || {
            let reader = self.master_target.reader(&self.master.region)?;
            let hidden = reader.list(&Listing::Hidden).await?;
            let project_id = self.master_target.session.project_id();
            let own = hidden.into_iter().filter(|it| it.is_own(project_id));
            Ok(own.map(|image| image.name).collect())
        });
        asked.await.as_ref()
    }

    /// What other targets want in the same region, by `wants`: of those with the same project and an endpoint
    /// of that Glance, and of those of which that is unknown, because they cannot be logged in to.
    ///
    /// # Errors
    ///
    /// A thread that evaluated conditions is gone.
    pub(super) async fn wanted_by_others(
        &self,
        job: &RegionJob,
        inventory: &Arc<MasterInventory>,
        events: &Events,
        wants: impl Fn(&Selection) -> bool,
    ) -> Result<Vec<Arc<Selection>>, StartError> {
        if self.targets.len() == 1 {
            return Ok(Vec::new());
        }
        let selections = self
            .selections
            .get_or_try_init(async || select(inventory, self.targets.clone(), events).await);
        let mut wanted = Vec::new();
        for (name, selection) in selections.await? {
            if *name != job.target.settings.name
                && wants(selection)
                && self.may_reach(name, job).await
            {
                wanted.push(Arc::clone(selection));
            }
        }
        Ok(wanted)
    }

    /// True where the target has the same project and an endpoint of that Glance, or where that is unknown.
    async fn may_reach(&self, name: &TargetName, job: &RegionJob) -> bool {
        let is_known = |it: &Arc<TargetSettings>| self.log_ins.contains_key(&it.name);
        let log_ins = if self.log_ins.contains_key(name) {
            &self.log_ins
        } else {
            let missing = self.targets.iter().filter(|it| !is_known(it));
            let late = self.late_log_ins.get_or_init(|| log_in(missing));
            late.await
        };
        let log_in = log_ins.get(name);
        let Some(Ok(other)) = log_in else { return true };
        let leads_there = |region: &&str| {
            let reader = other.reader(region);
            reader.is_ok_and(|reader| *reader.endpoint() == job.endpoint)
        };
        other.session.project_id() == job.target.session.project_id()
            && other.session.catalogue().regions().iter().any(leads_there)
    }
}
