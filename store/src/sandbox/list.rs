//! Lists of sandboxes: any filter, any order, one page at a time.
//!
//! A cursor list is a keyset query: the page begins behind the last row of the one before, found
//! through the index of its order, so that page 500 costs what page 1 does. The statements are in
//! [`super::list_sql`].

use paddock_types::{OrganizationId, SandboxId, SandboxState, Timestamp};

use super::list_sql::{Conditions, count_sql, page_sql, rarest_label};
use super::record::SandboxRecord;
use crate::engine::Conn;
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
    /// Whether those count that wait in a warm pool.
    pub include_warm: bool,
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
    /// When it is to be destroyed whatever its state; what has no such time is in no span.
    pub auto_destroy: Spans,
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

    pub(super) const fn column(self) -> &'static str {
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
            Self::Cpu => SortValue::Number(sandbox.status.resources.cpu.0.into()),
            Self::Memory => SortValue::Number(sandbox.status.resources.memory.0.into()),
            Self::Disk => SortValue::Number(sandbox.status.resources.disk.0.into()),
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
    let rarest = rarest_label(conn, query).await?;
    let matching = Conditions::of(query, rarest);
    let total = match query.position {
        Position::Offset(_) => {
            let mut row = conn.query_optional(&count_sql(&matching), &matching.values).await?;
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
