//! The examples at the end of each help.

pub(super) const PROGRAM: &str = "\
Examples:
  glancesync demo                          see it work, without any cloud
  glancesync init                          write a first configuration
  glancesync plan Trento                   what a sync would do in one region
  glancesync sync --parallel               bring all regions of `master` in step
  glancesync sync -j 8 master: other:      the regions of two targets
  glancesync status --format table         every image in every region
  glancesync logs --errors                 what went wrong in the newest run

`glancesync help COMMAND` has more of each. Without a command, it is a sync.
A region that is called like a command is written `master:demo`.
Exit codes: 0 in order, 1 something failed, 2 wrong command line or
configuration or no master region, 3 another run is under way, 130 interrupted.";

pub(super) const SYNC: &str = "\
Examples:
  glancesync sync                          all regions of `master`, one by one
  glancesync sync --parallel --all         all regions of all targets
  glancesync sync Trento --image 'base_*'   some images of one region
  glancesync sync --parallel --keep-going --fail-on error --wait-lock 10m
  glancesync sync --config replace=any max_replace=5

Exit codes: 0 in order, 1 something failed, 2 wrong command line or
configuration or no master region, 3 another run is under way, 130 interrupted.";

pub(super) const PLAN: &str = "\
Examples:
  glancesync plan                          what a sync would do
  glancesync plan Trento -v                every property that differs, and why
                                           an image is wanted
  glancesync plan --all --format json | jq '.regions[].actions[]'
  glancesync plan --all --out plan.json    also write it down, to be applied later
  glancesync plan --read plan.json         print what was written down

It takes the options of a sync, and shows what a sync with them would do.";

pub(super) const APPLY: &str = "\
Examples:
  glancesync plan --all --out plan.json    make a plan, and look at it
  glancesync apply plan.json --parallel    carry it out
  glancesync apply plan.json Trento        in one region of it alone
  glancesync apply plan.json --dry-run     what is still to be done of it, and
                                           which regions it no longer fits

Every region is planned anew. Where something is needed that the plan does not
have, that region is left as it is (`plan_outdated`); the others go on. It can
be applied again after an interruption: what is done already is passed over.
Exit codes: 0 in order, 1 something failed or is outdated, 2 wrong command line,
configuration or plan, 3 another run is under way, 130 interrupted.";

pub(super) const STATUS: &str = "\
Examples:
  glancesync status                        status,region,image: one a line
  glancesync status --format table         images down, regions across
  glancesync status --all --format html > fleet.html
  glancesync status --fail-on error        exits with 1 for an error_*";

pub(super) const REGIONS: &str = "\
Examples:
  glancesync regions                       all regions of `master`
  glancesync regions --all                 all regions of all targets";

pub(super) const IMAGES: &str = "\
Examples:
  glancesync images                        image,region,id: one a line
  glancesync images --format table Trento
  glancesync images --all --format json |
      jq 'reduce .images[] as $i ({}; .[$i.image][$i.region] = $i.id)'
                                           a map for Terraform

Only images that are in step are printed.";

pub(super) const BACKUP: &str = "\
Examples:
  glancesync backup                        the master and all its regions
  glancesync backup --parallel --all       the regions of all targets

The folder is made in `log_dir`; `glancesync restore` reads it.";
