//! The statements of lists of sandboxes. Values are always bound, never written into a statement.
//!
//! A page's ids are found first, in indexes as far as they go, and its rows are read then: a row may hold a megabyte
//! of variables, which must not be read to be skipped or sorted.
//!
//! Two ways lead to sandboxes with a label. What few have is looked up by the label and sorted; what many have is met
//! soon on a walk along the order's index. SQLite keeps no statistics to tell the two apart, so [`rarest_label`] looks.

use paddock_types::{OrganizationId, SandboxId, SandboxState, Timestamp};

use super::list::{Bounds, Cursor, Position, SandboxFilter, SandboxQuery, SandboxSort, SortValue, Spans};
use super::record::columns;
use crate::engine::Conn;
use crate::value::{Value, unsigned};
use crate::{Order, StoreError, constants};

/// As many sandboxes are few: to read and sort them costs about what a walk of a page costs past one in fifty.
const FEW: u32 = 2000;

constants! {
    COUNT_LABEL = "SELECT COUNT(*) FROM (SELECT 1 FROM sandbox_label WHERE organization_id = $1 AND name = $2 AND value = $3 LIMIT $4) AS found";
}

/// Which of the labels that a list filters by the fewest sandboxes have, if those are few.
pub(super) async fn rarest_label(conn: &mut Conn, query: &SandboxQuery) -> Result<Option<usize>, StoreError> {
    let mut rarest: Option<(u32, usize)> = None;
    for (place, (name, value)) in query.filter.labels.iter().enumerate() {
        let most = rarest.map_or(FEW, |(count, _)| count);
        let values = [
            Value::spelled(query.organization),
            name.as_str().into(),
            value.as_str().into(),
            (most + 1).into(),
        ];
        let mut row = conn.query_optional(COUNT_LABEL, &values).await?;
        let count: u32 = row.as_mut().map_or(Ok(0), |row| row.number("count"))?;
        if count <= most {
            rarest = Some((count, place));
        }
    }
    Ok(rarest.map(|(_, place)| place))
}

/// How many match.
pub(super) fn count_sql(matching: &Conditions) -> String {
    format!("SELECT COUNT(*) FROM {} WHERE {}", matching.from, matching.sql)
}

/// The statement of one page. One row more than asked for is fetched, to know whether there is a next page.
pub(super) fn page_sql(query: &SandboxQuery, mut matching: Conditions) -> (String, Vec<Value>) {
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
        "SELECT {} FROM sandbox WHERE id IN (SELECT id FROM {} WHERE {} ORDER BY {column} {direction}, id {direction} \
         LIMIT {limit} OFFSET {offset}) ORDER BY {column} {direction}, id {direction}",
        columns!(),
        matching.from,
        matching.sql
    );
    (sql, matching.values)
}

/// What is looked through, a WHERE clause, and the values that they name.
pub(super) struct Conditions {
    from: String,
    sql: String,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    /// The filter of a list. `rarest`: the place of the label by which to look sandboxes up.
    pub(super) fn of(query: &SandboxQuery, rarest: Option<usize>) -> Self {
        let filter = &query.filter;
        let mut all = Self {
            from: "sandbox".to_owned(),
            sql: "organization_id = $1 AND state <> 'destroyed'".to_owned(),
            values: vec![Value::spelled(query.organization)],
        };
        if !filter.include_errored_deleted {
            all.and("NOT (state IN ('error', 'build_failed') AND desired = 'destroyed')");
        }
        if !filter.include_warm {
            all.and("warm_pool_id IS NULL");
        }
        all.prefix("id", filter.id_prefix.as_deref());
        all.prefix("name_folded", filter.name_prefix.as_deref());
        all.part("id", filter.id_part.as_deref());
        all.part("name_folded", filter.name_part.as_deref());
        for (place, (name, value)) in filter.labels.iter().enumerate() {
            let (name, value) = (all.bind(name.as_str()), all.bind(value.as_str()));
            if rarest == Some(place) {
                // SQLite takes the sides of a CROSS JOIN in their order.
                all.from = format!(
                    "(SELECT sandbox_id FROM sandbox_label WHERE organization_id = $1 AND name = {name} AND value = {value}) \
                     AS labelled CROSS JOIN sandbox"
                );
                all.and("id = sandbox_id");
            } else {
                // An expression and no column, so that this stays a look at each sandbox.
                all.and(&format!(
                    "EXISTS (SELECT 1 FROM sandbox_label AS label WHERE label.sandbox_id = sandbox.id \
                     AND label.name = {name} AND label.value || '' = {value})"
                ));
            }
        }
        all.any_of("state", filter.states.iter().map(|state| Value::spelled(*state)));
        all.any_of("snapshot_name", filter.snapshots.iter().map(|name| name.as_str().into()));
        all.any_of("region", filter.regions.iter().map(|region| region.as_str().into()));
        all.between("cpu", filter.cpu);
        all.between("memory", filter.memory);
        all.between("disk", filter.disk);
        all.between("created_at", filter.created.into());
        all.between("last_activity_at", filter.last_activity.into());
        all.between("auto_destroy_at", filter.auto_destroy.into());
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
        include_warm: true,
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
        auto_destroy: Spans { after: Some(Timestamp(1)), before: Some(Timestamp(2)) },
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
                for rarest in [None, query.filter.labels.len().checked_sub(1)] {
                    let matching = Conditions::of(&query, rarest);
                    all.push(count_sql(&matching));
                    all.push(page_sql(&query, matching).0);
                }
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
