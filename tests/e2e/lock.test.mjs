// `innkeeper.lock`: servers that run the components that were meant, and no others.

import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { component, run, startHost, writeConfig } from "./harness/index.mjs";

const PINNED = /^\[plugins\.echo\]\ndigest = "sha256:[0-9a-f]{64}"$/m;

test("`plugin lock` pins the components, and `run --locked` starts with these", async (t) => {
  const { file, lock } = configured(t);
  const locked = await ended(run(t, ["plugin", "lock", "--config", file]));
  assert.equal(locked.code, 0, locked.text);
  assert.match(locked.text, /wrote ".*innkeeper\.lock" with 1 component; `innkeeper run --locked` loads no other/);
  assert.match(readFileSync(lock, "utf8"), PINNED);
  assert.deepEqual(readdirSync(path.dirname(file)).sort(), ["echo.wasm", "innkeeper.lock", "innkeeper.toml"], "nothing else is left");

  const checked = await ended(run(t, ["config", "check", "--locked", "--config", file]));
  assert.equal(checked.code, 0, checked.text);
  const host = await startHost(t, { file, args: ["--locked"] });
  assert.equal(await host.stop(), 0);
});

test("a component that was changed is neither started nor accepted by the check, and both digests are named", async (t) => {
  const { file, lock, wasm } = configured(t);
  await ended(run(t, ["plugin", "lock", "--config", file]));
  const [pinned] = /sha256:[0-9a-f]{64}/.exec(readFileSync(lock, "utf8"));
  // A custom section: the component works as before.
  appendFileSync(wasm, Buffer.from([0, 2, 1, 0x61]));
  for (const args of [["run", "--locked", "--config", file], ["config", "check", "--locked", "--config", file]]) {
    const { code, text } = await ended(run(t, args));
    assert.equal(code, 2, text);
    const told = new RegExp(`innkeeper\\.toml:\\d+: plugins\\.echo\\.component: the component has the digest (sha256:[0-9a-f]{64}), and innkeeper\\.lock has ${pinned}; put that component back`);
    assert.notEqual(told.exec(text)?.[1] ?? pinned, pinned, text);
    assert.match(text, /^innkeeper: 1 problem in the configuration/m);
  }
  // Without the flag the lock file means nothing.
  assert.equal((await ended(run(t, ["config", "check", "--config", file]))).code, 0);
  // It was meant.
  assert.equal((await ended(run(t, ["plugin", "lock", "--config", file]))).code, 0);
  assert.equal((await ended(run(t, ["config", "check", "--locked", "--config", file]))).code, 0);
});

test("without a lock file, and with one that does not fit the configuration, `--locked` does not start", async (t) => {
  const { file, lock } = configured(t);
  const refused = async (told) => {
    const { code, text } = await ended(run(t, ["run", "--locked", "--config", file]));
    assert.equal(code, 2, text);
    assert.match(text, told);
  };
  await refused(/innkeeper\.lock: there is no lock file; `innkeeper plugin lock` writes it/);
  writeFileSync(lock, "");
  await refused(/innkeeper\.toml:\d+: plugins\.echo: the plugin is not in innkeeper\.lock; `innkeeper plugin lock` writes it anew/);
  writeFileSync(lock, `[plugins.echo]\ndigest = "sha256:${"0".repeat(64)}"\n[plugins.old]\ndigest = "sha256:${"0".repeat(64)}"\n`);
  await refused(/innkeeper\.lock: plugins\.old: the configuration has no such plugin/);
  writeFileSync(lock, "[plugins.echo]\ndigest = 5\n");
  await refused(/innkeeper\.lock:2: invalid type/);
  // No configuration, no lock.
  const cwd = mkdtempSync(path.join(tmpdir(), "innkeeper-empty-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const none = await ended(run(t, ["run", "--locked"], { cwd }));
  assert.equal(none.code, 2);
  assert.match(none.text, /--locked needs a configuration/);
});

test("`plugin lock` that cannot write leaves no file behind, and says which file it is", async (t) => {
  const { file, lock } = configured(t);
  const { code, text } = await ended(run(t, ["plugin", "lock", "--config", file], { fileKiB: "0" }));
  assert.equal(code, 1, text);
  assert.match(text, /innkeeper\.lock" cannot be written/);
  assert.ok(!existsSync(lock));
  assert.deepEqual(readdirSync(path.dirname(file)).sort(), ["echo.wasm", "innkeeper.toml"]);
});

/** A configuration with a component of its own, which a test may change. */
function configured(t) {
  const file = writeConfig(t, `[server]\nport = 0\n[internal]\nport = 0\n[plugins.echo]\ncomponent = "echo.wasm"\n`);
  const [folder, wasm] = [path.dirname(file), path.join(path.dirname(file), "echo.wasm")];
  copyFileSync(component("echo"), wasm);
  return { file, wasm, lock: path.join(folder, "innkeeper.lock") };
}

async function ended(program) {
  const code = await program.exit(60_000);
  return { code, text: program.text };
}
