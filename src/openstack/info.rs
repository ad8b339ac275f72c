//! What a region's Glance tells of itself: how it takes content, where it puts it, and how much more it takes
//! (Image API v2, "Import methods and values discovery", "List stores", "Quota usage").

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::error::Operation;
use super::glance_service::CALL_TIMEOUT;
use super::retry::Repeat;
use super::{GlanceReader, OpenStackError};
use crate::model::ByteSize;

/// What a region's Glance tells of itself.
#[derive(Debug)]
pub struct GlanceInfo<'a>(&'a GlanceReader);

/// What is left of a project's quotas; none where there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of content.
    pub bytes_left: Option<ByteSize>,
    /// Images.
    pub images_left: Option<u64>,
    /// Bytes in the staging area.
    pub staged_left: Option<ByteSize>,
}

impl<'a> GlanceInfo<'a> {
    /// What that region tells.
    pub fn of(reader: &'a GlanceReader) -> Self {
        Self(reader)
    }

    /// The import methods that it offers; none where it takes no imports.
    ///
    /// # Errors
    ///
    /// Codes `list_failed`, `region_unreachable` and those of a log-in.
    pub async fn import_methods(&self) -> Result<BTreeSet<String>, OpenStackError> {
        let json = self.ask("import").await?;
        Ok(texts(&json["import-methods"]["value"], Value::as_str))
    }

    /// The ids of its stores; none where it has but one without a name.
    ///
    /// # Errors
    ///
    /// Codes `list_failed`, `region_unreachable` and those of a log-in.
    pub async fn stores(&self) -> Result<BTreeSet<String>, OpenStackError> {
        let json = self.ask("stores").await?;
        Ok(texts(&json["stores"], |store| store["id"].as_str()))
    }

    /// What is left of the project's quotas.
    ///
    /// # Errors
    ///
    /// Codes `list_failed`, `region_unreachable` and those of a log-in.
    pub async fn usage(&self) -> Result<Usage, OpenStackError> {
        let json = self.ask("usage").await?;
        let left = |name: &str| {
            let quota = &json["usage"][name];
            // A negative limit is none.
            let limit = quota["limit"].as_u64()?;
            Some(limit.saturating_sub(quota["usage"].as_u64().unwrap_or(0)))
        };
        let bytes_left = |name: &str| left(name).map(|mib| ByteSize(mib.saturating_mul(1 << 20)));
        Ok(Usage {
            bytes_left: bytes_left("image_size_total"),
            images_left: left("image_count_total"),
            staged_left: bytes_left("image_stage_total"),
        })
    }

    /// The document of that name; null where the region has none, or does not show it.
    async fn ask(&self, what: &str) -> Result<Value, OpenStackError> {
        let service = self.0.service();
        let url = service.endpoint.v2(&["info", what]);
        let request = service.request(Operation::Ask, Method::GET, url);
        match service
            .call(&request, Repeat::Freely, CALL_TIMEOUT, None)
            .await
        {
            Ok((answer, _)) => service.json(&request, &answer),
            Err(error) if matches!(error.status(), Some(403..=405)) => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }
}

fn texts<'a>(list: &'a Value, text: impl Fn(&'a Value) -> Option<&'a str>) -> BTreeSet<String> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(text).map(ToOwned::to_owned).collect()
}
