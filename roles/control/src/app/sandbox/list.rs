//! Lists of sandboxes: from the words of the wire to those of the store, and cursors.

use paddock_store::Order;
use paddock_store::sandbox::{
    Bounds, Cursor, Position, SandboxFilter, SandboxPage, SandboxQuery, SandboxSort, SortValue, Spans,
};
use paddock_types::OrganizationId;
use paddock_wire_control::{ListSandboxes, ListSandboxesPaginated, SandboxFilters, SandboxSortField};

use crate::app::{App, Error};

/// One page behind a cursor.
///
/// # Errors
/// 400 for a cursor that is none of ours, or of a list in another order.
pub(crate) async fn by_cursor(
    app: &App,
    organization: OrganizationId,
    request: ListSandboxes,
) -> Result<(SandboxPage, Option<String>), Error> {
    let sort = sort(request.sort);
    let position = match &request.cursor {
        None => Position::Start,
        Some(text) => {
            Position::After(decode(text, sort).ok_or_else(|| Error::Invalid("cursor is invalid".to_owned()))?)
        }
    };
    if matches_nothing(&request) {
        return Ok((SandboxPage { items: Vec::new(), next: None, total: None }, None));
    }
    let mut filter = common(&request.filters);
    filter.id_prefix = request.filters.id;
    filter.name_prefix = request.filters.name;
    filter.include_warm = request.include_warm;
    filter.regions = request.region_ids;
    filter.public = request.is_public;
    filter.recoverable = request.is_recoverable;
    filter.created = Spans { after: request.created_at_after, before: request.created_at_before };
    filter.auto_destroy =
        Spans { after: request.auto_destroy_at_after, before: request.auto_destroy_at_before };
    let query = SandboxQuery {
        organization,
        filter,
        sort,
        order: order(request.descending),
        position,
        limit: request.limit,
    };
    let page = app.store.list_sandboxes(query).await?;
    let next = page.next.as_ref().map(encode);
    Ok((page, next))
}

/// One numbered page.
pub(crate) async fn by_page(
    app: &App,
    organization: OrganizationId,
    request: ListSandboxesPaginated,
) -> Result<SandboxPage, Error> {
    let mut filter = common(&request.filters);
    filter.id_part = request.filters.id;
    filter.name_part = request.filters.name;
    filter.regions = request.regions;
    let query = SandboxQuery {
        organization,
        filter,
        sort: sort(request.sort),
        order: order(request.descending),
        position: Position::Offset(u64::from(request.page - 1) * u64::from(request.limit)),
        limit: request.limit,
    };
    Ok(app.store.list_sandboxes(query).await?)
}

/// Whether a filter asks for what no sandbox of this version has: another class, or GPUs.
fn matches_nothing(request: &ListSandboxes) -> bool {
    let classes = &request.sandbox_classes;
    (!classes.is_empty() && !classes.iter().any(|class| class == "container"))
        || request.min_gpu.is_some_and(|gpus| gpus > 0)
}

fn common(filters: &SandboxFilters) -> SandboxFilter {
    SandboxFilter {
        labels: filters.labels.clone(),
        include_errored_deleted: filters.include_errored_deleted,
        states: filters.states.clone(),
        snapshots: filters.snapshots.clone(),
        cpu: Bounds { min: filters.min_cpu, max: filters.max_cpu },
        memory: Bounds { min: filters.min_memory, max: filters.max_memory },
        disk: Bounds { min: filters.min_disk, max: filters.max_disk },
        last_activity: Spans { after: filters.last_event_after, before: filters.last_event_before },
        ..SandboxFilter::default()
    }
}

fn sort(field: SandboxSortField) -> SandboxSort {
    match field {
        SandboxSortField::Id => SandboxSort::Id,
        SandboxSortField::Name => SandboxSort::Name,
        SandboxSortField::State => SandboxSort::State,
        SandboxSortField::Snapshot => SandboxSort::Snapshot,
        SandboxSortField::Region => SandboxSort::Region,
        SandboxSortField::UpdatedAt => SandboxSort::UpdatedAt,
        SandboxSortField::Cpu => SandboxSort::Cpu,
        SandboxSortField::MemoryGib => SandboxSort::Memory,
        SandboxSortField::DiskGib => SandboxSort::Disk,
        SandboxSortField::LastActivityAt => SandboxSort::LastActivityAt,
        SandboxSortField::CreatedAt => SandboxSort::CreatedAt,
    }
}

fn order(descending: bool) -> Order {
    if descending { Order::Descending } else { Order::Ascending }
}

/// A cursor as text: the row's id, `n` or `t` for the kind of value, and the value. Opaque to clients.
fn encode(cursor: &Cursor) -> String {
    let text = match &cursor.value {
        SortValue::Number(number) => format!("{}n{number}", cursor.id),
        SortValue::Text(text) => format!("{}t{text}", cursor.id),
    };
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(text: &str, sort: SandboxSort) -> Option<Cursor> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    let plain = String::from_utf8(bytes?).ok()?;
    let id = plain.get(..36)?.parse().ok()?;
    let value = match (plain.get(36..37)?, sort.is_numeric()) {
        ("n", true) => SortValue::Number(plain[37..].parse().ok()?),
        ("t", false) if !plain.contains('\0') => SortValue::Text(plain[37..].to_owned()),
        _ => return None,
    };
    Some(Cursor { value, id })
}

#[cfg(test)]
mod tests {
    use paddock_types::SandboxId;

    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form_and_fits_its_order_only() {
        let id = SandboxId::random();
        let number = Cursor { value: SortValue::Number(-5), id };
        let name = Cursor { value: SortValue::Text("ü %".to_owned()), id };
        assert_eq!(decode(&encode(&number), SandboxSort::CreatedAt), Some(number.clone()));
        assert_eq!(decode(&encode(&name), SandboxSort::Name), Some(name));
        assert_eq!(decode(&encode(&number), SandboxSort::Name), None);
    }

    #[test]
    fn a_forged_cursor_is_none() {
        for text in ["", "x", "zz", "00", "ü", "6e", &"ff".repeat(40), &"+1".repeat(40), &"61".repeat(37)] {
            assert_eq!(decode(text, SandboxSort::CreatedAt), None, "{text}");
        }
    }
}
