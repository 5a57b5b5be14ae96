//! What the dashboard asks for is what the library publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../dashboard.json");

/// By metric, and by label, the values that there are.
type Published = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn published() -> Published {
    let output = Command::new(env!("CARGO_BIN_EXE_conn_pool-prometheus")).arg("--once").output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let mut published = Published::new();
    for line in answer.lines().filter(|line| line.starts_with("conn_pool_")) {
        let (name, rest) = line.split_once('{').unwrap();
        let labels = published.entry(name.to_owned()).or_default();
        for (label, value) in matchers(rest.split_once('}').unwrap().0) {
            labels.entry(label).or_default().insert(value);
        }
    }
    assert!(!published.is_empty(), "{answer}");
    published
}

/// The labels and values of `a="b",c="d"`.
fn matchers(text: &str) -> Vec<(String, String)> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (label, value) = part.split_once('=').expect("a label and its value");
            (label.to_owned(), value.trim_matches('"').to_owned())
        })
        .collect()
}

/// All values of `key`, wherever they are.
fn strings_of<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == key => found.push(text),
            _ => strings_of(key, value, found),
        }),
        Value::Array(values) => values.iter().for_each(|value| strings_of(key, value, found)),
        _ => {}
    }
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// What is wrong with a query.
fn complaints(query: &str, published: &Published) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, _) in query.match_indices("conn_pool_") {
        let rest = &query[at..];
        let end = rest.find(|letter| !is_of_a_name(letter)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let Some(labels) = published.get(name) else {
            complaints.push(format!("nothing is published as {name}"));
            continue;
        };
        let asked = rest.strip_prefix('{').map_or("", |rest| rest.split_once('}').expect("an end of the labels").0);
        for (label, value) in matchers(asked) {
            match labels.get(&label) {
                None => complaints.push(format!("{name} has no label {label}")),
                Some(values) if value != "$pool" && !values.contains(&value) => {
                    complaints.push(format!("{name} has no {label}={value:?}"));
                }
                Some(_) => {}
            }
        }
    }
    let labels: BTreeSet<_> = published.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
    for grouping in query.split("by (").skip(1) {
        let asked = grouping.split_once(')').expect("an end of the grouping").0;
        let unknown = asked.split(',').map(str::trim).filter(|label| !labels.contains(label));
        complaints.extend(unknown.map(|label| format!("no metric has the label {label}")));
    }
    complaints
}

#[test]
fn every_name_and_label_of_the_dashboard_is_published() {
    let (dashboard, published) = (serde_json::from_str::<Value>(DASHBOARD).unwrap(), published());
    let mut queries = Vec::new();
    for key in ["expr", "definition", "query"] {
        strings_of(key, &dashboard, &mut queries);
    }
    assert!(queries.iter().filter(|query| query.contains("conn_pool_")).count() > 20, "{queries:?}");
    let complaints: Vec<_> = queries.iter().flat_map(|query| complaints(query, &published)).collect();
    assert_eq!(complaints, [""; 0]);
}

/// A figure that nobody sees might as well not be published.
#[test]
fn every_metric_is_on_the_dashboard() {
    let of_a_histogram = ["_bucket", "_sum", "_count"];
    let names = published().into_keys();
    let families: BTreeSet<_> = names
        .map(|name| of_a_histogram.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned())
        .collect();
    let missing: Vec<_> = families.iter().filter(|family| !DASHBOARD.contains(family.as_str())).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_query_for_what_is_not_published_is_found() {
    let published = published();
    let cases = [
        ("conn_pool_wait_seconds_bucket", "nothing is published as conn_pool_wait_seconds_bucket"),
        ("rate(conn_pool_connections{status=\"idle\"}[5m])", "conn_pool_connections has no label status"),
        ("conn_pool_connections{state=\"used\"}", "conn_pool_connections has no state=\"used\""),
        ("sum by (why) (conn_pool_discards_total)", "no metric has the label why"),
    ];
    for (query, complaint) in cases {
        assert_eq!(complaints(query, &published), [complaint]);
    }
}
