//! The members of a shared image: they are not carried over, so that a replacement takes the image from them.

use super::action::{Action, Upload};
use super::region_plan::Plan;
use crate::model::{ImageId, Visibility, Warning, WarningCode};

/// The old images of the replacements of a plan that may be shared with members, each with its replacement.
pub fn shared_old_images(plan: &Plan) -> Vec<(&Upload, &ImageId)> {
    let uploads = plan.actions.iter().filter_map(|action| match action {
        Action::Upload(upload) => Some(&**upload),
        _ => None,
    });
    let old = uploads.filter_map(|upload| {
        let old = upload.replaces.as_ref()?;
        (old.visibility == Visibility::Shared).then_some((upload, &old.image_id))
    });
    old.collect()
}

/// Says how many projects lose the old image of a replacement; nothing where it has no members.
pub fn members_lost(
    upload: &Upload,
    old: &ImageId,
    members: usize,
    plan: &Plan,
) -> Option<Warning> {
    let projects = match members {
        0 => return None,
        1 => "1 project, which loses".to_owned(),
        _ => format!("{members} projects, which lose"),
    };
    let (image, region, visibility) = (&upload.image, &plan.region, upload.visibility);
    let advice = match visibility {
        Visibility::Public | Visibility::Community => "so they can use it all the same",
        Visibility::Shared => "add them to it if they are to use it",
        Visibility::Private => "share it with them if they are to use it",
    };
    let message = format!(
        "the image `{image}` ({old}) of {region} is shared with {projects} it: the new image has no members, and is {visibility}; {advice}"
    );
    let warning = Warning::new(WarningCode::MembersLost, message);
    Some(warning.image(image).image_id(old).members(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{content, image, plan, replace_all};

    #[test]
    fn only_old_images_that_are_shared_are_asked_about() {
        let old = |name: &str, visibility| {
            let old = image(name).content(content("old")).visibility(visibility);
            old.build()
        };
        let listed = [
            old("a", Visibility::Shared),
            old("b", Visibility::Community),
        ];
        let same = image("c").visibility(Visibility::Shared).build();
        let master = ["a", "b", "c", "d"].map(|name| image(name).build());
        let plan = plan(&master, &[&listed[..], &[same]].concat(), &replace_all());
        let shared = shared_old_images(&plan);
        let [(upload, id)] = shared[..] else {
            panic!("{shared:?}");
        };
        assert_eq!((upload.image.as_str(), id), ("a", &listed[0].id));
        assert_eq!(members_lost(upload, id, 0, &plan), None);
        let warning = members_lost(upload, id, 2, &plan).unwrap();
        assert_eq!(warning.members, Some(2));
        assert!(
            warning.message.contains("2 projects"),
            "{}",
            warning.message
        );
    }
}
