//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): the
//! minimising half, over whatever can be left out.

/// Finds a smaller list of which `fails` still says yes; one from which no single element can be left out,
/// unless `fails` gave up before. `fails` is asked with lists in the original order, and says [`Verdict::Stop`]
/// when its time is over.
pub fn minimise<T: Clone>(all: Vec<T>, fails: &mut dyn FnMut(&[T]) -> Verdict) -> Vec<T> {
    let mut kept = all;
    let mut parts = 2_usize;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let mut smaller = None;
        for n in 0..kept.len().div_ceil(size) {
            let without: Vec<T> = kept
                .iter()
                .enumerate()
                .filter(|(at, _)| at / size != n)
                .map(|(_, one)| one.clone())
                .collect();
            match fails(&without) {
                Verdict::Fails => {
                    smaller = Some(without);
                    break;
                }
                Verdict::Passes => {}
                Verdict::Stop => return kept,
            }
        }
        match smaller {
            Some(without) => {
                kept = without;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = parts.saturating_mul(2).min(kept.len()),
        }
    }
    if kept.len() == 1 && fails(&[]) == Verdict::Fails {
        kept.clear();
    }
    kept
}

/// What became of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fails in the way that is looked for.
    Fails,
    /// It doesn't.
    Passes,
    /// No more trials.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_what_is_needed() {
        let mut trials = 0;
        let kept = minimise((0..1000).collect(), &mut |list| {
            trials += 1;
            if [17, 18, 900].iter().all(|n| list.contains(n)) { Verdict::Fails } else { Verdict::Passes }
        });
        assert_eq!(kept, [17, 18, 900]);
        assert!(trials < 500, "{trials}");
        assert_eq!(minimise(vec![1, 2], &mut |_| Verdict::Fails), Vec::<i32>::new());
        assert_eq!(minimise(vec![1, 2, 3], &mut |_| Verdict::Stop), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn no_element_can_be_left_out(needed in proptest::collection::btree_set(0_u32..60, 0..6)) {
            let fails = |list: &[u32]| needed.iter().all(|n| list.contains(n));
            let kept = minimise((0..60).collect(), &mut |list| if fails(list) { Verdict::Fails } else { Verdict::Passes });
            prop_assert_eq!(kept, needed.into_iter().collect::<Vec<_>>());
        }
    }
}
