// `innkeeper dev`: what is saved takes over while clients stay connected.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT, TARGET, ask, connect, eventually, run } from "./harness/index.mjs";

/** The first build compiles what the plugin depends on, and where there is no ready-made one the standard library. */
const FIRST_BUILD_MS = 20 * 60_000;
const BUILD_MS = 120_000;

const source = (answer) => `
use innkeeper_plugin::{Plugin, Reply, Result, Socket, export};

fn plugin() -> Plugin {
    Plugin::new().connection(welcome).on("ask", answer).on("fail", fail)
}

fn welcome(socket: &Socket) -> Result<()> {
    socket.set_data("visits", &1)
}

fn answer(socket: &Socket) -> Result<Reply<String>> {
    Ok(Reply(format!("${answer}, {}", socket.data::<i64>("visits")?.unwrap_or_default())))
}

fn fail(_: &Socket, index: usize) -> Result<Reply<u8>> {
    Ok(Reply(deeper_in_the_plugin(index)))
}

#[inline(never)]
fn deeper_in_the_plugin(index: usize) -> u8 {
    [1, 2, 3][index]
}

export!(plugin);
`;

for (const way of ["without a configuration", "with innkeeper.toml"]) {
  test(`a saved handler takes over while clients stay connected, and one that does not compile changes nothing (${way})`, async (t) => {
    const cwd = plugin(t, "under-way", source("one"));
    const lib = path.join(cwd, "under-way/src/lib.rs");
    if (way === "with innkeeper.toml") {
      const lines = ["[server]", "port = 0", "[internal]", "port = 0", "[plugins.mine]", `component = "${path.join(TARGET, "innkeeper/under-way.wasm")}"`];
      writeFileSync(path.join(cwd, "innkeeper.toml"), `${lines.join("\n")}\n`);
    }
    const host = run(t, ["dev", "under-way", "--port", "0"], { cwd, env: { CARGO_TARGET_DIR: TARGET } });
    await listening(host, /waiting for a change/);
    const client = await connect(host);
    const { id } = client;
    const disconnects = [];
    client.on("disconnect", (reason) => disconnects.push(reason));
    assert.equal(await ask(client, "ask"), "one, 1");

    writeFileSync(lib, source("two"));
    await eventually("the second answer", async () => (await ask(client, "ask")) === "two, 1", BUILD_MS);
    await eventually("how long it took", () => /innkeeper: under-way is new, \d+ kB: [\d.]+ s for cargo, \d+ ms to take over/.test(host.text));

    writeFileSync(lib, source("three").replace("Ok(Reply(format!", "Ok(Nonsense(format!"));
    await eventually("the compiler's message", () => /error(\[E\d+\])?:.*Nonsense/.test(host.text), BUILD_MS);
    await eventually("what happens now", () => host.text.includes("innkeeper: under-way serves on as it was before"));
    assert.equal(await ask(client, "ask"), "two, 1");

    // As many editors save: another file under its name.
    writeFileSync(`${lib}.new`, source("four"));
    renameSync(`${lib}.new`, lib);
    await eventually("the fourth answer", async () => (await ask(client, "ask")) === "four, 1", BUILD_MS);

    // What compiles, and does not register.
    writeFileSync(lib, source("five").replace("Plugin::new()", "None::<Plugin>.unwrap()"));
    await eventually("the refusal", () => host.text.includes("the host has refused the new under-way, and the log says why"), BUILD_MS);
    assert.equal(await ask(client, "ask"), "four, 1");

    assert.equal((await ask(client, "fail", 7)).code, "INTERNAL_ERROR");
    const failed = await host.waitForLog((line) => line.level === "ERROR" && /index out of bounds/.test(line.message ?? ""), "the failure is in the log").catch(() => undefined);
    const trace = await host.waitForLog((line) => /deeper_in_the_plugin/.test(line.message ?? line.text ?? ""), "the backtrace has the names of functions");
    assert.ok(failed || trace, host.text);
    assert.match(host.text, /src\/lib\.rs:\d+/, "the line is named");

    assert.deepEqual([client.connected, client.id, disconnects], [true, id, []]);
    assert.equal(await host.stop(), 0, "a signal ends it as it ends a server");
  });
}

test("a first build that fails is tried again when the sources have changed", async (t) => {
  const cwd = plugin(t, "begins-wrong", source("one").replace("export!(plugin);", ""));
  const host = run(t, ["dev", "begins-wrong", "--port", "0"], { cwd, env: { CARGO_TARGET_DIR: TARGET } });
  await eventually("what is missing", () => host.text.includes("innkeeper_plugin::export!(plugin);"), FIRST_BUILD_MS);
  await eventually("what is waited for", () => host.text.includes("the server starts when begins-wrong can be built; waiting for a change"));
  writeFileSync(path.join(cwd, "begins-wrong/src/lib.rs"), source("one"));
  await listening(host);
  assert.equal(await ask(await connect(host), "ask"), "one, 1");
});

test("a configuration without the plugin is refused with the lines to add, and a folder without one is named", async (t) => {
  const cwd = plugin(t, "not-named", source("one"));
  writeFileSync(path.join(cwd, "innkeeper.toml"), "[server]\nport = 0\n");
  const host = run(t, ["dev", "not-named"], { cwd, env: { CARGO_TARGET_DIR: TARGET } });
  assert.equal(await host.exit(FIRST_BUILD_MS), 1);
  assert.match(host.text, /innkeeper\.toml: no plugin has the component of not-named; add these lines and start again:\n\n?\[plugins\.not-named\]/);
  const nothing = run(t, ["dev"], { cwd });
  assert.equal(await nothing.exit(), 2);
  assert.match(nothing.text, /has no Cargo\.toml; give the plugin's folder/);
});

/** A package outside of the workspace, as a plugin author has one. */
function plugin(t, name, text) {
  const cwd = mkdtempSync(path.join(tmpdir(), "innkeeper-dev-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const folder = path.join(cwd, name);
  mkdirSync(path.join(folder, "src"), { recursive: true });
  const manifest = [
    `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"`,
    `[lib]\ncrate-type = ["cdylib", "rlib"]`,
    `[dependencies]\ninnkeeper-plugin = { path = "${path.join(ROOT, "plugin-sdk/rust")}" }\nserde = "1"\nserde_json = "1"\n`,
  ];
  writeFileSync(path.join(folder, "Cargo.toml"), manifest.join("\n\n"));
  copyFileSync(path.join(ROOT, "Cargo.lock"), path.join(folder, "Cargo.lock"));
  writeFileSync(path.join(folder, "src/lib.rs"), text);
  return cwd;
}

/** Waits until it listens; fails at once with a line that must not come. */
async function listening(host, never = /^(?!)/) {
  const line = await host.waitForLog((line) => line.message === "listening" || never.test(line.text), "the server listens", FIRST_BUILD_MS);
  assert.equal(line.message, "listening", host.text);
  host.address = line.address;
  host.url = `http://${line.address}`;
}
