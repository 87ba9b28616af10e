//! The chart wrapper, with a stand-in for matplotlib that a test fills by hand.
//!
//! The stand-in (`tests/fake_matplotlib`) has matplotlib's shape as far as the wrapper touches it.
//! That real figures have this shape is shown by the conformance suite, inside real sandboxes.

use serde_json::{Value, json};

use crate::server::Server;

const IMPORTS: &str = "\
from matplotlib import pyplot as plt
from matplotlib.axes import Axes, Axis, DateFormatter, Line
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.patches import Bar, Wedge
";

fn run_whole(code: &str) -> Value {
    let server = Server::start();
    let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_matplotlib");
    let request = json!({
        "code": code, "language": "python", "argv": ["a b"],
        "envs": {"PYTHONPATH": stand_in, "PYTHONDONTWRITEBYTECODE": "1"},
    });
    server.client().post_json("/process/code-run", &request).ok(200)
}

fn run(code: &str) -> Value {
    run_whole(&format!("{IMPORTS}{code}"))
}

/// The one chart that `code` shows.
fn chart(code: &str) -> Value {
    let answer = run(&format!("{code}\nplt.show()"));
    assert_eq!(answer["exitCode"], 0, "{answer}");
    assert_eq!(answer["result"], "", "{answer}");
    let charts = answer["artifacts"]["charts"].as_array().unwrap();
    assert_eq!(charts.len(), 1, "{answer}");
    charts[0].clone()
}

fn elements(code: &str) -> Value {
    chart(code)["elements"].clone()
}

#[test]
fn a_line_has_its_points_and_the_grids_lines_are_none() {
    let chart = chart(
        "plt.add(Axes(title='T', lines=[Line('a', [(1, 2), (3, float('nan')), (4, 5.5)]), \
         Line('grid', [(0, 0)], of_data=False), Line('_child2', [(0, 0)])]))",
    );
    assert_eq!(
        chart,
        json!({
            "type": "line", "title": "T", "png": "cGl4ZWxz",
            "elements": [
                {"label": "a", "points": [[1.0, 2.0], [4.0, 5.5]]},
                {"label": "Line 2", "points": [[0.0, 0.0]]},
            ],
            "x_label": "ex", "y_label": "why", "x_ticks": [0.0, 0.5], "y_ticks": [0.0, 0.5],
            "x_tick_labels": ["0.0", "0.5"], "y_tick_labels": ["0.0", "0.5"],
            "x_scale": "linear", "y_scale": "linear",
        })
    );
}

#[test]
fn a_scatter_has_one_element_for_each_collection() {
    let elements = elements("plt.add(Axes(collections=[PathCollection('s', [(1, 2)]), object()]))");
    assert_eq!(elements, json!([{"label": "s", "points": [[1.0, 2.0]]}]));
}

#[test]
fn bars_have_text_values_and_the_labels_of_their_ticks() {
    let bars = "[Bar(-0.4, 0, 0.8, 3), Bar(0.6, 0, 0.8, 2.5), Bar(7, 0, 1, 1)]";
    let chart = chart(&format!(
        "plt.add(Axes(x=Axis([0.0, 1.0], ['one', 'two']), containers=[BarContainer('g', {bars}), object()]))"
    ));
    assert_eq!(chart["type"], "bar");
    assert_eq!(chart["x_scale"], "categorical");
    assert_eq!(
        chart["elements"],
        json!([
            {"label": "one", "group": "g", "value": "3"},
            {"label": "two", "group": "g", "value": "2.5"},
            {"label": "7.5", "group": "g", "value": "1"},
        ])
    );
}

#[test]
fn bars_that_lie_have_their_labels_swapped() {
    let chart = chart(
        "plt.add(Axes(y=Axis([0.0, 1.0], ['one', 'two']), \
         containers=[BarContainer('_nolegend_', [Bar(0, 0.6, 9, 0.8)], 'horizontal')]))",
    );
    assert_eq!(chart["elements"], json!([{"label": "two", "value": "9"}]));
    assert_eq!((&chart["x_label"], &chart["y_label"]), (&json!("why"), &json!("ex")));
}

#[test]
fn a_pie_has_angles_and_radii() {
    let elements =
        elements("plt.add(Axes(patches=[Wedge('a', 0, 90, 1), Wedge('_nolegend_', 90, 360, 1), object()]))");
    assert_eq!(
        elements,
        json!([{"label": "a", "angle": 90.0, "radius": 1.0}, {"label": "", "angle": 270.0, "radius": 1.0}])
    );
}

#[test]
fn boxes_have_their_five_numbers_whoever_drew_them() {
    let stats = "dict(med=3, q1=2, q3=4, whislo=1, whishi=float('inf'), fliers=[50, 60])";
    let chart = chart(&format!(
        "axes = Axes(y=Axis([1.0], ['tick']))\naxes.bxp([{stats}], orientation='horizontal')\nplt.add(axes)"
    ));
    assert_eq!(chart["type"], "box_and_whisker");
    assert_eq!(
        chart["elements"],
        json!([{
            "label": "tick", "min": 1.0, "first_quartile": 2.0, "median": 3.0, "third_quartile": 4.0,
            "outliers": [50.0, 60.0],
        }])
    );
    assert_eq!(chart["x_label"], "why");
}

#[test]
fn dates_leave_no_ticks_and_no_points() {
    let chart = chart(
        "plt.add(Axes(x=Axis([19723.0], ['2024-01-01'], DateFormatter), lines=[Line('a', [(19723.0, 1)])]))",
    );
    assert_eq!(chart["x_scale"], "datetime");
    assert!(chart.get("x_ticks").is_none(), "{chart}");
    assert_eq!(chart["x_tick_labels"], json!(["2024-01-01"]));
    assert_eq!(chart["elements"], json!([{"label": "a", "points": []}]));
}

#[test]
fn several_axes_are_a_composite_and_a_colour_bar_is_none() {
    let chart = chart("plt.add(Axes(title='A'), Axes(), Axes(label='<colorbar>'), title='whole')");
    assert_eq!((&chart["type"], &chart["title"]), (&json!("composite_chart"), &json!("whole")));
    let elements = chart["elements"].as_array().unwrap();
    assert_eq!(elements.len(), 2);
    assert_eq!((&elements[0]["type"], &elements[0]["title"]), (&json!("unknown"), &json!("A")));
}

#[test]
fn figures_come_in_order_once_each_and_leave_the_text_as_it_was() {
    let answer = run("\
print('before', end='')
plt.add(Axes(title='1'), pixels=b'1'); plt.add(Axes(title='2'), pixels=b'2'); plt.show()
print(' and', end='')
plt.add(Axes(title='again'), pixels=b'1'); plt.show(block=False)
plt.add(Axes(title='3'), pixels=b'3'); plt.show()
print(' after')
");
    assert_eq!(answer["result"], "before and after\n");
    let charts = answer["artifacts"]["charts"].as_array().unwrap();
    let titles: Vec<_> = charts.iter().map(|chart| chart["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["1", "2", "3"]);
}

#[test]
fn a_figure_that_cannot_be_drawn_does_not_end_the_program() {
    let answer = run("plt.add(Axes(), pixels=None); plt.show(); print('on')");
    assert_eq!(answer["exitCode"], 0);
    assert_eq!(answer["result"], "warning: a figure could not be shown: cannot be drawn\non\n");
    assert!(answer.get("artifacts").is_none());
}

#[test]
fn the_program_is_main_with_its_own_name_and_its_own_status() {
    let answer = run_whole(
        "import matplotlib, sys, pickle\nclass A: pass\nif __name__ == '__main__':\n    \
         print(__file__, sys.argv[1:], type(pickle.loads(pickle.dumps(A()))), repr(sys.stdin.read()))\n    sys.exit(5)",
    );
    assert_eq!(answer["exitCode"], 5);
    assert_eq!(answer["result"], "<target_code> ['a b'] <class '__main__.A'> ''\n");
}

#[test]
fn tracebacks_show_the_programs_frames_only() {
    let answer = run_whole("import matplotlib\ndef f():\n    raise ValueError('boom')\nf()");
    assert_eq!(answer["exitCode"], 1);
    let text = answer["result"].as_str().unwrap();
    assert!(
        text.starts_with("Traceback (most recent call last):\n  File \"<target_code>\", line 4, in <module>")
    );
    assert!(
        text.contains("File \"<target_code>\", line 3, in f") && text.ends_with("ValueError: boom\n"),
        "{text}"
    );
    assert!(!text.contains("<stdin>") && !text.contains("exec("), "{text}");

    let answer = run_whole("import matplotlib\nx = = 3");
    assert_eq!(answer["exitCode"], 1);
    let text = answer["result"].as_str().unwrap();
    assert!(text.trim_start().starts_with("File \"<target_code>\", line 2"), "{text}");
}

#[test]
fn a_missing_matplotlib_is_pythons_own_error() {
    let server = Server::start();
    // Without the site's packages there is none, whatever the machine has.
    let request = json!({"code": "import matplotlib.nothing", "envs": {"PYTHONPATH": "/no/such", "PYTHONNOUSERSITE": "1"}});
    let answer = server.client().post_json("/process/code-run", &request).ok(200);
    assert_eq!(answer["exitCode"], 1);
    assert!(answer["result"].as_str().unwrap().contains("ModuleNotFoundError: No module named 'matplotlib"));
}
