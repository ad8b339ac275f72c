//! The public codes of errors, and what a person does next about each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The public code of an error, as events and reports print it. A change to one is a breaking change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Keystone refused the credential, or a service the token.
    AuthFailed,
    /// A token that cannot be renewed has ended.
    TokenExpired,
    /// Keystone gave no answer.
    KeystoneUnreachable,
    /// Keystone answered, but not with a token and a catalogue that can be used.
    KeystoneFailed,
    /// The catalogue has no such region, or no endpoint of the interface that was asked for.
    RegionUnknown,
    /// A region's Glance gave no answer.
    RegionUnreachable,
    /// The list of images could not be read.
    ListFailed,
    /// The list of images was not complete within `list_images_timeout`.
    ListTimeout,
    /// No source has the content of an image.
    SourceMissing,
    /// The content is there and cannot be read.
    SourceUnreadable,
    /// The content has another size than the master's image.
    SourceSize,
    /// The content changed while it was sent.
    SourceChanged,
    /// The content cannot be expanded to raw.
    SourceUnsupported,
    /// The content could not be fetched from a Glance.
    DownloadFailed,
    /// An image could not be created.
    CreateFailed,
    /// The content of an image could not be sent.
    UploadFailed,
    /// Less than 64 KiB went through in `upload_stall_timeout`.
    UploadStalled,
    /// The region had all of the content, and did not make the image `active` within `save_timeout`.
    SaveTimedOut,
    /// The region's own import of a content failed.
    ImportFailed,
    /// The region could not fetch a content from another region.
    PullFailed,
    /// The region does not offer the way of delivery or the store that the configuration asks for.
    DeliveryUnsupported,
    /// What arrived has another checksum or size than the master's image.
    ChecksumMismatch,
    /// The region gives no hash by which what arrived could be compared.
    NotVerifiable,
    /// The policy `publicize_image` forbids to publish.
    PublishRefused,
    /// Metadata could not be changed.
    UpdateFailed,
    /// An image could not be deleted.
    DeleteFailed,
    /// An image could not be renamed.
    RenameFailed,
    /// The plan would replace more images than `max_replace`.
    MaxReplaceExceeded,
    /// A region needs something that the saved plan does not have.
    PlanOutdated,
    /// A saved plan cannot be used.
    PlanInvalid,
    /// More regions of a wave failed than `wave_max_failures`.
    WaveHalted,
    /// `wave_gate` said no, or could not be asked.
    GateFailed,
    /// More old images and orphans would be hidden or deleted than `max_delete`.
    MaxDeleteExceeded,
    /// A quota, a size limit or a disk is full.
    QuotaExceeded,
    /// The kernel or ramdisk of an image failed.
    PartFailed,
    /// The destination is the master region itself, which is never written to.
    MasterRefused,
    /// A backup could not be written to the disk.
    BackupFailed,
    /// The file of a backup cannot be read.
    BackupUnreadable,
    /// The command line or the configuration is wrong.
    ConfigInvalid,
    /// No folder can keep the lock, without which nothing is changed.
    StateUnwritable,
    /// Another run for the same master is under way.
    RunLocked,
    /// Standard output takes no more.
    OutputUnwritable,
    /// The system gives this process too little to begin a run.
    LimitTooLow,
    /// The time of `max_duration` was over.
    OutOfTime,
    /// The run was interrupted.
    Interrupted,
    /// A fault of this program.
    Internal,
}

impl ErrorCode {
    /// Every code, for documentation and tests.
    pub const ALL: &[Self] = &[
        Self::AuthFailed,
        Self::TokenExpired,
        Self::KeystoneUnreachable,
        Self::KeystoneFailed,
        Self::RegionUnknown,
        Self::RegionUnreachable,
        Self::ListFailed,
        Self::ListTimeout,
        Self::SourceMissing,
        Self::SourceUnreadable,
        Self::SourceSize,
        Self::SourceChanged,
        Self::SourceUnsupported,
        Self::DownloadFailed,
        Self::CreateFailed,
        Self::UploadFailed,
        Self::UploadStalled,
        Self::SaveTimedOut,
        Self::ImportFailed,
        Self::PullFailed,
        Self::DeliveryUnsupported,
        Self::ChecksumMismatch,
        Self::NotVerifiable,
        Self::PublishRefused,
        Self::UpdateFailed,
        Self::DeleteFailed,
        Self::RenameFailed,
        Self::MaxReplaceExceeded,
        Self::MaxDeleteExceeded,
        Self::QuotaExceeded,
        Self::PartFailed,
        Self::PlanOutdated,
        Self::PlanInvalid,
        Self::WaveHalted,
        Self::GateFailed,
        Self::MasterRefused,
        Self::BackupFailed,
        Self::BackupUnreadable,
        Self::ConfigInvalid,
        Self::StateUnwritable,
        Self::RunLocked,
        Self::OutputUnwritable,
        Self::LimitTooLow,
        Self::OutOfTime,
        Self::Interrupted,
        Self::Internal,
    ];

    /// What to do next, as a whole sentence that holds for every error of this code.
    #[expect(clippy::too_many_lines, reason = "one sentence for each code")]
    pub fn hint(self) -> &'static str {
        match self {
            Self::AuthFailed => {
                "Check user, password, project and domains of this target, and that the user has a role in the project."
            }
            Self::TokenExpired => {
                "Use a log-in that can be renewed, such as v3password or v3applicationcredential, or get a new token or passcode and run again."
            }
            Self::KeystoneUnreachable => {
                "Check `keystone_url` of this target, and that this machine reaches it (proxy, firewall, certificate)."
            }
            Self::KeystoneFailed => {
                "Check that `keystone_url` leads to a Keystone v3, such as `https://keystone.example.org:5000/v3`."
            }
            Self::RegionUnknown => {
                "See `glancesync --show-regions` for the regions of the catalogue, and check `interface` of this target."
            }
            Self::RegionUnreachable => {
                "Check that the region's image endpoint is up and that this machine reaches it (proxy, firewall, certificate)."
            }
            Self::ListFailed => "Check the region's Glance and its log, then run again.",
            Self::ListTimeout => {
                "Raise `list_images_timeout` of this target, or find out why its Glance is slow."
            }
            Self::SourceMissing => {
                "Put the file, named by the master image's UUID, into `images_dir`, or set `source = auto`. If the master's Glance has lost the content, upload the image there again."
            }
            Self::SourceUnreadable => {
                "Let the user that runs glancesync read the files in `images_dir`, or let the user of `[master]` download images (policy `download_image`)."
            }
            Self::SourceSize => {
                "Copy the file again from the master's store. If the content came from the master's Glance, check its store."
            }
            Self::SourceChanged => {
                "Find out what writes to the files in `images_dir`, then run again."
            }
            Self::SourceUnsupported => {
                "Nothing was sent. Look at the master's image with `qemu-img check` and `qemu-img info`; convert it there to a plain qcow2 without a backing file, and upload it anew."
            }
            Self::DownloadFailed => "Check the master's Glance and its log, then run again.",
            Self::CreateFailed => "Check the region's Glance policy and quotas, then run again.",
            Self::UploadFailed => {
                "Run again: the next run continues with what was sent, or deletes it. If this happens again, see the log of the region's Glance."
            }
            Self::UploadStalled => {
                "Check the network to the region and its Glance, or raise `upload_stall_timeout` of this target."
            }
            Self::SaveTimedOut => {
                "See the log of the region's Glance and of its store. If it needs more time for large images, raise `save_timeout` of this target."
            }
            Self::ImportFailed => {
                "See the log of the region's Glance for the reason: its staging area, plugins and stores."
            }
            Self::PullFailed => {
                "See the logs of both Glances. The one that downloads must be able to reach the other, and its `import_filtering_opts` must allow it. Or set `delivery = auto`, which uploads instead."
            }
            Self::DeliveryUnsupported => {
                "Set `delivery` and `stores` of this target to what the region offers according to the message."
            }
            Self::ChecksumMismatch => {
                "The new image was not published. Compare its source (the file in `images_dir`, or the master's store) with the master's checksum, then run again."
            }
            Self::NotVerifiable => {
                "Only images that were compared with the master's are published. Set `hashing_algorithm` in the region's Glance, for example to `sha512`, then run again."
            }
            Self::PublishRefused => {
                "The content stays in the region as a private image. Give the user the right to publish (policy `publicize_image`) and run again."
            }
            Self::UpdateFailed | Self::RenameFailed => {
                "Check the region's Glance policy for this image, then run again."
            }
            Self::DeleteFailed => {
                "Find out what uses this image in the region, then run again or delete it by hand."
            }
            Self::MaxReplaceExceeded => {
                "Look at the plan with `glancesync plan`; if it is what you want, raise `max_replace` of this target."
            }
            Self::MaxDeleteExceeded => {
                "None of these images was touched, and everything else is done. Look at them with `glancesync plan`; if they may go, raise `max_delete` of this target."
            }
            Self::PlanOutdated => {
                "Nothing was done in this region. Make a new plan with `glancesync plan --out FILE`, look at it, and apply that."
            }
            Self::PlanInvalid => {
                "Nothing was changed. Make a new plan with `glancesync plan --out FILE`, look at it, and apply that."
            }
            Self::WaveHalted => {
                "No region of a later wave was begun. Solve the errors of the regions that failed, then run again, or apply the same plan again: what is done is passed over."
            }
            Self::GateFailed => {
                "No region of a later wave was begun. See what the gate printed in the log. Before anything runs again, mend or withdraw the image at the master: the next run asks no gate for a wave in which it changes nothing, and goes on to the later ones."
            }
            Self::QuotaExceeded => {
                "Free space or raise the quota or the size limit of images in that region, then run again."
            }
            Self::PartFailed => "Solve the error of its kernel or ramdisk, then run again.",
            Self::MasterRefused => {
                "Leave this region out: it is the master region, which is never changed."
            }
            Self::BackupFailed => {
                "Check that `log_dir` is a folder that can be written to, and that its disk has room, then run again."
            }
            Self::BackupUnreadable => {
                "Nothing was changed in this region. Use another backup, or copy the file again from where you keep it."
            }
            Self::ConfigInvalid => {
                "Nothing was changed. Every key is explained in the sample configuration, conf/glancesync.conf."
            }
            Self::StateUnwritable => {
                "Set `state_dir` to a permanent folder that this user can write to. All who sync the same regions must use the same folder."
            }
            Self::RunLocked => {
                "Wait for it, or let this run wait with `--wait-lock 10m`. Read-only modes need no lock."
            }
            Self::OutputUnwritable => {
                "The rest of the output is lost, but what this run did is done. Make room where standard output goes; if the run has logs, `glancesync logs` shows them."
            }
            Self::LimitTooLow => {
                "Nothing was changed. Raise the limit before you run again: `ulimit -n 1024` in a shell, or LimitNOFILE=1024 in a systemd unit."
            }
            Self::OutOfTime => {
                "Run again: the next run does the rest. If this happens often, raise `max_duration`."
            }
            Self::Interrupted => "Run again: the next run does the rest.",
            Self::Internal => "This is a bug in glancesync: please report it with this message.",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One spelling for both: serde's.
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_prints_as_it_serialises() {
        assert_eq!(
            ErrorCode::KeystoneUnreachable.to_string(),
            "keystone_unreachable"
        );
        for &code in ErrorCode::ALL {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), code);
        }
    }

    #[test]
    fn every_code_is_listed_once_and_says_what_to_do() {
        assert_eq!(
            ErrorCode::ALL.iter().collect::<BTreeSet<_>>().len(),
            ErrorCode::ALL.len()
        );
        for &code in ErrorCode::ALL {
            assert!(code.hint().ends_with('.'), "{code}");
        }
    }
}
