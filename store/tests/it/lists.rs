//! What lists do.

use std::collections::BTreeSet;

use paddock_store::sandbox::{
    Bounds, InsertOutcome, Position, SandboxFilter, SandboxQuery, SandboxRecord, SandboxSort, SandboxStatus,
    Spans,
};
use paddock_store::{Order, Store};
use paddock_types::{BuiltinSnapshot, DesiredState, OrganizationId, SandboxId, SandboxState};
use tokio::sync::watch;

use crate::samples::{later, sandbox, with_organization};

const SORTS: [SandboxSort; 11] = [
    SandboxSort::Id,
    SandboxSort::Name,
    SandboxSort::State,
    SandboxSort::Snapshot,
    SandboxSort::Region,
    SandboxSort::Cpu,
    SandboxSort::Memory,
    SandboxSort::Disk,
    SandboxSort::LastActivityAt,
    SandboxSort::UpdatedAt,
    SandboxSort::CreatedAt,
];

pub(crate) async fn a_cursor_walk_visits_every_sandbox_once_in_every_order(store: Store) {
    let organization = with_organization(&store).await;
    let mut all = Vec::new();
    for number in 0..23_i64 {
        let mut made = sandbox(organization, &format!("box {number}"));
        made.created_at = later(number % 5);
        made.last_activity_at = later(-number % 7);
        made.status.resources = BuiltinSnapshot::ALL[usize::try_from(number).unwrap() % 3].resources();
        store.insert_sandbox(made.clone()).await.unwrap();
        all.push(made.id);
    }
    store.insert_sandbox(sandbox(with_organization(&store).await, "foreign")).await.unwrap();
    all.sort();
    for sort in SORTS {
        let upwards = walk(&store, organization, sort, Order::Ascending).await;
        let mut downwards = walk(&store, organization, sort, Order::Descending).await;
        assert!(upwards.is_sorted_by_key(|item| (key(sort, item), item.id.to_string())), "{sort:?}");
        downwards.reverse();
        assert_eq!(upwards, downwards, "{sort:?}");
        let numbered = numbered(&store, organization, sort).await;
        assert_eq!(upwards, numbered, "{sort:?}: both lists have one order");
        let mut visited: Vec<SandboxId> = upwards.iter().map(|item| item.id).collect();
        visited.sort();
        assert_eq!(visited, all, "{sort:?}");
    }
}

/// What a list is ordered by: the number or the text.
fn key(sort: SandboxSort, item: &SandboxRecord) -> (i64, String) {
    let resources = item.status.resources;
    match sort {
        SandboxSort::Id => (0, item.id.to_string()),
        SandboxSort::Name => (0, item.name.clone()),
        SandboxSort::State => (0, item.status.state.to_string()),
        SandboxSort::Snapshot => (0, item.snapshot_name.clone()),
        SandboxSort::Region => (0, item.region.clone()),
        SandboxSort::Cpu => (resources.cpu.0.into(), String::new()),
        SandboxSort::Memory => (resources.memory.0.into(), String::new()),
        SandboxSort::Disk => (resources.disk.0.into(), String::new()),
        SandboxSort::LastActivityAt => (item.last_activity_at.0, String::new()),
        SandboxSort::UpdatedAt => (item.status.updated_at.0, String::new()),
        SandboxSort::CreatedAt => (item.created_at.0, String::new()),
    }
}

async fn numbered(store: &Store, organization: OrganizationId, sort: SandboxSort) -> Vec<SandboxRecord> {
    let mut visited = Vec::new();
    loop {
        let position = Position::Offset(visited.len() as u64);
        let filter = SandboxFilter::default();
        let query = SandboxQuery { organization, filter, sort, order: Order::Ascending, position, limit: 7 };
        let page = store.list_sandboxes(query).await.unwrap();
        if page.items.is_empty() {
            return visited;
        }
        visited.extend(page.items);
    }
}

async fn walk(
    store: &Store,
    organization: OrganizationId,
    sort: SandboxSort,
    order: Order,
) -> Vec<SandboxRecord> {
    let mut position = Position::Start;
    let mut visited = Vec::new();
    loop {
        let filter = SandboxFilter::default();
        let query = SandboxQuery { organization, filter, sort, order, position, limit: 5 };
        let page = store.list_sandboxes(query).await.unwrap();
        assert!(page.total.is_none());
        visited.extend(page.items);
        match page.next {
            Some(cursor) => position = Position::After(cursor),
            None => return visited,
        }
    }
}

pub(crate) async fn a_walk_sees_what_stays_exactly_once_whatever_happens_meanwhile(store: Store) {
    const STAYING: i64 = 40;
    let organization = with_organization(&store).await;
    let mut staying = BTreeSet::new();
    let mut touched = Vec::new();
    for number in 0..STAYING {
        // Ties among them, and with those that come and go.
        let mut made = sandbox(organization, &format!("staying {number:02}"));
        (made.created_at, made.last_activity_at) = (later(number / 4), later(number / 4));
        made.status.updated_at = later(number / 4);
        store.insert_sandbox(made.clone()).await.unwrap();
        staying.insert(made.id);
        let other = sandbox(organization, &format!("touched {number:02}"));
        store.insert_sandbox(other.clone()).await.unwrap();
        touched.push(other.id);
    }
    let (changes, mut seen_changes) = watch::channel(0_u64);
    let churn = tokio::spawn(churn(store.clone(), organization, touched, changes));
    for sort in SORTS {
        for order in [Order::Ascending, Order::Descending] {
            let mut position = Position::Start;
            let mut visited = Vec::new();
            loop {
                let filter = SandboxFilter::default();
                let query = SandboxQuery { organization, filter, sort, order, position, limit: 6 };
                let page = store.list_sandboxes(query).await.unwrap();
                visited.extend(page.items.iter().map(|item| item.id).filter(|id| staying.contains(id)));
                let Some(cursor) = page.next else { break };
                position = Position::After(cursor);
                // Something has changed between any two pages.
                seen_changes.changed().await.unwrap();
            }
            assert_eq!(visited.len(), staying.len(), "{sort:?} {order:?}: each at most once");
            let visited: BTreeSet<SandboxId> = visited.into_iter().collect();
            assert_eq!(visited, staying, "{sort:?} {order:?}: none is missing");
        }
    }
    drop(seen_changes);
    churn.await.unwrap();
}

/// Makes sandboxes, deletes them and uses others, until nobody looks.
async fn churn(
    store: Store,
    organization: OrganizationId,
    touched: Vec<SandboxId>,
    changes: watch::Sender<u64>,
) {
    let mut number = 0_i64;
    let mut last: Option<SandboxRecord> = None;
    while !changes.is_closed() {
        number += 1;
        let mut made = sandbox(organization, &format!("coming {number}"));
        (made.created_at, made.last_activity_at) = (later(number % 13), later(number % 11));
        store.insert_sandbox(made.clone()).await.unwrap();
        let used = touched[usize::try_from(number).unwrap() % touched.len()];
        store.record_activity(vec![(used, later(number))], vec![], vec![]).await.unwrap();
        if let Some(gone) = last.replace(made) {
            let status = SandboxStatus {
                state: SandboxState::Destroyed,
                desired: DesiredState::Destroyed,
                updated_at: later(number),
                destroyed_at: Some(later(number)),
                ..gone.status.clone()
            };
            assert!(store.update_sandbox_status(gone.id, 1, status).await.unwrap().is_some());
        }
        changes.send_modify(|count| *count += 1);
    }
}

pub(crate) async fn every_filter_keeps_what_it_says(store: Store) {
    let organization = with_organization(&store).await;
    let mut web = sandbox(organization, "Web-1");
    web.public = true;
    web.auto_destroy_at = Some(later(3000));
    web.status.resources = BuiltinSnapshot::Large.resources();
    web.created_at = later(1000);
    web.labels.insert("tier".to_owned(), "gold".to_owned());
    let mut db = sandbox(organization, "db_%");
    db.region = "far".to_owned();
    db.snapshot_name = "other".to_owned();
    db.last_activity_at = later(2000);
    db.status.state = SandboxState::Stopped;
    let mut broken = sandbox(organization, "broken");
    broken.status = SandboxStatus {
        state: SandboxState::Error,
        desired: DesiredState::Destroyed,
        recoverable: true,
        ..broken.status
    };
    let mut gone = sandbox(organization, "gone");
    gone.status.state = SandboxState::Destroyed;
    for made in [&web, &db, &broken, &gone] {
        assert_eq!(store.insert_sandbox(made.clone()).await.unwrap(), InsertOutcome::Done);
    }
    let all = SandboxFilter::default();
    let id = |made: &SandboxRecord| Some(made.id.to_string()[..13].to_uppercase());
    let span = |after: i64, before: i64| Spans { after: Some(later(after)), before: Some(later(before)) };
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let cases: Vec<(&str, SandboxFilter, &str)> = vec![
        ("nothing", all.clone(), "Web-1 db_%"),
        ("errored", SandboxFilter { include_errored_deleted: true, ..all.clone() }, "Web-1 broken db_%"),
        ("id prefix", SandboxFilter { id_prefix: id(&web), ..all.clone() }, "Web-1"),
        (
            "id part",
            SandboxFilter { id_part: Some(web.id.to_string()[4..20].to_uppercase()), ..all.clone() },
            "Web-1",
        ),
        ("name prefix", SandboxFilter { name_prefix: Some("wEB".to_owned()), ..all.clone() }, "Web-1"),
        ("no such prefix", SandboxFilter { name_prefix: Some("eb".to_owned()), ..all.clone() }, ""),
        ("name part", SandboxFilter { name_part: Some("EB-".to_owned()), ..all.clone() }, "Web-1"),
        ("literal wildcard", SandboxFilter { name_part: Some("_%".to_owned()), ..all.clone() }, "db_%"),
        ("label", SandboxFilter { labels: pairs(&[("tier", "gold")]), ..all.clone() }, "Web-1"),
        (
            "labels",
            SandboxFilter { labels: pairs(&[("tier", "gold"), ("team", "blue")]), ..all.clone() },
            "Web-1",
        ),
        (
            "other label",
            SandboxFilter { labels: pairs(&[("tier", "gold"), ("team", "red")]), ..all.clone() },
            "",
        ),
        (
            "states",
            SandboxFilter { states: vec![SandboxState::Stopped, SandboxState::Started], ..all.clone() },
            "db_%",
        ),
        ("destroyed", SandboxFilter { states: vec![SandboxState::Destroyed], ..all.clone() }, ""),
        (
            "snapshots",
            SandboxFilter { snapshots: vec!["other".to_owned(), "x".to_owned()], ..all.clone() },
            "db_%",
        ),
        ("regions", SandboxFilter { regions: vec!["local".to_owned()], ..all.clone() }, "Web-1"),
        ("cpu", SandboxFilter { cpu: Bounds { min: Some(4), max: Some(4) }, ..all.clone() }, "Web-1"),
        ("memory", SandboxFilter { memory: Bounds { min: None, max: Some(7) }, ..all.clone() }, "db_%"),
        ("disk", SandboxFilter { disk: Bounds { min: Some(11), max: None }, ..all.clone() }, ""),
        ("public", SandboxFilter { public: Some(true), ..all.clone() }, "Web-1"),
        ("private", SandboxFilter { public: Some(false), ..all.clone() }, "db_%"),
        (
            "recoverable",
            SandboxFilter { recoverable: Some(true), include_errored_deleted: true, ..all.clone() },
            "broken",
        ),
        ("created", SandboxFilter { created: span(1000, 1000), ..all.clone() }, "Web-1"),
        ("activity", SandboxFilter { last_activity: span(1999, 2001), ..all.clone() }, "db_%"),
        ("its end", SandboxFilter { auto_destroy: span(3000, 3000), ..all.clone() }, "Web-1"),
        ("an earlier end", SandboxFilter { auto_destroy: span(0, 2999), ..all.clone() }, ""),
    ];
    for (what, filter, expected) in cases {
        let query = SandboxQuery {
            organization,
            filter,
            sort: SandboxSort::Name,
            order: Order::Ascending,
            position: Position::Start,
            limit: 10,
        };
        let found = store.list_sandboxes(query).await.unwrap().items;
        let names: Vec<&str> = found.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{what}");
    }
}

pub(crate) async fn pages_are_numbered_and_counted(store: Store) {
    let organization = with_organization(&store).await;
    for number in 0..7 {
        store.insert_sandbox(sandbox(organization, &format!("box {number}"))).await.unwrap();
    }
    let mut names = Vec::new();
    for page in 0..4 {
        let query = SandboxQuery {
            organization,
            filter: SandboxFilter::default(),
            sort: SandboxSort::Name,
            order: Order::Descending,
            position: Position::Offset(page * 3),
            limit: 3,
        };
        let page = store.list_sandboxes(query).await.unwrap();
        assert_eq!(page.total, Some(7));
        names.extend(page.items.into_iter().map(|item| item.name));
    }
    assert_eq!(names, ["box 6", "box 5", "box 4", "box 3", "box 2", "box 1", "box 0"]);
}

pub(crate) async fn a_hostile_filter_value_is_only_a_value(store: Store) {
    let organization = with_organization(&store).await;
    store.insert_sandbox(sandbox(organization, "web")).await.unwrap();
    let hostile = "' OR 1=1; DROP TABLE sandbox; --".to_owned();
    let filter = SandboxFilter {
        name_prefix: Some(hostile.clone()),
        snapshots: vec![hostile.clone()],
        labels: vec![(hostile.clone(), hostile)],
        ..SandboxFilter::default()
    };
    let query = |filter| SandboxQuery {
        organization,
        filter,
        sort: SandboxSort::CreatedAt,
        order: Order::Descending,
        position: Position::Start,
        limit: 10,
    };
    assert_eq!(store.list_sandboxes(query(filter)).await.unwrap().items.len(), 0);
    assert_eq!(store.list_sandboxes(query(SandboxFilter::default())).await.unwrap().items.len(), 1);
}

pub(crate) async fn a_label_is_found_whether_few_or_many_have_it(store: Store) {
    // More than the store looks up by their label.
    const MANY: usize = 2_010;
    let organization = with_organization(&store).await;
    let inserts = (0..MANY).map(|number| {
        let mut made = sandbox(organization, &format!("box {number:04}"));
        made.labels = [("all".to_owned(), "yes".to_owned())].into();
        if number % 201 == 0 {
            made.labels.insert("few".to_owned(), "yes".to_owned());
        }
        made.last_activity_at = later(i64::try_from(number * 7 % 100).unwrap());
        let store = &store;
        async move { assert_eq!(store.insert_sandbox(made).await.unwrap(), InsertOutcome::Done) }
    });
    futures_util::future::join_all(inserts).await;
    let stranger = with_organization(&store).await;
    let mut foreign = sandbox(stranger, "foreign");
    foreign.labels = [("few".to_owned(), "yes".to_owned())].into();
    store.insert_sandbox(foreign).await.unwrap();
    let pairs =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "yes".to_owned())).collect::<Vec<_>>();
    for (labels, expected) in [
        (pairs(&["all"]), MANY),
        (pairs(&["few"]), 10),
        (pairs(&["all", "few"]), 10),
        (pairs(&["few", "all"]), 10),
        (pairs(&["few", "nobody"]), 0),
        (pairs(&["all", "nobody"]), 0),
        (vec![("few".to_owned(), "no".to_owned())], 0),
    ] {
        let filter = SandboxFilter { labels: labels.clone(), ..SandboxFilter::default() };
        let query = |position| SandboxQuery {
            organization,
            filter: filter.clone(),
            sort: SandboxSort::LastActivityAt,
            order: Order::Descending,
            position,
            limit: 200,
        };
        let counted = store.list_sandboxes(query(Position::Offset(0))).await.unwrap();
        assert_eq!(counted.total, Some(expected as u64), "{labels:?}");
        let mut visited: Vec<SandboxRecord> = Vec::new();
        let mut position = Position::Start;
        loop {
            let page = store.list_sandboxes(query(position)).await.unwrap();
            visited.extend(page.items);
            let Some(cursor) = page.next else { break };
            position = Position::After(cursor);
        }
        assert_eq!(visited.len(), expected, "{labels:?}");
        let keys = visited.iter().map(|item| (item.last_activity_at, item.id.to_string()));
        assert!(keys.clone().zip(keys.skip(1)).all(|(one, next)| one > next), "{labels:?}");
    }
}
