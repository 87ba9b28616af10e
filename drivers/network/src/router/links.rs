//! Links: pairs of sandboxes that reach each other, as elements of two sets of the router's rules.
//!
//! The rules never change; a link is two elements, one for each direction. Invariant: what is remembered here is what the
//! kernel has, and no element speaks of a device that is not there, or its number's next owner would inherit it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::Port;

/// Which device may send to which.
pub(super) type Links = BTreeSet<(u16, u16)>;

/// The links of `ports` once they are a group of their own: each with every other, and none of them with anybody else.
pub(super) fn regrouped(links: &Links, ports: &BTreeSet<Port>) -> Links {
    let is_member = |number: &u16| ports.contains(&Port(*number));
    let mut next: Links =
        links.iter().filter(|(from, to)| !is_member(from) && !is_member(to)).copied().collect();
    for from in ports {
        next.extend(ports.iter().filter(|to| *to != from).map(|to| (from.0, to.0)));
    }
    next
}

/// The links without those of one device.
pub(super) fn without(links: &Links, port: Port) -> Links {
    links.iter().filter(|(from, to)| *from != port.0 && *to != port.0).copied().collect()
}

/// The commands that make `next` of `now`, in one step; `None` when they are the same.
pub(super) fn changes(now: &Links, next: &Links) -> Option<String> {
    let mut text = String::new();
    let pairs = |links: &[&(u16, u16)]| elements(links.iter().map(|(from, to)| pair(*from, *to)));
    let added: Vec<_> = next.difference(now).collect();
    let removed: Vec<_> = now.difference(next).collect();
    change(&mut text, "links", &pairs(&added), &pairs(&removed));
    let (named, to_be_named) = (named(now), named(next));
    let added = elements(to_be_named.difference(&named).map(|number| device(*number)));
    let removed = elements(named.difference(&to_be_named).map(|number| device(*number)));
    change(&mut text, "named", &added, &removed);
    (!text.is_empty()).then_some(text)
}

/// The definitions of both sets, with their elements.
pub(super) fn definitions(links: &Links) -> String {
    let filled = |elements: String| {
        if elements.is_empty() { String::new() } else { format!("elements = {{ {elements} }}") }
    };
    let pairs = filled(elements(links.iter().map(|(from, to)| pair(*from, *to))));
    let names = filled(elements(named(links).into_iter().map(device)));
    format!("set links {{ type ifname . ifname; {pairs} }}\n    set named {{ type ifname; {names} }}")
}

/// The links among what `nft` shows of the set, as far as both devices are there.
pub(super) fn read(elements: &[String], devices: &[String]) -> Links {
    let is_there = |name: &&str| devices.iter().any(|device| device == name);
    let pairs = elements.iter().filter_map(|element| {
        let (from, to) = element.split_once(" . ")?;
        let mut numbers = [from, to].into_iter().map(|name| name.trim().trim_matches('"')).filter(is_there);
        Some((super::port_of(numbers.next()?)?, super::port_of(numbers.next()?)?))
    });
    pairs.collect()
}

/// Who may ask for names though it is blocked: whoever has a link.
fn named(links: &Links) -> BTreeSet<u16> {
    links.iter().map(|(from, _)| *from).collect()
}

/// Adding what is to be removed makes its removal succeed whether or not it was in.
fn change(text: &mut String, set: &str, added: &str, removed: &str) {
    for (verb, elements) in [("add", added), ("add", removed), ("delete", removed)] {
        if !elements.is_empty() {
            let _ = writeln!(text, "{verb} element inet paddock {set} {{ {elements} }}");
        }
    }
}

fn pair(from: u16, to: u16) -> String {
    format!("{} . {}", device(from), device(to))
}

fn device(number: u16) -> String {
    format!("\"{}\"", super::device_name(Port(number)))
}

fn elements(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(ports: &[u16]) -> BTreeSet<Port> {
        ports.iter().copied().map(Port).collect()
    }

    #[test]
    fn a_group_is_each_with_every_other_and_with_nobody_else() {
        let links = regrouped(&Links::new(), &group(&[1, 2, 3]));
        assert_eq!(links.len(), 6);
        let links = regrouped(&links, &group(&[8, 9]));
        assert_eq!(links.len(), 8, "groups do not touch each other");
        let links = regrouped(&links, &group(&[1, 2]));
        assert_eq!(links, Links::from([(1, 2), (2, 1), (8, 9), (9, 8)]), "the third is out");
        assert_eq!(regrouped(&links, &group(&[1])), Links::from([(8, 9), (9, 8)]), "alone is unlinked");
        assert_eq!(without(&links, Port(8)), Links::from([(1, 2), (2, 1)]));
    }

    #[test]
    fn only_what_differs_is_told_to_the_kernel() {
        let links = Links::from([(1, 2), (2, 1)]);
        assert_eq!(changes(&links, &links), None);
        let text = changes(&links, &Links::new()).unwrap();
        assert!(
            text.contains("delete element inet paddock links { \"s1\" . \"s2\", \"s2\" . \"s1\" }"),
            "{text}"
        );
        assert!(text.contains("delete element inet paddock named { \"s1\", \"s2\" }"), "{text}");
        let text = changes(&links, &regrouped(&links, &group(&[1, 2, 3]))).unwrap();
        assert!(text.contains("add element inet paddock named { \"s3\" }"), "{text}");
        assert!(!text.contains("delete"), "{text}");
    }

    #[test]
    fn a_link_of_a_device_that_is_gone_is_not_taken_over() {
        let shown = ["\"s1\" . \"s2\"", "\"s2\" . \"s1\"", "\"s2\" . \"s3\"", "noise"].map(str::to_owned);
        let there = ["lo", "up", "s2", "s3"].map(str::to_owned);
        assert_eq!(read(&shown, &there), Links::from([(2, 3)]));
    }
}
