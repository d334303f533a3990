// Both ways to a component: the target wasm32-wasip2 with its library, and wasm32-wasip1 with the standard library from sources.
// What the standard library does in a plugin is the same. A way that this machine does not have is skipped, loudly; without any
// the test fails.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT, WAYS, ask, connect, run, startHost } from "./harness/index.mjs";

/** The second way may install Debian's packages and compiles the standard library. */
const BUILD_MS = 20 * 60_000;
const possible = [];

test("without --install nothing is installed: the command is shown", async (t) => {
  const packages = ["/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "/usr/lib/wasm32-wasi/libc.a"];
  if (packages.every(existsSync)) return t.skip("the packages are installed already");
  // Cargo alone: no rustup that could add a target, no compiler that has its sources.
  const bin = folder(t);
  const cargo = process.env.PATH.split(":").map((place) => path.join(place, "cargo")).find((file) => existsSync(file));
  symlinkSync(cargo, path.join(bin, "cargo"));
  const env = { INNKEEPER_WASM_TARGET: "wasip1", PATH: bin };
  const build = run(t, ["build", path.join(ROOT, "plugins/echo")], { env, cwd: ROOT });
  assert.equal(await build.exit(60_000), 1);
  assert.match(build.text, /no Rust toolchain here makes components; run one of these and try again:\n.*apt-get install rustc-web .*wasi-libc.*--install/);
  assert.doesNotMatch(build.text, /installing|adding/);
});

for (const way of ["wasip2", "wasip1"]) {
  test(`in a plugin built with INNKEEPER_WASM_TARGET=${way} the standard library has clocks, random seeds and output`, async (t) => {
    const component = path.join(folder(t), "standard.wasm");
    const env = { INNKEEPER_WASM_TARGET: way };
    const build = run(t, ["build", "--install", path.join(ROOT, "tests/guests/standard"), "--output", component], { env, cwd: ROOT });
    const code = await build.exit(BUILD_MS);
    if (code !== 0 && build.text.includes("no Rust toolchain here makes components")) {
      console.log(`\n!!! the way "${way}" to a component is impossible on this machine, so it is NOT tested:\n${build.text}`);
      // Closed networks have one way only; the last test fails if a machine has none.
      return t.skip(`impossible here: ${way}`);
    }
    assert.equal(code, 0, build.text);
    // One instance only would not show that seeds differ between instances.
    const host = await startHost(t, { plugins: { one: { component }, two: { component, config: { namespace: "/two" } } } });
    for (const via of WAYS) {
      const client = await connect(host, "/", { via });
      const { off, advances } = await ask(client, "clocks");
      assert.ok(advances && off < 1_000, `${off} ms`);
      assert.equal(await ask(client, "print", "hello"), true);
      assert.deepEqual(await ask(client, "system"), { arguments: 0, variables: 0, file: false, connection: false });
      assert.notEqual(await ask(client, "hash"), await ask(await connect(host, "/two", { via }), "hash"));
    }
    for (const [level, message] of [["INFO", "out: hello"], ["WARN", "err: hello"]]) {
      await host.waitForLog((line) => line.level === level && line.message === message, `${message} is in the log`);
    }
    possible.push(way);
  });
}

test("at least one of the ways is possible here", () => {
  assert.notDeepEqual(possible, []);
  console.log(`ways to a component that were tested here: ${possible.join(", ")}`);
});

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
