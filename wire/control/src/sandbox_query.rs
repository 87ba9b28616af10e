//! The queries of the two lists of sandboxes.

use paddock_types::{SandboxState, Timestamp};
use utoipa::IntoParams;

use crate::{Invalid, Query, Side, schema};

/// The most pairs of a filter by labels. Ours: each becomes a part of a statement.
const MOST_LABELS: usize = 50;
/// The greatest page number: beyond it there can be no page.
const LAST_PAGE: i64 = 10_000_000;

/// By what sandboxes are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxSortField {
    /// `id`, numbered pages only.
    Id,
    /// `name`.
    Name,
    /// `state`, numbered pages only.
    State,
    /// `snapshot`, numbered pages only.
    Snapshot,
    /// `region`, numbered pages only.
    Region,
    /// `updatedAt`, numbered pages only.
    UpdatedAt,
    /// `cpu`, cursor list only.
    Cpu,
    /// `memoryGib` (so spelt, though the filter is `minMemoryGiB`), cursor list only.
    MemoryGib,
    /// `diskGib`, cursor list only.
    DiskGib,
    /// `lastActivityAt`.
    LastActivityAt,
    /// `createdAt`.
    CreatedAt,
}

/// The filters that both lists know. Absent and empty ones filter nothing.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SandboxFilters {
    /// How the id begins (in numbered pages: what it contains), in any case.
    pub id: Option<String>,
    /// How the name begins (in numbered pages: what it contains), in any case.
    pub name: Option<String>,
    /// A JSON object of labels that all have to match.
    #[param(value_type = Option<String>)]
    pub labels: Vec<(String, String)>,
    /// Whether to include those that failed while being deleted.
    #[param(required = false)]
    pub include_errored_deleted: bool,
    /// Any of these.
    #[param(schema_with = schema::sandbox_states, required = false)]
    pub states: Vec<SandboxState>,
    /// Any of these snapshots, by name.
    #[param(required = false)]
    pub snapshots: Vec<String>,
    /// At least so many cores.
    #[param(rename = "minCpu")]
    pub min_cpu: Option<i64>,
    /// At most so many cores.
    #[param(rename = "maxCpu")]
    pub max_cpu: Option<i64>,
    /// At least so much memory.
    #[param(rename = "minMemoryGiB")]
    pub min_memory: Option<i64>,
    /// At most so much memory.
    #[param(rename = "maxMemoryGiB")]
    pub max_memory: Option<i64>,
    /// At least so much disk.
    #[param(rename = "minDiskGiB")]
    pub min_disk: Option<i64>,
    /// At most so much disk.
    #[param(rename = "maxDiskGiB")]
    pub max_disk: Option<i64>,
    /// Last used at that time or later.
    #[param(value_type = Option<String>)]
    pub last_event_after: Option<Timestamp>,
    /// Last used at that time or before.
    #[param(value_type = Option<String>)]
    pub last_event_before: Option<Timestamp>,
}

/// The query of `GET /sandbox`.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListSandboxes {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 200.
    #[param(required = false, minimum = 1, maximum = 200, default = 100)]
    pub limit: u32,
    /// What both lists can filter by.
    #[param(ignore)]
    pub filters: SandboxFilters,
    /// Whether to include members of warm pools that wait for an owner.
    #[param(required = false)]
    pub include_warm: bool,
    /// Any of these.
    #[param(required = false)]
    pub region_ids: Vec<String>,
    /// Any of `container`, `linux-vm`, `windows`.
    #[param(required = false)]
    pub sandbox_classes: Vec<String>,
    /// At least so many GPUs.
    pub min_gpu: Option<i64>,
    /// At most so many GPUs.
    pub max_gpu: Option<i64>,
    /// Public or not.
    pub is_public: Option<bool>,
    /// Recoverable or not.
    pub is_recoverable: Option<bool>,
    /// Made at that time or later.
    #[param(value_type = Option<String>)]
    pub created_at_after: Option<Timestamp>,
    /// Made at that time or before.
    #[param(value_type = Option<String>)]
    pub created_at_before: Option<Timestamp>,
    /// To be destroyed at that time or later.
    #[param(value_type = Option<String>)]
    pub auto_destroy_at_after: Option<Timestamp>,
    /// To be destroyed at that time or before.
    #[param(value_type = Option<String>)]
    pub auto_destroy_at_before: Option<Timestamp>,
    /// By what; ties by id. `lastActivityAt` unless said.
    #[param(value_type = Option<String>)]
    pub sort: SandboxSortField,
    /// `asc` or `desc`, the default.
    #[param(rename = "order", value_type = Option<String>)]
    pub descending: bool,
}

/// The query of `GET /sandbox/paginated`.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListSandboxesPaginated {
    /// From 1.
    #[param(required = false, minimum = 1, default = 1)]
    pub page: u32,
    /// 1 to 200.
    #[param(required = false, minimum = 1, maximum = 200, default = 100)]
    pub limit: u32,
    /// What both lists can filter by.
    #[param(ignore)]
    pub filters: SandboxFilters,
    /// Any of these.
    #[param(required = false)]
    pub regions: Vec<String>,
    /// By what; ties by id. `createdAt` unless said.
    #[param(value_type = Option<String>)]
    pub sort: SandboxSortField,
    /// `asc` or `desc`, the default.
    #[param(rename = "order", value_type = Option<String>)]
    pub descending: bool,
}

impl SandboxFilters {
    fn read(query: &mut Query) -> Self {
        let all: Vec<&str> = SandboxState::ALL.iter().map(|state| state.as_str()).collect();
        let mut ends =
            |least: &str, most: &str| [query.bound(least, 1, Side::Least), query.bound(most, 1, Side::Most)];
        let [min_cpu, max_cpu] = ends("minCpu", "maxCpu");
        let [min_memory, max_memory] = ends("minMemoryGiB", "maxMemoryGiB");
        let [min_disk, max_disk] = ends("minDiskGiB", "maxDiskGiB");
        Self {
            id: query.name("id"),
            name: query.name("name"),
            labels: read_labels(query),
            include_errored_deleted: query.flag("includeErroredDeleted").unwrap_or(false),
            states: query.spelled("states", &all),
            snapshots: query.texts("snapshots"),
            min_cpu,
            max_cpu,
            min_memory,
            max_memory,
            min_disk,
            max_disk,
            last_event_after: query.time("lastEventAfter"),
            last_event_before: query.time("lastEventBefore"),
        }
    }
}

impl ListSandboxes {
    /// Reads a query.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(mut query: Query) -> Result<Self, Invalid> {
        let sorts = [
            ("name", SandboxSortField::Name),
            ("cpu", SandboxSortField::Cpu),
            ("memoryGib", SandboxSortField::MemoryGib),
            ("diskGib", SandboxSortField::DiskGib),
            ("lastActivityAt", SandboxSortField::LastActivityAt),
            ("createdAt", SandboxSortField::CreatedAt),
        ];
        let sandbox_classes = query.texts("sandboxClasses");
        if sandbox_classes.iter().any(|class| !["container", "linux-vm", "windows"].contains(&class.as_str()))
        {
            query.problem("each value in sandboxClasses must be one of: container, linux-vm, windows");
        }
        let read = Self {
            cursor: query.text("cursor"),
            limit: limit(&mut query),
            filters: SandboxFilters::read(&mut query),
            include_warm: query.flag("includeWarm").unwrap_or(false),
            region_ids: query.texts("regionIds"),
            sandbox_classes,
            min_gpu: query.bound("minGpu", 0, Side::Least),
            max_gpu: query.bound("maxGpu", 0, Side::Most),
            is_public: query.flag("isPublic"),
            is_recoverable: query.flag("isRecoverable"),
            created_at_after: query.time("createdAtAfter"),
            created_at_before: query.time("createdAtBefore"),
            auto_destroy_at_after: query.time("autoDestroyAtAfter"),
            auto_destroy_at_before: query.time("autoDestroyAtBefore"),
            sort: query.one_of("sort", &sorts).unwrap_or(SandboxSortField::LastActivityAt),
            descending: query.one_of("order", &[("asc", false), ("desc", true)]).unwrap_or(true),
        };
        query.finish()?;
        Ok(read)
    }
}

impl ListSandboxesPaginated {
    /// Reads a query.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(mut query: Query) -> Result<Self, Invalid> {
        let sorts = [
            ("id", SandboxSortField::Id),
            ("name", SandboxSortField::Name),
            ("state", SandboxSortField::State),
            ("snapshot", SandboxSortField::Snapshot),
            ("region", SandboxSortField::Region),
            ("updatedAt", SandboxSortField::UpdatedAt),
            ("createdAt", SandboxSortField::CreatedAt),
            ("lastActivityAt", SandboxSortField::LastActivityAt),
        ];
        let read = Self {
            page: page(&mut query),
            limit: limit(&mut query),
            filters: SandboxFilters::read(&mut query),
            regions: query.texts("regions"),
            sort: query.one_of("sort", &sorts).unwrap_or(SandboxSortField::CreatedAt),
            descending: query.one_of("order", &[("asc", false), ("desc", true)]).unwrap_or(true),
        };
        query.finish()?;
        Ok(read)
    }
}

/// `limit`: 1 to 200, 100 unless said.
pub(crate) fn limit(query: &mut Query) -> u32 {
    query.integer("limit", 1, 200).and_then(|limit| u32::try_from(limit).ok()).unwrap_or(100)
}

/// `page`: from 1, 1 unless said.
pub(crate) fn page(query: &mut Query) -> u32 {
    query.integer("page", 1, LAST_PAGE).and_then(|page| u32::try_from(page).ok()).unwrap_or(1)
}

/// `labels`: one JSON object of texts. Old clients write `null` for no filter.
fn read_labels(query: &mut Query) -> Vec<(String, String)> {
    let Some(text) = query.text("labels").filter(|text| text.trim() != "null") else { return Vec::new() };
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).ok();
    let pairs: Option<Vec<(String, String)>> = object.and_then(|object| {
        object.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
    });
    match pairs {
        Some(pairs) if pairs.len() > MOST_LABELS => {
            query.problem(format!("labels must have at most {MOST_LABELS} pairs"));
            Vec::new()
        }
        Some(pairs) if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) => {
            query.problem("labels must not contain NUL characters");
            Vec::new()
        }
        Some(pairs) => pairs,
        None => {
            query.problem("labels must be a JSON object of strings");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ListSandboxes, Invalid> {
        ListSandboxes::read(Query::parse(Some(text)))
    }

    #[test]
    fn an_empty_query_is_the_newest_hundred() {
        let list = read("").unwrap();
        assert_eq!((list.limit, list.sort, list.descending), (100, SandboxSortField::LastActivityAt, true));
        assert_eq!(list.filters.labels, []);
        assert_eq!(read("labels=null").unwrap(), list, "old clients say so for no filter");
    }

    #[test]
    fn every_bad_value_is_named() {
        let wrong = read(
            "limit=0&labels=%5B1%5D&states=running&sort=memoryGiB&order=up&minCpu=0&createdAtAfter=x&isPublic=1&sandboxClasses=vm",
        );
        let message = wrong.unwrap_err().to_string();
        for name in [
            "limit",
            "labels",
            "states",
            "sort",
            "order",
            "minCpu",
            "createdAtAfter",
            "isPublic",
            "sandboxClasses",
        ] {
            assert!(message.contains(name), "{name} in {message}");
        }
    }

    #[test]
    fn labels_are_json_with_or_without_blanks() {
        let expected = vec![("a".to_owned(), "b".to_owned())];
        for text in ["labels=%7B%22a%22%3A%22b%22%7D", "labels=%7B%22a%22%3A+%22b%22+%7D"] {
            assert_eq!(read(text).unwrap().filters.labels, expected);
        }
        for text in ["labels=%7B%22a%22%3A1%7D", "labels=x", "labels=%7B%22a%22%3A%22%5Cu0000%22%7D"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
