//! Makes a sequence that fails shorter.

/// Leaves out what can be left out of `steps` so that they still fail, at most `tries` times: halves first, then less, down
/// to single steps (delta debugging, Zeller and Hildebrandt 2002). `fails` is given a candidate each time.
pub fn shrink<T: Clone>(steps: &[T], mut tries: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut best = steps.to_vec();
    let mut size = best.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut is_shorter = false;
        while start < best.len() {
            if tries == 0 {
                return best;
            }
            tries -= 1;
            let end = (start + size).min(best.len());
            let candidate: Vec<T> = best[..start].iter().chain(&best[end..]).cloned().collect();
            if fails(&candidate) {
                best = candidate;
                is_shorter = true;
            } else {
                start = end;
            }
        }
        if !is_shorter || size > best.len() {
            size = if size == 1 { 0 } else { size.div_ceil(2).min(size - 1) };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_stays_and_nothing_else() {
        let steps: Vec<u32> = (0..200).collect();
        let fails = |steps: &[u32]| steps.contains(&17) && steps.contains(&140);
        assert_eq!(shrink(&steps, 1000, fails), [17, 140]);
        assert_eq!(shrink(&[5], 10, |steps| steps == [5]), [5]);
        assert_eq!(shrink::<u32>(&[], 10, |_| true), [] as [u32; 0]);
    }

    #[test]
    fn tries_are_bounded() {
        let mut asked = 0;
        let steps: Vec<u32> = (0..1000).collect();
        shrink(&steps, 25, |_| {
            asked += 1;
            false
        });
        assert_eq!(asked, 25);
    }
}
