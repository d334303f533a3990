// `build.mjs` as a command: what it says when a plugin cannot be built.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const BUILD = fileURLToPath(new URL("../build.mjs", import.meta.url));

function folderOf(t, files) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-sdk-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

function build(...args) {
  const { status, stderr } = spawnSync(process.execPath, [BUILD, ...args], { encoding: "utf8" });
  return { status, stderr };
}

test("a folder becomes a component, and nothing is left beside it", (t) => {
  const folder = folderOf(t, { "package.json": '{"main":"chat.mjs"}', "chat.mjs": 'import { io } from "innkeeper-plugin"; io.use(async () => {});' });
  const out = path.join(folder, "out", "chat.wasm");

  assert.deepEqual(build(folder, "-o", out), { status: 0, stderr: "" });

  // The magic number, and the version and layer of a component.
  assert.deepEqual([...readFileSync(out).subarray(0, 8)], [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  assert.deepEqual(readdirSync(path.dirname(out)), ["chat.wasm"]);
});

const IMPOSSIBLE = {
  "no module": [{}, /^build\.mjs: there is no .*plugin\.mjs; name the plugin's module in `main` of its package\.json\n$/],
  "a syntax error": [{ "plugin.mjs": "const a = ;" }, /^build\.mjs: plugin\.mjs cannot be bundled:\n.*plugin\.mjs:1: Unexpected ";"\n$/],
  "an import that is not there": [{ "plugin.mjs": '\nimport "nowhere";' }, /plugin\.mjs:2: Could not resolve "nowhere"\n$/],
  "an `await` outside of functions": [{ "plugin.mjs": "await 1; export {};" }, /top-level await/],
};
for (const [what, [files, message]] of Object.entries(IMPOSSIBLE)) {
  test(`${what} is an error that names the place`, (t) => {
    const folder = folderOf(t, files);

    const { status, stderr } = build(folder, "-o", path.join(folder, "out.wasm"));

    assert.equal(status, 1);
    assert.match(stderr, message);
  });
}

test("without its arguments it says how it is called", () => {
  assert.deepEqual(build("folder"), { status: 1, stderr: "build.mjs: usage: node build.mjs FOLDER -o OUT.wasm\n" });
});
