//! What an idle websocket connection holds and what a frame costs, by crate and by the way it is used.
//!
//! The program is both sides: it starts itself once per way as `serve WAY`, loads that from another CPU, and reads its memory
//! and CPU time from /proc. All but the websocket part is the same for all: one tokio thread, a task per connection, mimalloc,
//! an echo of text messages of 100 bytes. There is no HTTP upgrade; all start where that has ended.

mod client;
mod ways;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Name on the command line, and what the table says.
const WAYS: [(&str, &str); 4] = [
    ("tungstenite-default", "tungstenite, whole, default buffers"),
    ("tungstenite-small", "tungstenite, whole, buffers of 512 B"),
    ("fastwebsockets", "fastwebsockets, whole"),
    ("tungstenite-frames", "tungstenite, frame headers only, own buffers"),
];

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [_serve, way] = &words[..] {
        return ways::serve(way);
    }
    let (rounds, seconds) = if words.is_empty() { (3, 1.0) } else { (1, 0.3) };
    // Every way once a round, so that a busy minute of the machine hits all alike.
    let mut results = vec![Vec::new(); WAYS.len()];
    for round in 1..=rounds {
        for ((way, _), runs) in WAYS.iter().zip(&mut results) {
            eprintln!("round {round} of {rounds}: {way}");
            runs.push(client::measure(way, seconds)?);
        }
    }
    println!("| | idle, kB | µs a frame, 1 a write | 4 a write | 64 a write |\n|---|---|---|---|---|");
    for ((_, title), runs) in WAYS.iter().zip(&results) {
        let cells: Vec<String> = (0..4).map(|column| cell(runs, column)).collect();
        println!("| {title} | {} |", cells.join(" | "));
    }
    Ok(())
}

fn cell(runs: &[[f64; 4]], column: usize) -> String {
    let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
    values.sort_by(f64::total_cmp);
    let (low, middle, high) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("{middle:.2} ({low:.2}–{high:.2})")
}
