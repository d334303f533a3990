// The soak, for a few seconds: that it runs, and that nothing of its clients is left. Its memory is judged by longer runs alone.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { ROOT } from "./harness/index.mjs";

test("after clients of every kind nothing of them is left", () => {
  const soak = [path.join(ROOT, "tests/soak.mjs"), "--minutes", "0.1", "--clients", "40"];
  const { status, stdout, stderr } = spawnSync(process.execPath, soak, { encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /nothing was left behind/);
});
