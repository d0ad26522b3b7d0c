//! Which of the messages that came is which of those that were recorded.
//!
//! Compared are the messages of one input, or of one stretch of time, stream by stream: a connection sees its
//! own messages in their order, and nothing of the order among connections. Within a stream the longest common
//! sequence stays; what is left and stands elsewhere is reordered; what is left at the same place is the same
//! message with another content; what is still left is missing or extra.

use std::collections::BTreeMap;

/// Comparisons for one stream of one [`align`]; a stream that needs more is matched first come, first served.
pub const MAX_COMPARISONS: usize = 1_000_000;

/// A message, as far as it matters which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Messages of one stream have an order.
    pub stream: String,
    /// Of two with another content, those of one kind are rather the same message.
    pub kind: String,
    /// Its whole content; of two messages that count as the same it is the same.
    pub content: String,
}

/// What became of one message, or of two that are one. The numbers are places in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// It came, in its place.
    Same {
        /// Recorded.
        recorded: usize,
        /// Found.
        found: usize,
    },
    /// It came with another content.
    Different {
        /// Recorded.
        recorded: usize,
        /// Found.
        found: usize,
    },
    /// It came before or after its place.
    Reordered {
        /// Recorded.
        recorded: usize,
        /// Found.
        found: usize,
    },
    /// It didn't come.
    Missing {
        /// Recorded.
        recorded: usize,
    },
    /// It wasn't recorded.
    Extra {
        /// Found.
        found: usize,
    },
}

impl Pair {
    /// The place among the recorded.
    #[must_use]
    pub fn recorded(self) -> Option<usize> {
        match self {
            Self::Same { recorded, .. }
            | Self::Different { recorded, .. }
            | Self::Reordered { recorded, .. }
            | Self::Missing { recorded } => Some(recorded),
            Self::Extra { .. } => None,
        }
    }

    /// The place among the found.
    #[must_use]
    pub fn found(self) -> Option<usize> {
        match self {
            Self::Same { found, .. }
            | Self::Different { found, .. }
            | Self::Reordered { found, .. }
            | Self::Extra { found } => Some(found),
            Self::Missing { .. } => None,
        }
    }
}

/// Every message of both lists once, in the order recorded; what is extra after the last one of its stream
/// that stands before it.
#[must_use]
pub fn align(recorded: &[Item], found: &[Item]) -> Vec<Pair> {
    let mut streams: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
    for (side, items) in [recorded, found].into_iter().enumerate() {
        for (n, item) in items.iter().enumerate() {
            if let Some(places) = streams.entry(&item.stream).or_default().get_mut(side) {
                places.push(n);
            }
        }
    }
    let mut pairs: Vec<(usize, Pair)> = Vec::new();
    for [mine, theirs] in streams.values() {
        let mut place = 0;
        for pair in stream(recorded, found, mine, theirs) {
            place = pair.recorded().unwrap_or(place).max(place);
            pairs.push((pair.recorded().unwrap_or(place), pair));
        }
    }
    pairs.sort_by_key(|(place, pair)| (*place, pair.recorded().is_none(), pair.found()));
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

fn stream(recorded: &[Item], found: &[Item], mine: &[usize], theirs: &[usize]) -> Vec<Pair> {
    let same = |r: usize, f: usize| {
        let (recorded, found) = (recorded.get(r), found.get(f));
        recorded.zip(found).is_some_and(|(recorded, found)| recorded.content == found.content)
    };
    let kind = |items: &[Item], n: usize| items.get(n).map(|item| item.kind.clone()).unwrap_or_default();
    let kept = common(mine, theirs, &same);
    let mut pairs: Vec<Pair> =
        kept.iter().map(|(recorded, found)| Pair::Same { recorded: *recorded, found: *found }).collect();

    // What is left, with the number of kept ones before it: its place.
    let left = |all: &[usize], kept: &mut dyn Iterator<Item = usize>| {
        let (mut left, mut place, mut next) = (Vec::new(), 0_usize, kept.next());
        for n in all {
            if next == Some(*n) {
                place += 1;
                next = kept.next();
            } else {
                left.push((place, *n));
            }
        }
        left
    };
    let mut missing = left(mine, &mut kept.iter().map(|(recorded, _)| *recorded));
    let mut extra = left(theirs, &mut kept.iter().map(|(_, found)| *found));
    take_pairs(
        &mut missing,
        &mut extra,
        |(_, r), (_, f)| same(r, f),
        |recorded, found| {
            pairs.push(Pair::Reordered { recorded, found });
        },
    );
    let mut differ = |recorded, found| pairs.push(Pair::Different { recorded, found });
    let alike = |(here, r), (there, f)| here == there && kind(recorded, r) == kind(found, f);
    take_pairs(&mut missing, &mut extra, alike, &mut differ);
    take_pairs(&mut missing, &mut extra, |(here, _), (there, _)| here == there, &mut differ);
    pairs.extend(missing.into_iter().map(|(_, recorded)| Pair::Missing { recorded }));
    pairs.extend(extra.into_iter().map(|(_, found)| Pair::Extra { found }));
    pairs.sort_by_key(|pair| (pair.recorded().is_none(), pair.recorded(), pair.found()));
    pairs
}

/// A message's place among those that were kept, and in its list.
type Left = (usize, usize);

/// Takes those out of both lists that belong together, in order, each with the first that does.
fn take_pairs(
    missing: &mut Vec<Left>,
    extra: &mut Vec<Left>,
    together: impl Fn(Left, Left) -> bool,
    mut take: impl FnMut(usize, usize),
) {
    if missing.len().saturating_mul(extra.len()) > MAX_COMPARISONS {
        return;
    }
    missing.retain(|mine| match extra.iter().position(|theirs| together(*mine, *theirs)) {
        Some(at) => {
            take(mine.1, extra.remove(at).1);
            false
        }
        None => true,
    });
}

/// The longest common sequence.
fn common(mine: &[usize], theirs: &[usize], same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let ends = |(r, f): &(&usize, &usize)| same(**r, **f);
    let head = mine.iter().zip(theirs).take_while(ends).count();
    let (mine_left, theirs_left) =
        (mine.get(head..).unwrap_or_default(), theirs.get(head..).unwrap_or_default());
    let tail = mine_left.iter().rev().zip(theirs_left.iter().rev()).take_while(ends).count();
    let middle = |list: &'_ [usize]| -> Vec<usize> {
        list.iter().take(list.len().saturating_sub(tail)).copied().collect()
    };
    let (mine_middle, theirs_middle) = (middle(mine_left), middle(theirs_left));
    let mut kept: Vec<_> = mine.iter().copied().zip(theirs.iter().copied()).take(head).collect();
    if mine_middle.len().saturating_mul(theirs_middle.len()) > MAX_COMPARISONS {
        kept.extend(greedy(&mine_middle, &theirs_middle, same));
    } else {
        kept.extend(longest(&mine_middle, &theirs_middle, same));
    }
    let ending =
        |list: &[usize]| list.iter().skip(list.len().saturating_sub(tail)).copied().collect::<Vec<_>>();
    kept.extend(ending(mine_left).into_iter().zip(ending(theirs_left)));
    kept
}

fn longest(mine: &[usize], theirs: &[usize], same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    // lengths[r][f]: of the longest from these places on.
    let mut lengths = vec![vec![0_u32; theirs.len() + 1]; mine.len() + 1];
    let at = |lengths: &[Vec<u32>], r: usize, f: usize| {
        lengths.get(r).and_then(|row| row.get(f)).copied().unwrap_or(0)
    };
    for (r, recorded) in mine.iter().enumerate().rev() {
        for (f, found) in theirs.iter().enumerate().rev() {
            let length = if same(*recorded, *found) {
                at(&lengths, r + 1, f + 1) + 1
            } else {
                at(&lengths, r + 1, f).max(at(&lengths, r, f + 1))
            };
            if let Some(cell) = lengths.get_mut(r).and_then(|row| row.get_mut(f)) {
                *cell = length;
            }
        }
    }
    let (mut r, mut f, mut kept) = (0, 0, Vec::new());
    while let (Some(recorded), Some(found)) = (mine.get(r), theirs.get(f)) {
        if same(*recorded, *found) {
            kept.push((*recorded, *found));
            (r, f) = (r + 1, f + 1);
        } else if at(&lengths, r + 1, f) >= at(&lengths, r, f + 1) {
            r += 1;
        } else {
            f += 1;
        }
    }
    kept
}

/// Each with the next that is the same, if it stands within [`LOOK_AHEAD`].
fn greedy(mine: &[usize], theirs: &[usize], same: &dyn Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let (mut rest, mut kept) = (theirs, Vec::new());
    for recorded in mine {
        if let Some(n) = rest.iter().take(LOOK_AHEAD).position(|found| same(*recorded, *found)) {
            kept.extend(rest.get(n).map(|found| (*recorded, *found)));
            rest = rest.get(n + 1..).unwrap_or_default();
        }
    }
    kept
}

/// How far a very long stream is searched for the same message.
const LOOK_AHEAD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `1a3`: on stream 1, of kind a, with content 3.
    fn items(text: &str) -> Vec<Item> {
        let item = |word: &str| Item {
            stream: word[..1].to_owned(),
            kind: word[1..2].to_owned(),
            content: word.to_owned(),
        };
        text.split_whitespace().map(item).collect()
    }

    fn told(recorded: &str, found: &str) -> String {
        let (recorded, found) = (items(recorded), items(found));
        let show = |pair: &Pair| {
            let sign = match pair {
                Pair::Same { .. } => "=",
                Pair::Different { .. } => "≠",
                Pair::Reordered { .. } => "~",
                Pair::Missing { .. } => "-",
                Pair::Extra { .. } => "+",
            };
            let name =
                |items: &[Item], n: Option<usize>| n.map_or(String::new(), |n| items[n].content.clone());
            format!("{}{sign}{}", name(&recorded, pair.recorded()), name(&found, pair.found()))
        };
        align(&recorded, &found).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn missing_extra_reordered_and_different_are_told_apart() {
        for (recorded, found, expected) in [
            ("1a1 1a2", "1a1 1a2", "1a1=1a1 1a2=1a2"),
            ("1a1 1a2 1a3", "1a1 1a3", "1a1=1a1 1a2- 1a3=1a3"),
            ("1a1 1a3", "1a1 1a2 1a3", "1a1=1a1 +1a2 1a3=1a3"),
            ("1a1 1a2 1a3", "1a1 1a9 1a3", "1a1=1a1 1a2≠1a9 1a3=1a3"),
            ("1a1 1b2", "1b2 1a1", "1a1~1a1 1b2=1b2"),
            // Nobody sees an order among connections.
            ("1a1 2a1", "2a1 1a1", "1a1=1a1 2a1=2a1"),
            // A kind belongs to its kind.
            ("1a1 1b2", "1b9 1a8", "1a1≠1a8 1b2≠1b9"),
            ("1a1", "1b2", "1a1≠1b2"),
            ("1a1 1a1", "1a1", "1a1=1a1 1a1-"),
            ("1a1", "2a1", "1a1- +2a1"),
            ("", "1a1", "+1a1"),
            ("", "", ""),
        ] {
            let told = told(recorded, found);
            let words = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(words(&told), words(expected), "{recorded} / {found}");
        }
    }

    #[test]
    fn very_many_are_matched_too() {
        let many = |from: usize| -> Vec<Item> {
            (from..from + 2_000)
                .map(|n| Item { stream: String::new(), kind: String::new(), content: n.to_string() })
                .collect()
        };
        let pairs = align(&many(0), &many(5));
        assert_eq!(pairs.iter().filter(|pair| matches!(pair, Pair::Same { .. })).count(), 1_995);
        assert_eq!(pairs.iter().filter(|pair| matches!(pair, Pair::Missing { .. })).count(), 5);
    }

    proptest! {
        #[test]
        fn every_message_is_told_once(
            recorded in "([12][ab][1-3] ){0,8}",
            found in "([12][ab][1-3] ){0,8}",
        ) {
            let (recorded, found) = (items(&recorded), items(&found));
            let pairs = align(&recorded, &found);
            let mut seen: Vec<usize> = pairs.iter().filter_map(|pair| pair.recorded()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..recorded.len()).collect::<Vec<_>>());
            let mut seen: Vec<usize> = pairs.iter().filter_map(|pair| pair.found()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..found.len()).collect::<Vec<_>>());
            for pair in pairs {
                if let Pair::Same { recorded: r, found: f } | Pair::Reordered { recorded: r, found: f } = pair {
                    prop_assert_eq!(&recorded[r], &found[f]);
                }
            }
        }
    }
}
