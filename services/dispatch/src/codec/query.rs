//! What a query string asks for. Parameters of others are ignored, and so are empty ones.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use uuid::Uuid;
use wire::dispatch::TaskStatus;

use crate::core::request::{Filter, LISTED, Page};

/// The parameters, in order.
fn pairs(query: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let split = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, decoded(value)))
}

/// A form writes a space as a plus.
fn decoded(value: &str) -> Cow<'_, str> {
    let spaced = value.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Which part of a list.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn page(query: &str) -> Result<Page, String> {
    let mut page = Page::default();
    for (name, value) in pairs(query) {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LISTED).contains(limit));
                page.limit =
                    Some(limit.ok_or_else(|| format!("The limit is a whole number from 1 to {LISTED}."))?);
            }
            "cursor" => {
                let cursor = value.parse().map_err(|_| {
                    "The cursor isn't one of ours; take it from the Link header of the list's part before.".to_owned()
                })?;
                page.cursor = Some(cursor);
            }
            _ => {}
        }
    }
    Ok(page)
}

/// Which tasks.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn filter(query: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for (name, value) in pairs(query) {
        match name {
            "status" => {
                let status =
                    serde_json::from_value::<TaskStatus>(value.into_owned().into()).map_err(|_| {
                        "A status is pending, assigned, active, done, failed or cancelled.".to_owned()
                    })?;
                filter.status = Some(status);
            }
            "rover_id" => filter.rover_id = Some(value.into_owned()),
            "mission_id" => {
                let id = Uuid::try_parse(&value).map_err(|_| "The mission_id must be a UUID.".to_owned())?;
                filter.mission_id = Some(id);
            }
            _ => {}
        }
    }
    Ok(filter)
}

/// Whether a parameter is set.
pub fn flag(query: &str, wanted: &str) -> bool {
    pairs(query).any(|(name, value)| name == wanted && matches!(&*value, "true" | "1"))
}

/// `?since=`; what isn't a number is as good as a number nobody remembers.
pub fn since(query: &str) -> Option<u64> {
    pairs(query).find(|(name, _)| *name == "since").and_then(|(_, value)| value.parse().ok())
}

/// The `Link` header (RFC 8288) of a list's next part.
pub fn next_link(path: &str, query: &str, cursor: u64) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<_> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    format!("<{path}?{}>; rel=\"next\"", query.join("&"))
}
