// Loading is bounded: components and registrations that no toolchain and no author makes are refused by name, and cost little.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, component, configuration, connect, run, startHost, writeConfig } from "./harness/index.mjs";
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

/** A configuration with a plugin `guest` of these bytes. */
function hosting(t, bytes, options = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-component-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "guest.wasm");
  writeFileSync(file, bytes);
  return writeConfig(t, configuration({ plugins: { guest: { component: file } }, ...options }));
}
