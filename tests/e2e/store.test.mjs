// The store: each operation through a plugin, grants, what survives the end of the host, and files that are no store.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ask, configuration, connect, eventually, next, record, run, startHost, writeConfig } from "./harness/index.mjs";

const GRANTED = { keeper: { grants: ["store"] } };

test("every operation answers as the contract says", async (t) => {
  const host = await startHost(t, { plugins: GRANTED });
  const client = await connect(host);
  const says = async (expected, ...args) => assert.deepEqual(await ask(client, ...args), { ok: expected }, args.join(" "));

  await says(null, "get", "users", "1");
  await says(null, "set", "users", "1", { name: "Ann" });
  await says({ name: "Ann" }, "get", "users", "1");
  await says(null, "get", "others", "1");
  await says(false, "swap", "users", "1", { name: "Bob" }, { name: "Eve" });
  await says(true, "swap", "users", "1", { name: "Ann" }, { name: "Eve" });
  await says(false, "swap", "users", "1", null, { name: "Bob" });
  await says(true, "swap", "users", "2", null, "new");
  await says(true, "swap", "users", "2", "new", null);
  await says(false, "delete", "users", "2");
  await says(true, "delete", "users", "1");
  await says(3, "increment", "counts", "n", 3);
  await says(-1, "increment", "counts", "n", -4);
  await says(-1, "get", "counts", "n");
  await says([0, 255, 10], "bytes", "raw");
  for (const key of ["b/2", "a", "b/1", "b/10", "c"]) await says(null, "set", "list", key, key);
  await says([["b/1", "b/1"], ["b/10", "b/10"], ["b/2", "b/2"]], "scan", "list", "b/", null, 10);
  await says([["b/10", "b/10"]], "scan", "list", "b/", "b/1", 1);
});

test("what has expired is gone", async (t) => {
  const host = await startHost(t, { plugins: GRANTED });
  const client = await connect(host);

  assert.deepEqual(await ask(client, "set-for", "codes", "short", 1, 50), { ok: null });
  assert.deepEqual(await ask(client, "set-for", "codes", "long", 2, 60_000), { ok: null });
  await new Promise((resolve) => setTimeout(resolve, 60));

  assert.deepEqual(await ask(client, "scan", "codes", "", null, 10), { ok: [["long", 2]] });
});

test("what is too large, or no number, is refused", async (t) => {
  const host = await startHost(t, { plugins: GRANTED });
  const client = await connect(host);
  const code = async (...args) => (await ask(client, ...args)).code;

  assert.equal(await code("get", "x".repeat(65), "k"), "limit");
  assert.equal(await code("get", "b", "x".repeat(1_025)), "limit");
  assert.equal(await code("scan", "b", "", null, 1_001), "limit");
  await ask(client, "set", "b", "text", "one");
  assert.equal(await code("increment", "b", "text", 1), "invalid");
});

test("a question to the store sends what was recorded, and what it did stays when the handler fails", async (t) => {
  const host = await startHost(t, { plugins: GRANTED });
  const client = await connect(host);
  const heard = record(client, "after");
  const before = next(client, "before");

  assert.equal((await ask(client, "set-and-fail", "1")).success, false);

  await before;
  assert.deepEqual(await ask(client, "get", "users", "1"), { ok: "kept" });
  assert.deepEqual(heard, []);
});

test("without the grant the plugin is not loaded, and one that did not request it is denied", async (t) => {
  const refused = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: { keeper: {} } }))]);
  assert.equal(await refused.exit(), 2);
  assert.match(refused.text, /grants = \["store"\]/);

  const host = await startHost(t, { plugins: { keeper: { grants: ["store"], config: { asks: false } } } });
  const answer = await ask(await connect(host), "get", "users", "1");
  assert.equal(answer.code, "denied");
  assert.match(answer.message, /grants = \["store"\]/);
});

test("a narrowed grant reaches its buckets and no other", async (t) => {
  const host = await startHost(t, { plugins: { keeper: { grants: ["store:users", "store:messages"] } } });
  const client = await connect(host);

  assert.deepEqual(await ask(client, "set", "users", "1", 1), { ok: null });
  assert.deepEqual(await ask(client, "set", "messages", "1", 1), { ok: null });
  const answer = await ask(client, "set", "secrets", "1", 1);
  assert.equal(answer.code, "denied");
  assert.match(answer.message, /"store:secrets"/);
});

test("a bucket in memory answers like any other, needs no file, and is gone with the host", async (t) => {
  const config = { plugins: { keeper: { grants: ["store:presence"] } }, store: { memory: ["presence"], memory_bytes_max: "64KiB" } };
  const file = writeConfig(t, configuration(config));
  const start = () => startHost(t, { file });
  const host = await start();
  const client = await connect(host);
  const says = async (expected, ...args) => assert.deepEqual(await ask(client, ...args), { ok: expected }, args.join(" "));

  await says(null, "set", "presence", "ann", { tabs: 1 });
  await says(true, "swap", "presence", "ann", { tabs: 1 }, { tabs: 2 });
  await says(2, "increment", "presence", "n", 2);
  await says(null, "set-for", "presence", "typing", 1, 20);
  await eventually("it has expired", async () => (await ask(client, "get", "presence", "typing")).ok === null);
  await says([["ann", { tabs: 2 }], ["n", 2]], "scan", "presence", "", null, 10);
  const full = await ask(client, "set", "presence", "large", "x".repeat(70_000));
  assert.equal(full.code, "limit");
  assert.match(full.message, /at most 65536 bytes \(memory_bytes_max in \[store\]\)/);
  assert.equal((await ask(client, "get", "users", "1")).code, "denied");
  assert.equal(await host.stop(), 0);
  assert.ok(!existsSync(path.join(path.dirname(file), "innkeeper.redb")), "no file was made");

  assert.deepEqual(await ask(await connect(await start()), "get", "presence", "ann"), { ok: null });
  const list = run(t, ["store", "list", "presence", "--config", file]);
  assert.equal(await list.exit(), 1);
  assert.match(list.text, /the bucket "presence" is kept in memory \(memory in \[store\]\)/);
});

test("file, bucket and plugin have bounds of bytes, and what makes room passes", async (t) => {
  for (const [options, told] of [
    [{ store: { file_bytes_max: "64KiB" } }, /at most 65536 bytes \(file_bytes_max in \[store\]\)/],
    [{ store: { bucket_bytes_max: "64KiB" } }, /at most 65536 bytes \(bucket_bytes_max in \[store\]\)/],
    [{ plugins: { keeper: { grants: ["store:users"], store_bytes_max: "64KiB" } } }, /at most 65536 bytes \(store_bytes_max of the plugin\)/],
  ]) {
    const host = await startHost(t, { plugins: GRANTED, ...options });
    const client = await connect(host);
    assert.deepEqual(await ask(client, "set", "users", "1", "x".repeat(60_000)), { ok: null });
    const refused = await ask(client, "set", "users", "2", "x".repeat(10_000));
    assert.equal(refused.code, "limit");
    assert.match(refused.message, told);
    assert.deepEqual(await ask(client, "set", "users", "1", "x"), { ok: null });
    assert.deepEqual(await ask(client, "set", "users", "2", "x".repeat(10_000)), { ok: null });
    await host.stop();
  }
});

test("what was acknowledged as stored survives kill -9, fifty times", async (t) => {
  const store = { path: storeFile(t) };
  let stored = 0;
  for (let round = 0; round < 50; round++) {
    const host = await startHost(t, { plugins: GRANTED, store });
    const client = await connect(host);
    const found = (await ask(client, "increment", "rounds", "n", 0)).ok;
    assert.ok(found >= stored, `round ${round}: ${found} are there, ${stored} were acknowledged`);
    stored = found;
    // It is killed while more are under way.
    let killed = false;
    client.on("disconnect", () => (killed = true));
    const acked = new Promise((resolve) => {
      for (let i = 0; i < 20; i++) {
        client.emit("increment", "rounds", "n", 1, ({ ok }) => {
          stored = Math.max(stored, ok);
          if (i === round % 10) resolve();
        });
      }
    });
    await acked;
    assert.equal(await host.stop("SIGKILL"), "SIGKILL");
    assert.ok(killed || stored > found);
    client.close();
  }
});

test("a damaged file stops the start with its name and a remedy, and is left as it is", async (t) => {
  const file = storeFile(t);
  writeFileSync(file, "this was a store once");

  const host = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: GRANTED, store: { path: file } }))]);

  assert.equal(await host.exit(), 1);
  assert.match(host.text, /store\.redb.*damaged.*restore it from a copy/);
  assert.equal(readFileSync(file, "utf8"), "this was a store once");
});

test("what is wrong with the store that a plugin needs is reported once, with the plugin's name", async (t) => {
  const config = writeConfig(t, configuration({ plugins: GRANTED }));
  writeFileSync(path.join(path.dirname(config), "innkeeper.redb"), "this was a store once");

  const host = run(t, ["run", "--config", config]);

  assert.equal(await host.exit(), 1);
  assert.match(host.text, /plugin "keeper" needs the store: .*damaged/);
  assert.equal(host.text.split("restore it from a copy").length, 2, host.text);
});

test("operators read and change a store that no program has open, and a seed fills what is absent", async (t) => {
  const file = storeFile(t);
  const seed = path.join(path.dirname(file), "seed.json");
  writeFileSync(seed, JSON.stringify({ users: { 1: { name: "Ann" }, 2: "seeded" } }));
  const store = async (...args) => {
    const command = run(t, ["store", ...args, "--path", file]);
    return { code: await command.exit(), out: command.stdout, told: command.text };
  };

  assert.equal((await store("set", "users", "2", '"by hand"')).code, 0);
  const host = await startHost(t, { plugins: GRANTED, store: { path: file, seed } });
  assert.deepEqual(await ask(await connect(host), "get", "users", "1"), { ok: { name: "Ann" } });
  const running = new RegExp(`store\\.redb: the process ${host.pid} \\(innkeeper\\) has it open.*: stop the server, run this command, start the server again`);
  assert.match((await store("list", "users")).told, running);
  const second = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: GRANTED, store: { path: file } }))]);
  assert.notEqual(await second.exit(), 0);
  assert.match(second.text, new RegExp(`the process ${host.pid} \\(innkeeper\\) has it open; stop that first, or give each server a file of its own`));
  assert.equal(await host.stop(), 0);

  assert.equal((await store("list", "users")).out, '1\t{"name":"Ann"}\n2\t"by hand"\n');
  assert.equal((await store("delete", "users", "1")).code, 0);
  assert.equal((await store("get", "users", "1")).code, 1);
  assert.equal((await store("get", "users", "2")).out, '"by hand"\n');
  assert.match((await store("set", "users", "3", "{")).told, /not JSON/);
});

/** A path for a store, in a folder that ends with the test. */
function storeFile(t) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-store-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, "store.redb");
}

test("a full disk fails the write with a clear error, what was stored stays, and writing goes on when there is room", async (t) => {
  const file = storeFile(t);
  const start = (options) => startHost(t, { plugins: GRANTED, store: { path: file }, ...options });
  const small = await start({ fileKiB: 6 * 1024 });
  const client = await connect(small);
  const value = "x".repeat(200_000);
  let stored = 0;
  let failure;
  while (!failure && stored < 100) {
    const answer = await ask(client, "set", "b", `${stored}`, value);
    if ("ok" in answer) stored += 1;
    else failure = answer;
  }
  assert.ok(stored > 0, "some fit");
  assert.equal(failure.code, "unavailable", JSON.stringify(failure));
  await small.waitForLog((line) => JSON.stringify(line).includes(file), "the log names the file");
  const read = async (client) => {
    for (let key = 0; key < stored; key += 1) assert.deepEqual(await ask(client, "get", "b", `${key}`), { ok: value });
  };
  await read(client);
  await small.stop("SIGKILL");

  const roomy = await connect(await start());
  await read(roomy);
  assert.deepEqual(await ask(roomy, "set", "b", "more", value), { ok: null });
});
