//! What the live service calls that which the recorded one called otherwise.

use std::collections::BTreeMap;

use crate::volatile::Kind;

/// Names that are remembered; requests that use one drawn later are sent as recorded.
const MAX_NAMES: usize = 200_000;

/// Recorded names to live ones, and back: one to one.
#[derive(Debug, Default)]
pub struct Names {
    live: BTreeMap<String, String>,
    back: BTreeMap<String, String>,
    /// Numbers of sequences and cursors of lists: they stand in queries only.
    counts: BTreeMap<String, String>,
}

impl Names {
    /// What two messages that are one say. The first word counts.
    pub fn learn(&mut self, pairs: Vec<(Kind, String, String)>) {
        for (kind, recorded, live) in pairs {
            match kind {
                Kind::Seq => self.learn_count(recorded, live),
                _ if self.live.len() < MAX_NAMES
                    && !self.live.contains_key(&recorded)
                    && !self.back.contains_key(&live) =>
                {
                    self.back.insert(live.clone(), recorded.clone());
                    self.live.insert(recorded, live);
                }
                _ => {}
            }
        }
    }

    /// Where the next part of a list begins: `</tasks?cursor=5>; rel="next"`, both sides.
    pub fn learn_link(&mut self, recorded: &str, live: &str) {
        for (recorded, live) in query_of(recorded).split('&').zip(query_of(live).split('&')) {
            if let (Some((name, recorded)), Some((live_name, live))) =
                (recorded.split_once('='), live.split_once('='))
                && name == live_name
                && recorded != live
            {
                self.learn_count(recorded.to_owned(), live.to_owned());
            }
        }
    }

    fn learn_count(&mut self, recorded: String, live: String) {
        if self.counts.len() < MAX_NAMES {
            self.counts.entry(recorded).or_insert(live);
        }
    }

    /// Whether nothing known speaks against two messages being one.
    pub fn agree(&self, pairs: &[(Kind, String, String)]) -> bool {
        pairs.iter().filter(|(kind, ..)| *kind != Kind::Seq).all(|(_, recorded, live)| {
            self.live.get(recorded).is_none_or(|known| known == live)
                && self.back.get(live).is_none_or(|known| known == recorded)
        })
    }

    /// The live name.
    pub fn live(&self, recorded: &str) -> Option<&String> {
        self.live.get(recorded)
    }

    /// The recorded name.
    pub fn recorded(&self, live: &str) -> Option<&String> {
        self.back.get(live)
    }

    /// A path, a body or a frame with every name in it as the live service has it.
    pub fn translate(&self, text: &str) -> String {
        self.replaced(text, |word| self.live.get(word))
    }

    /// A query; numbers in it, too.
    pub fn translate_query(&self, query: &str) -> String {
        self.replaced(query, |word| self.live.get(word).or_else(|| self.counts.get(word)))
    }

    fn replaced<'a>(&'a self, text: &str, live: impl Fn(&str) -> Option<&'a String>) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c| !is_of_word(c)) {
            let word = piece.trim_end_matches(|c| !is_of_word(c));
            out.push_str(live(word).map_or(word, String::as_str));
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        }
        out
    }

    /// The words of a text that may be names.
    pub fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|c| !is_of_word(c)).filter(|word| !word.is_empty())
    }
}

/// UUIDs, and whatever else names things without a quote, a slash or a space.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn query_of(link: &str) -> &str {
    let query = link.split_once('?').map_or("", |(_, query)| query);
    query.split('>').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_translated_wherever_it_stands_whole() {
        let mut names = Names::default();
        let pair = |kind, recorded: &str, live: &str| (kind, recorded.to_owned(), live.to_owned());
        names.learn(vec![
            pair(Kind::Uuid, "0a-1", "9f-7"),
            pair(Kind::Id, "wp", "xy"),
            pair(Kind::Seq, "5", "105"),
        ]);
        names.learn(vec![pair(Kind::Uuid, "0a-1", "other"), pair(Kind::Uuid, "0a-2", "9f-7")]);
        assert_eq!(names.translate("/zones/0a-1/0a-12"), "/zones/9f-7/0a-12");
        assert_eq!(
            names.translate(r#"{"zoneId":"0a-1","n":5,"wp":"wps"} ä0a-1"#),
            r#"{"zoneId":"9f-7","n":5,"xy":"wps"} ä0a-1"#
        );
        assert_eq!(names.translate_query("since=5&zone=0a-1"), "since=105&zone=9f-7");
        assert!(names.agree(&[pair(Kind::Uuid, "0a-1", "9f-7"), pair(Kind::Uuid, "0a-3", "8")]));
        assert!(!names.agree(&[pair(Kind::Uuid, "0a-3", "9f-7")]));
        names.learn_link(
            "</tasks?limit=2&cursor=77>; rel=\"next\"",
            "</tasks?limit=2&cursor=88>; rel=\"next\"",
        );
        assert_eq!(names.translate_query("limit=2&cursor=77"), "limit=2&cursor=88");
        assert_eq!(Names::words("/zones/0a-1?x=2").collect::<Vec<_>>(), ["zones", "0a-1", "x", "2"]);
    }
}
