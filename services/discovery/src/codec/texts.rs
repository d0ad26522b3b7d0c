//! The rovers as JSON, each written once per change.

use std::collections::BTreeMap;

use super::json;
use crate::core::{Core, registry::RoverId};

/// As many as there are rovers, and those forgotten since the last list.
#[derive(Debug, Default)]
pub struct Texts {
    of: BTreeMap<RoverId, (u64, String)>,
}

impl Texts {
    /// All rovers, with commas between, `head` before and `tail` behind.
    pub fn list(&mut self, core: &Core, head: &str, tail: &str) -> String {
        let mut list = String::with_capacity(self.bytes() + head.len() + tail.len());
        list.push_str(head);
        for (place, (id, version)) in core.rovers().enumerate() {
            if place > 0 {
                list.push(',');
            }
            list.push_str(self.text(core, id, version));
        }
        if self.of.len() > core.count() {
            self.of.retain(|id, _| core.rover(id).is_some());
        }
        list.push_str(tail);
        list
    }

    fn text(&mut self, core: &Core, id: &RoverId, version: u64) -> &str {
        let (of, text) = self.of.entry(id.clone()).or_default();
        if *of != version {
            *of = version;
            *text = core.rover(id).map(|rover| json(&rover)).unwrap_or_default();
        }
        text
    }

    fn bytes(&self) -> usize {
        self.of.values().map(|(_, text)| text.len() + 1).sum()
    }
}
