//! Lists of sandboxes: any filter, any order, one page at a time.
//!
//! A cursor list is a keyset query: the page begins behind the last row of the one before, found
//! through the index of its order, so that page 500 costs what page 1 does. Values are always bound,
//! never written into the statement.

use paddock_types::{OrganizationId, SandboxId, SandboxState, Timestamp};

use super::record::{SandboxRecord, columns};
use crate::engine::Conn;
use crate::value::{Value, unsigned};
use crate::{Order, Store, StoreError};

/// A number between two ends, both belonging to it. `None` is no end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub min: Option<i64>,
    /// The greatest.
    pub max: Option<i64>,
}

/// A span of time, both ends belonging to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spans {
    /// From when.
    pub after: Option<Timestamp>,
    /// Until when.
    pub before: Option<Timestamp>,
}

/// Which sandboxes. Destroyed ones are never listed. Empty lists and `None` filter nothing.
#[derive(Debug, Clone, Default)]
pub struct SandboxFilter {
    /// How the id begins, in any case.
    pub id_prefix: Option<String>,
    /// How the name begins, in any case.
    pub name_prefix: Option<String>,
    /// What the id contains, in any case.
    pub id_part: Option<String>,
    /// What the name contains, in any case.
    pub name_part: Option<String>,
    /// Labels that all have to match.
    pub labels: Vec<(String, String)>,
    /// Whether those count that failed while being deleted.
    pub include_errored_deleted: bool,
    /// Any of these states.
    pub states: Vec<SandboxState>,
    /// Any of these snapshots, by name.
    pub snapshots: Vec<String>,
    /// Any of these regions.
    pub regions: Vec<String>,
    /// Cores.
    pub cpu: Bounds,
    /// Memory in GiB.
    pub memory: Bounds,
    /// Disk in GiB.
    pub disk: Bounds,
    /// Public or not.
    pub public: Option<bool>,
    /// Recoverable or not.
    pub recoverable: Option<bool>,
    /// When it was made.
    pub created: Spans,
    /// When it was last used.
    pub last_activity: Spans,
}

/// By what a list is ordered; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxSort {
    /// By id.
    Id,
    /// By name, byte by byte.
    Name,
    /// By state.
    State,
    /// By the snapshot's name.
    Snapshot,
    /// By region.
    Region,
    /// By cores.
    Cpu,
    /// By memory.
    Memory,
    /// By disk.
    Disk,
    /// By last use.
    LastActivityAt,
    /// By last change.
    UpdatedAt,
    /// By age.
    CreatedAt,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// At the first row.
    Start,
    /// Behind the row that a cursor names.
    After(Cursor),
    /// After so many rows; the total is counted too.
    Offset(u64),
}

/// The last row of a page, as far as its order goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is ordered by.
    pub value: SortValue,
    /// The row.
    pub id: SandboxId,
}

/// A value that a list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue {
    /// A number or a time.
    Number(i64),
    /// A text.
    Text(String),
}

/// Which page of which sandboxes.
#[derive(Debug, Clone)]
pub struct SandboxQuery {
    /// Whose.
    pub organization: OrganizationId,
    /// Which.
    pub filter: SandboxFilter,
    /// By what.
    pub sort: SandboxSort,
    /// Which way.
    pub order: Order,
    /// From where.
    pub position: Position,
    /// The most rows.
    pub limit: u32,
}

/// One page.
#[derive(Debug, Clone)]
pub struct SandboxPage {
    /// In the order asked for.
    pub items: Vec<SandboxRecord>,
    /// Where the next page begins; `None` when there is none.
    pub next: Option<Cursor>,
    /// How many match; only counted with [`Position::Offset`].
    pub total: Option<u64>,
}

impl SandboxSort {
    /// Whether its values are numbers; otherwise they are texts.
    pub const fn is_numeric(self) -> bool {
        match self {
            Self::Cpu
            | Self::Memory
            | Self::Disk
            | Self::LastActivityAt
            | Self::UpdatedAt
            | Self::CreatedAt => true,
            Self::Id | Self::Name | Self::State | Self::Snapshot | Self::Region => false,
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::State => "state",
            Self::Snapshot => "snapshot_name",
            Self::Region => "region",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::LastActivityAt => "last_activity_at",
            Self::UpdatedAt => "updated_at",
            Self::CreatedAt => "created_at",
        }
    }

    fn value_of(self, sandbox: &SandboxRecord) -> SortValue {
        match self {
            Self::Id => SortValue::Text(sandbox.id.to_string()),
            Self::Name => SortValue::Text(sandbox.name.clone()),
            Self::State => SortValue::Text(sandbox.status.state.to_string()),
            Self::Snapshot => SortValue::Text(sandbox.snapshot_name.clone()),
            Self::Region => SortValue::Text(sandbox.region.clone()),
            Self::Cpu => SortValue::Number(sandbox.resources.cpu.0.into()),
            Self::Memory => SortValue::Number(sandbox.resources.memory.0.into()),
            Self::Disk => SortValue::Number(sandbox.resources.disk.0.into()),
            Self::LastActivityAt => SortValue::Number(sandbox.last_activity_at.0),
            Self::UpdatedAt => SortValue::Number(sandbox.status.updated_at.0),
            Self::CreatedAt => SortValue::Number(sandbox.created_at.0),
        }
    }
}

impl Store {
    /// One page of an organization's sandboxes.
    pub async fn list_sandboxes(&self, query: SandboxQuery) -> Result<SandboxPage, StoreError> {
        self.read_scan(move |conn| Box::pin(async move { list(conn, &query).await })).await
    }
}

async fn list(conn: &mut Conn, query: &SandboxQuery) -> Result<SandboxPage, StoreError> {
    let matching = Conditions::of(query);
    let total = match query.position {
        Position::Offset(_) => {
            let sql = format!("SELECT COUNT(*) FROM sandbox WHERE {}", matching.sql);
            let mut row = conn.query_optional(&sql, &matching.values).await?;
            Some(row.as_mut().map_or(Ok(0), |row| row.number("count"))?)
        }
        Position::Start | Position::After(_) => None,
    };
    let (sql, values) = page_sql(query, matching);
    let rows = conn.query(&sql, &values).await?;
    let mut items = rows.into_iter().map(SandboxRecord::read).collect::<Result<Vec<_>, _>>()?;
    let is_more = items.len() > query.limit as usize;
    items.truncate(query.limit as usize);
    let last = if is_more { items.last() } else { None };
    let next = last.map(|last| Cursor { value: query.sort.value_of(last), id: last.id });
    Ok(SandboxPage { items, next, total })
}

/// The statement of one page. One row more than asked for is fetched, to know whether there is a next page.
fn page_sql(query: &SandboxQuery, mut matching: Conditions) -> (String, Vec<Value>) {
    let (column, direction) = (query.sort.column(), query.order.sql());
    let mut offset = 0;
    match &query.position {
        Position::Start => {}
        Position::Offset(rows) => offset = *rows,
        Position::After(cursor) => {
            let value = match &cursor.value {
                SortValue::Number(number) => matching.bind(*number),
                SortValue::Text(text) => matching.bind(text.as_str()),
            };
            let id = matching.bind(Value::spelled(cursor.id));
            let comparison = if query.order == Order::Ascending { ">" } else { "<" };
            matching.and(&format!("({column}, id) {comparison} ({value}, {id})"));
        }
    }
    let limit = matching.bind(i64::from(query.limit) + 1);
    let offset = matching.bind(unsigned(offset));
    let sql = format!(
        "SELECT {} FROM sandbox WHERE {} ORDER BY {column} {direction}, id {direction} LIMIT {limit} OFFSET {offset}",
        columns!(),
        matching.sql
    );
    (sql, matching.values)
}

/// A WHERE clause and the values that it names.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of(query: &SandboxQuery) -> Self {
        let filter = &query.filter;
        let mut all = Self {
            sql: "organization_id = $1 AND state <> 'destroyed'".to_owned(),
            values: vec![Value::spelled(query.organization)],
        };
        if !filter.include_errored_deleted {
            all.and("NOT (state IN ('error', 'build_failed') AND desired = 'destroyed')");
        }
        all.prefix("id", filter.id_prefix.as_deref());
        all.prefix("name_folded", filter.name_prefix.as_deref());
        all.part("id", filter.id_part.as_deref());
        all.part("name_folded", filter.name_part.as_deref());
        for (name, value) in &filter.labels {
            let (name, value) = (all.bind(name.as_str()), all.bind(value.as_str()));
            all.and(&format!(
                "id IN (SELECT sandbox_id FROM sandbox_label WHERE organization_id = $1 AND name = {name} AND value = {value})"
            ));
        }
        all.any_of("state", filter.states.iter().map(|state| Value::spelled(*state)));
        all.any_of("snapshot_name", filter.snapshots.iter().map(|name| name.as_str().into()));
        all.any_of("region", filter.regions.iter().map(|region| region.as_str().into()));
        all.between("cpu", filter.cpu);
        all.between("memory", filter.memory);
        all.between("disk", filter.disk);
        all.between("created_at", filter.created.into());
        all.between("last_activity_at", filter.last_activity.into());
        all.equal("public", filter.public.map(Value::from));
        all.equal("recoverable", filter.recoverable.map(Value::from));
        all
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// Adds a value; gives back the text that names it.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn equal(&mut self, column: &str, value: Option<Value>) {
        if let Some(value) = value {
            let value = self.bind(value);
            self.and(&format!("{column} = {value}"));
        }
    }

    fn between(&mut self, column: &str, bounds: Bounds) {
        for (comparison, end) in [(">=", bounds.min), ("<=", bounds.max)] {
            if let Some(end) = end {
                let end = self.bind(end);
                self.and(&format!("{column} {comparison} {end}"));
            }
        }
    }

    fn any_of(&mut self, column: &str, values: impl Iterator<Item = Value>) {
        let names: Vec<String> = values.map(|value| self.bind(value)).collect();
        if !names.is_empty() {
            self.and(&format!("{column} IN ({})", names.join(", ")));
        }
    }

    /// A prefix is a range of the column's order, so that its index serves.
    fn prefix(&mut self, column: &str, prefix: Option<&str>) {
        let Some(prefix) = prefix.map(str::to_lowercase).filter(|prefix| !prefix.is_empty()) else { return };
        let end = after_all_with(&prefix);
        let start = self.bind(prefix);
        self.and(&format!("{column} >= {start}"));
        if let Some(end) = end {
            let end = self.bind(end);
            self.and(&format!("{column} < {end}"));
        }
    }

    fn part(&mut self, column: &str, part: Option<&str>) {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            let pattern = self.bind(super::containing(part));
            self.and(&format!("{column} LIKE {pattern} ESCAPE '\\'"));
        }
    }
}

impl From<Spans> for Bounds {
    fn from(span: Spans) -> Self {
        Self { min: span.after.map(|time| time.0), max: span.before.map(|time| time.0) }
    }
}

/// The least text that is greater than every text with this prefix; `None` when there is none.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The characters from D800 to DFFF do not exist.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// Every order, and every filter at once, as statements.
pub(super) fn statements() -> Vec<String> {
    use SandboxSort::*;
    let full = SandboxFilter {
        id_prefix: Some("a".to_owned()),
        name_prefix: Some("b".to_owned()),
        id_part: Some("c".to_owned()),
        name_part: Some("d".to_owned()),
        labels: vec![("k".to_owned(), "v".to_owned()), ("l".to_owned(), "w".to_owned())],
        include_errored_deleted: false,
        states: SandboxState::ALL.to_vec(),
        snapshots: vec!["s".to_owned()],
        regions: vec!["r".to_owned()],
        cpu: Bounds { min: Some(1), max: Some(2) },
        memory: Bounds { min: Some(1), max: Some(2) },
        disk: Bounds { min: Some(1), max: Some(2) },
        public: Some(true),
        recoverable: Some(false),
        created: Spans { after: Some(Timestamp(1)), before: Some(Timestamp(2)) },
        last_activity: Spans { after: Some(Timestamp(1)), before: Some(Timestamp(2)) },
    };
    let mut all = Vec::new();
    for sort in [Id, Name, State, Snapshot, Region, Cpu, Memory, Disk, LastActivityAt, UpdatedAt, CreatedAt] {
        for order in [Order::Ascending, Order::Descending] {
            for filter in [SandboxFilter::default(), full.clone()] {
                let value =
                    if sort.is_numeric() { SortValue::Number(1) } else { SortValue::Text(String::new()) };
                let cursor = Cursor { value, id: SandboxId::random() };
                let organization = OrganizationId::random();
                let query = SandboxQuery {
                    organization,
                    filter,
                    sort,
                    order,
                    position: Position::After(cursor),
                    limit: 1,
                };
                all.push(page_sql(&query, Conditions::of(&query)).0);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_behind_everything_that_begins_with_it() {
        for prefix in ["a", "zz", "ab\u{10ffff}", "\u{d7ff}", "ü"] {
            let end = after_all_with(prefix).unwrap();
            for rest in ["", "a", "\u{10ffff}\u{10ffff}"] {
                let text = format!("{prefix}{rest}");
                assert!(text.as_str() >= prefix && text < end, "{text:?} {end:?}");
            }
        }
        assert_eq!(after_all_with("\u{10ffff}"), None);
    }
}
