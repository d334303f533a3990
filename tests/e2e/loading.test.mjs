// Loading is bounded: components and registrations that no toolchain and no author makes are refused by name, and cost little.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, by, component, configuration, connect, eventually, run, startHost, writeConfig } from "./harness/index.mjs";
import { componentOf, moduleOf } from "./harness/wasm.mjs";

const NOP = 0x01;
const HOSTILE = {
  "with 30 memories": [() => componentOf([moduleOf({ memories: 1 })], 30), /plugins\.guest\.component: .* has 9 memories, and at most 8 are allowed/],
  "with 30 tables": [() => componentOf([moduleOf({ tables: 30 })]), /has 30 tables, and at most 8 are allowed/],
  "with 100 modules": [() => componentOf(Array(100).fill(moduleOf())), /has 65 core modules, and at most 64 are allowed/],
  "with 100,000 functions": [() => componentOf([moduleOf({ functions: Array(100_000).fill(Buffer.alloc(0)) })]), /has 100000 functions, and at most 60000/],
  "with one function of 3 MiB": [() => componentOf([moduleOf({ functions: [Buffer.alloc(3 << 20, NOP)] })]), /has a function of 3145730 bytes.*split the function/],
  "of 65 MiB": [() => Buffer.concat([readFileSync(component("echo")), Buffer.alloc(65 << 20)]), /has more than 67108864 bytes \(component_bytes_max in \[limits\]\)/],
  "cut in the middle": [() => readFileSync(component("echo")).subarray(0, 60_000), /is not a valid component/],
};

for (const [what, [make, told]] of Object.entries(HOSTILE)) {
  test(`a component ${what} is refused before it is compiled`, async (t) => {
    const host = run(t, ["run", "--config", hosting(t, make())]);
    assert.equal(await host.exit(), 2);
    assert.match(host.text, told);
  });
}

test("component_bytes_max counts the bytes of the file", async (t) => {
  const bytes = readFileSync(component("echo"));
  const limits = { component_bytes_max: bytes.length };
  const host = await startHost(t, { plugins: ["echo"], limits });
  assert.equal(await ask(await connect(host), "still", "here"), "here");

  const refused = run(t, ["config", "check", "--config", hosting(t, Buffer.concat([bytes, Buffer.from([0, 1, 0])]), { limits })]);
  assert.equal(await refused.exit(), 2);
  assert.match(refused.text, new RegExp(`has more than ${bytes.length} bytes`));
});

test("a registration has at most 10,000 names with 1 MiB, and one that is as large as that loads", async (t) => {
  const LONG = { run_ms: 20_000, call_ms: 20_000 };
  for (const [config, told] of [
    [{ events: 10_001, bytes: 10 }, /its registration says 100\d\d names .*, and at most 10000 are allowed/],
    [{ events: 1_100, bytes: 1_000 }, /its registration says names of 1100\d\d\d bytes together, and at most 1048576 are allowed/],
  ]) {
    const host = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: { sprawl: { ...LONG, config } } }))]);
    assert.equal(await host.exit(60_000), 2);
    assert.match(host.text, told);
  }
  const host = await startHost(t, { plugins: { sprawl: { ...LONG, config: { events: 9_900, bytes: 100 } } } });
  assert.equal(await ask(await connect(host), "ready"), true);
});

/** Takes a compiler many seconds and much memory: instructions without an end in sight, none of which has an effect. */
const slow = () => componentOf([moduleOf({ functions: Array(36).fill(Buffer.alloc(1_500_000, Buffer.from([0x41, 0, 0x1a]))) })]);

for (const [limits, told] of [
  [{ compile_time_max: "1s" }, /guest\.wasm takes longer than 1s to compile \(compile_time_max in \[limits\]\)/],
  [{ compile_memory_bytes_max: "64MiB" }, /guest\.wasm takes more than 67108864 bytes of memory to compile \(compile_memory_bytes_max in \[limits\]\)/],
]) {
  test(`a component that takes too much to compile is refused: ${Object.keys(limits)}`, async (t) => {
    const host = run(t, ["run", "--config", hosting(t, slow(), { limits, wasm: { cache: false } })]);
    assert.equal(await host.exit(60_000), 2);
    assert.match(host.text, told);
  });
}

for (const [signal, code] of [["SIGTERM", 0], ["SIGKILL", "SIGKILL"]]) {
  test(`${signal} while a component is compiled ends the server at once, and the child with it`, async (t) => {
    const host = run(t, ["run", "--config", hosting(t, slow(), { wasm: { cache: false } })]);
    await host.waitForLog(by("compiling"), "it compiles", 30_000);
    const child = await eventually("there is a child", () => childOf(host.pid));
    assert.doesNotMatch(readFileSync(`/proc/${child}/environ`, "utf8"), /PATH|HOME|SECRET/, "it inherits nothing");
    assert.equal(await host.stop(signal), code);
    await eventually("the child is gone", () => !existsSync(`/proc/${child}/status`) || /State:\s+Z/.test(readFileSync(`/proc/${child}/status`, "utf8")));
  });
}

test("a component is compiled once, also inside of the server, which the log then says", async (t) => {
  const cache = mkdtempSync(path.join(tmpdir(), "innkeeper-artefacts-"));
  t.after(() => rmSync(cache, { recursive: true, force: true }));
  for (const [compile, compiled, warned] of [["inside", 1, 1], ["inside", 0, 1], ["child", 0, 0]]) {
    const host = await startHost(t, { plugins: ["echo"], wasm: { cache, compile } });
    assert.equal(await ask(await connect(host), "still", "here"), "here");
    assert.equal(host.logged(by("compiling")).length, compiled);
    assert.equal(host.logged((line) => line.level === "WARN" && /compiled inside of the server/.test(line.message)).length, warned);
    await host.stop();
  }
  assert.equal(statSync(path.join(cache, "artefacts")).mode & 0o777, 0o700);
});

test("a plugin that is not required and does not load is an error in the log, and the others serve", async (t) => {
  const plugins = {
    broken: { component: broken(t), required: false, namespaces: ["/", "/chat"] },
    echo: { namespaces: ["/"] },
    keeper: { required: false, namespaces: ["/keeper"] },
  };
  const file = writeConfig(t, configuration({ plugins }));
  const host = await startHost(t, { file });
  assert.equal(await ask(await connect(host), "still", "here"), "here");
  const errors = host.logged("ERROR").map(({ plugin, message }) => `${plugin}: ${message}`);
  assert.match(errors.join("\n"), /broken: the plugin is not loaded, and the server starts without it \(required = false\): .*is not WebAssembly/);
  assert.match(errors.join("\n"), /keeper: .*grants = \["store"\]/);
  await assert.rejects(connect(host, "/keeper"), /Invalid namespace/);

  const check = run(t, ["config", "check", "--config", file]);
  assert.equal(await check.exit(), 2);
  assert.match(check.text, /plugins\.broken\.component: .*is not WebAssembly/);
});

/** A file that is no component. */
function broken(t) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-component-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "broken.wasm");
  writeFileSync(file, "#!/bin/sh\n");
  return file;
}

/** The one child of a process, when it has become the compiler. */
function childOf(pid) {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [child] = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ");
    if (child && readFileSync(`/proc/${child}/cmdline`, "utf8").includes("compile-component")) return child;
  }
}

/** A configuration with a plugin `guest` of these bytes. */
function hosting(t, bytes, options = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-component-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "guest.wasm");
  writeFileSync(file, bytes);
  return writeConfig(t, configuration({ plugins: { guest: { component: file } }, ...options }));
}
