//! One page of a list among very many sandboxes, against one read of one sandbox.
//!
//! The records are written into the server's store beside it, as copies of one stopped sandbox: no host could hold so
//! many, and a list reads records alone. Comes last, since they stay.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection as Database, OpenFlags};
use serde_json::{Value, json};

use super::figure::{Against, Row, Series, Table, Unit};
use super::wire::Connection;
use super::{Bench, interrupt, raw};

/// How many sandboxes are on record.
const RECORDS: u32 = 100_000;
/// How many are written in one transaction: the server writes too, and waits meanwhile.
const AT_A_TIME: u32 = 5_000;
/// One of so many has the label that few have.
const FEW: u32 = 1_000;
/// Reads of each kind, in turns.
const ROUNDS: usize = 300;
/// The most milliseconds that the slowest of a hundred pages may take.
const PROMISE: f64 = 50.0;

/// A page of a list.
struct Page {
    name: &'static str,
    path: String,
    is_promised: bool,
    /// The least rows that it has to have.
    least: usize,
    times: Series,
}

pub(super) fn measure(bench: &Bench<'_>, table: &mut Table) -> Result<()> {
    let mut api = bench.raw.api()?;
    let id = stopped(&mut api)?;
    fill(bench, &id)?;
    // Writing takes longer than a connection is kept without a request.
    let mut api = bench.raw.api()?;
    let point = format!("/api/sandbox/{id}");
    let mut reads = Series::default();
    let mut pages = pages(&mut api)?;
    for _ in 0..ROUNDS {
        interrupt::check()?;
        let begin = Instant::now();
        raw::success(api.send("GET", &point, b"")?)?;
        reads.push_time(begin.elapsed());
        for page in &mut pages {
            let begin = Instant::now();
            let body = api.send("GET", &page.path, b"")?;
            page.times.push_time(begin.elapsed());
            let rows = raw::success(body)?["items"].as_array().map_or(0, Vec::len);
            if rows < page.least {
                bail!("{}: {rows} rows", page.path);
            }
        }
    }
    let figure = format!("a page of {RECORDS}");
    table.add(Row::new(&figure, "one sandbox", Unit::Milliseconds, &reads));
    for page in &pages {
        let row = Row::new(&figure, page.name, Unit::Milliseconds, &page.times);
        let row = row.against(Against::Alone(page.times.quantile(0.99)));
        table.add(if page.is_promised { row.promised(PROMISE) } else { row });
    }
    raw::delete(&mut api, &[id])
}

/// A sandbox at rest.
fn stopped(api: &mut Connection) -> Result<String> {
    let id = raw::create(api)?;
    raw::success(api.send("POST", &format!("/api/sandbox/{id}/stop"), b"")?)?;
    let deadline = Instant::now() + raw::GONE_LIMIT;
    while raw::success(api.send("GET", &format!("/api/sandbox/{id}"), b"")?)?["state"] != "stopped" {
        if Instant::now() > deadline {
            bail!("a sandbox was not stopped in time");
        }
        interrupt::settle(raw::SETTLE)?;
    }
    Ok(id)
}

fn pages(api: &mut Connection) -> Result<Vec<Page>> {
    let by_label = |name: &str, value: &str| {
        let filter: String =
            json!({ name: value }).to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("/api/sandbox?labels={filter}")
    };
    // Half way through, 200 rows at a time.
    let mut path = "/api/sandbox?limit=200".to_owned();
    for _ in 0..RECORDS / 400 {
        interrupt::check()?;
        let page: Value = raw::success(api.send("GET", &path, b"")?)?;
        let cursor = page["nextCursor"].as_str().context("a list ended too soon")?;
        path = format!("/api/sandbox?limit=200&cursor={cursor}");
    }
    let few = (RECORDS / FEW) as usize;
    let page =
        |name, path, is_promised, least| Page { name, path, is_promised, least, times: Series::default() };
    Ok(vec![
        page("the first 100, p99", "/api/sandbox".to_owned(), true, 100),
        page("200 in the middle, p99", path, true, 200),
        page("a label of 1 in 1,000, p99", by_label("team", "7"), true, few),
        page("a label that all have, p99", by_label("all", "yes"), true, 100),
        page("first 100 by name, p99", "/api/sandbox?sort=name&order=asc".to_owned(), false, 100),
        page("numbered, with the count, p99", "/api/sandbox/paginated".to_owned(), false, 100),
        page("numbered, the last, p99", format!("/api/sandbox/paginated?page={}", RECORDS / 100), false, 100),
    ])
}

/// Writes copies of a sandbox into the store, each with a name, two labels, and times of its own.
fn fill(bench: &Bench<'_>, template: &str) -> Result<()> {
    let path = bench.server.data.join("front/store.db");
    let mut database = Database::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("could not open {}", path.display()))?;
    database.busy_timeout(std::time::Duration::from_secs(10))?;
    // Without those that are computed.
    let columns: Vec<String> = database
        .prepare("SELECT name FROM pragma_table_info('sandbox')")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let values: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "printf('%08x-0000-4000-8000-%012x', (n.i * 2654435761) % 4294967296, n.i)".to_owned(),
            "name" | "name_folded" | "live_name" => "'list-' || n.i".to_owned(),
            "labels" => format!("printf('{{\"team\":\"%d\",\"all\":\"yes\"}}', n.i % {FEW})"),
            "created_at" => "s.created_at - n.i * 500".to_owned(),
            "last_activity_at" => format!("s.last_activity_at - ((n.i * 7919) % {RECORDS}) * 500"),
            other => format!("s.{other}"),
        })
        .collect();
    let numbers = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)";
    let copy = format!(
        "{numbers} INSERT INTO sandbox ({}) SELECT {} FROM n, sandbox s WHERE s.id = ?3",
        columns.join(", "),
        values.join(", ")
    );
    let label = |name: &str, value: &str| {
        format!(
            "{numbers} INSERT INTO sandbox_label (sandbox_id, organization_id, name, value) \
             SELECT s.id, s.organization_id, '{name}', {value} FROM n JOIN sandbox s ON s.live_name = 'list-' || n.i \
             AND s.organization_id = (SELECT organization_id FROM sandbox WHERE id = ?3)"
        )
    };
    let labels = [label("team", &format!("CAST(n.i % {FEW} AS TEXT)")), label("all", "'yes'")];
    for first in (0..RECORDS).step_by(AT_A_TIME as usize) {
        interrupt::check()?;
        let transaction = database.transaction()?;
        for statement in std::iter::once(&copy).chain(&labels) {
            transaction.execute(statement, rusqlite::params![first, first + AT_A_TIME, template])?;
        }
        transaction.commit()?;
    }
    Ok(())
}
