// A plugin's component file that changes while the server runs.

import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, component, connect, startHost } from "./harness/index.mjs";

test("a component that is copied over another in parts takes over once it is whole, and clients stay connected", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-watch-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "mine.wasm");
  copyFileSync(component("echo"), file);
  const host = await startHost(t, { plugins: { mine: { component: file } } });
  const client = await connect(host);
  assert.equal(await ask(client, "anything", "here"), "here");

  const next = readFileSync(component("foyer"));
  const half = next.length >> 1;
  writeFileSync(file, next.subarray(0, half));
  const unusable = await host.waitForLog((line) => line.level === "WARN" && /no whole component/.test(line.message), "the log says what is there");
  assert.equal(unusable.plugin, "mine");
  assert.equal(await ask(client, "anything", "still"), "still");

  appendFileSync(file, next.subarray(half));
  const serves = await host.waitForLog((line) => line.message === "plugin serves" && line.plugin === "mine@2", "the new one serves");
  assert.equal(serves.by, "file");
  // As tools do that care.
  copyFileSync(component("echo"), `${file}.new`);
  renameSync(`${file}.new`, file);
  await host.waitForLog((line) => line.message === "plugin serves" && line.plugin === "mine@3", "the first one serves again");
  assert.equal(await ask(client, "anything", "again"), "again");
  assert.equal(client.connected, true);
  assert.deepEqual(host.logged("ERROR"), []);
});
