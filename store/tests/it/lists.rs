//! What lists do.

use paddock_store::sandbox::{
    Bounds, Position, SandboxFilter, SandboxQuery, SandboxRecord, SandboxSort, SandboxStatus, Spans,
};
use paddock_store::{Order, Store};
use paddock_types::{BuiltinSnapshot, DesiredState, OrganizationId, SandboxId, SandboxState};

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
        made.resources = BuiltinSnapshot::ALL[usize::try_from(number).unwrap() % 3].resources();
        store.insert_sandbox(made.clone()).await.unwrap();
        all.push(made.id);
    }
    store.insert_sandbox(sandbox(with_organization(&store).await, "foreign")).await.unwrap();
    all.sort();
    for sort in SORTS {
        let upwards = walk(&store, organization, sort, Order::Ascending).await;
        let mut downwards = walk(&store, organization, sort, Order::Descending).await;
        downwards.reverse();
        assert_eq!(upwards, downwards, "{sort:?}");
        let mut visited = upwards;
        visited.sort();
        assert_eq!(visited, all, "{sort:?}");
    }
}

async fn walk(
    store: &Store,
    organization: OrganizationId,
    sort: SandboxSort,
    order: Order,
) -> Vec<SandboxId> {
    let mut position = Position::Start;
    let mut visited = Vec::new();
    loop {
        let filter = SandboxFilter::default();
        let query = SandboxQuery { organization, filter, sort, order, position, limit: 5 };
        let page = store.list_sandboxes(query).await.unwrap();
        assert!(page.total.is_none());
        visited.extend(page.items.iter().map(|item| item.id));
        match page.next {
            Some(cursor) => position = Position::After(cursor),
            None => return visited,
        }
    }
}

pub(crate) async fn every_filter_keeps_what_it_says(store: Store) {
    let organization = with_organization(&store).await;
    let mut web = sandbox(organization, "Web-1");
    web.public = true;
    web.resources = BuiltinSnapshot::Large.resources();
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
        assert!(store.insert_sandbox(made.clone()).await.unwrap());
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
