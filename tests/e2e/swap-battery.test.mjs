// The way of a new generation into a running host under attack: storms of swaps, files that are not what they seem, components that never
// answer, disks that take nothing. Whatever happens, what served serves on, clients stay connected, and nothing is left behind.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { ask, component, connect, disconnected, eventually, limitHits, memory, record, request, tokenOf } from "./harness/index.mjs";
import { Components, put, startReloadable } from "./harness/reload.mjs";
import { admin, change, compiled, show, startSwapped, swap, trySwap, version, welcome } from "./harness/swap.mjs";

const MIB = 1 << 20;
const SWAPS = Number(process.env.SWAPS ?? 200);
/** So many versions take turns. */
const VERSIONS = 3;
const PLUGINS = ["pooled", "shared"];
/** What a client hears of that is wrong. */
const WRONG = ["disconnect", "error"];
const UNWATCHED = { generations: { watch: false } };

const versionsOf = (name) => Array.from({ length: VERSIONS }, (_, index) => version(name, index + 1));
const work = (client, name) => client.timeout(30_000).emitWithAck(`${name}:work`, 1, Buffer.from([1]), []);

/** Clients that ask both plugins one thing after the other until they are told to stop. */
class Asking {
  #isOver = false;
  answers = 0;

  static async begin(host, count = 10, plugins = PLUGINS) {
    const asking = new Asking();
    const clients = [];
    for (let index = 0; index < count; index++) clients.push(await connect(host, "/", { via: index % 2 ? "polling" : "websocket" }));
    asking.heard = clients.map((client) => record(client, ...WRONG));
    asking.ended = Promise.all(clients.map((client) => asking.#goOn(host, client, plugins)));
    asking.ended.catch(() => {});
    return asking;
  }

  async #goOn(host, client, plugins) {
    while (!this.#isOver) {
      for (const name of plugins) {
        const answer = await client.timeout(30_000).emitWithAck(`${name}:version`);
        assert.ok(Number.isInteger(answer), `${name} answers ${JSON.stringify(answer)}; ${JSON.stringify(host.logged("ERROR").slice(0, 3))}`);
        this.answers += 1;
      }
    }
  }

  /** Every event was answered, and nobody heard of anything else. */
  async end() {
    this.#isOver = true;
    await this.ended;
    assert.deepEqual(this.heard.flat(), []);
  }
}

test(`${SWAPS} swaps of two plugins as fast as they are taken, several at once, and rollbacks between them`, async (t) => {
  const host = await startSwapped(t, undefined, UNWATCHED);
  const versions = Object.fromEntries(PLUGINS.map((name) => [name, versionsOf(name)]));
  for (const name of PLUGINS) await compiled(host, name, ...versions[name].slice(1), versions[name][0]);
  const asking = await Asking.begin(host);
  const before = {};
  for (const name of PLUGINS) before[name] = (await show(host, name)).generation.number;
  const answers = { pooled: [], shared: [] };

  let asked = 0;
  const storm = async (worker) => {
    for (let index = asked++; index < SWAPS; index = asked++) {
      const name = PLUGINS[index % 2];
      const isRollback = index % 10 === worker;
      const { status, json } = await (isRollback
        ? admin(host, "POST", `/plugins/${name}/rollback`, {})
        : trySwap(host, name, versions[name][index % VERSIONS]));
      assert.ok([200, 409, 503].includes(status), JSON.stringify(json));
      if (status === 200) answers[name].push(json.generation.number);
    }
  };
  await Promise.all([0, 1, 2, 3].map(storm));

  await asking.end();
  for (const name of PLUGINS) {
    const { generation } = await show(host, name);
    assert.equal(generation.number, Math.max(...answers[name]));
    assert.ok(generation.number > before[name] + SWAPS / 8, `${name} was swapped: ${generation.number}`);
    assert.ok(Number.isInteger(await ask(await connect(host), `${name}:version`)));
  }
  t.diagnostic(`${asking.answers} events were answered, ${answers.pooled.length + answers.shared.length} of ${SWAPS} changes were made`);
  assert.deepEqual(host.logged("ERROR").slice(0, 3), []);
});

test("CHANGES_WAITING_MAX: more changes than may wait are refused, also those of clients that are gone, and those that wait are made", async (t) => {
  const host = await startSwapped(t, { pooled: { run_ms: 5_000 }, shared: {} }, UNWATCHED);
  const client = await connect(host);
  const hanging = trySwap(host, "pooled", version("pooled", 2, { register: "endless" }));
  await eventually("nothing more can wait", async () => {
    // A change goes on without whoever asked for it.
    await Promise.all(Array.from({ length: 20 }, () => abandoned(host, "/plugins/shared/pause")));
    return (await limitHits(host, "CHANGES_WAITING_MAX")) > 0;
  });
  const { status, json } = await admin(host, "POST", "/plugins/shared/pause", {});

  assert.equal(status, 503);
  assert.match(json.detail, /busy with other changes.*try again/);
  // The first of them may have come before the swap.
  assert.equal((await show(host, "shared")).name, "shared", "what serves can be looked at meanwhile");
  assert.deepEqual(await Promise.all(PLUGINS.map((name) => ask(client, `${name}:version`))), [1, 1]);
  assert.equal((await hanging).status, 422);
  await eventually("those that waited are made", async () => (await show(host, "shared")).status === "paused");
  assert.equal((await change(host, "shared", "resume")).status, "serving");
});

test("while a component never answers, the others serve, can be looked at, and are swapped after it", async (t) => {
  const host = await startSwapped(t, { pooled: { run_ms: 1_500 }, shared: { run_ms: 1_500 } }, UNWATCHED);
  const asking = await Asking.begin(host, 4);
  const hangs = {
    "the constructor": readFileSync(component("endless-start")),
    register: version("pooled", 2, { register: "endless" }),
  };
  for (const [where, bytes] of Object.entries(hangs)) {
    const hanging = trySwap(host, "pooled", bytes);
    const begun = Date.now();
    const next = trySwap(host, "shared", version("shared", 2));
    assert.equal((await show(host, "pooled")).generation.number, 1, "it can be looked at meanwhile");
    const { status, json } = await hanging;
    assert.equal(status, 422, where);
    assert.match(json.detail, /register.*run_ms/s, where);
    assert.equal((await next).status, 200, where);
    assert.ok(Date.now() - begun < 30_000, where);
  }
  t.diagnostic(`${asking.answers} events were answered meanwhile`);
  await asking.end();
  assert.equal(await ask(await connect(host), "pooled:version"), 1);
});

test("the watched file is a link, a folder, a pipe, a device, shrinks, grows, or cannot be read: what serves goes on", async (t) => {
  const host = await startSwapped(t, { pooled: {} }, { limits: { component_bytes_max: 4 * MIB } });
  const file = host.componentOf("pooled");
  const asking = await Asking.begin(host, 4, ["pooled"]);
  const client = await connect(host);
  const elsewhere = (name) => path.join(path.dirname(file), name);
  let number = 1;
  const again = async (what) => {
    rmSync(file, { recursive: true, force: true });
    put(file, version("pooled", ++number));
    await eventually(`a component takes over after ${what}`, async () => (await ask(client, "pooled:version")) === number, 20_000);
  };
  const told = async (what, make, sentence) => {
    const before = host.logs.length;
    rmSync(file, { recursive: true, force: true });
    make();
    const line = await eventually(`the log tells of ${what}`, () =>
      host.logs.slice(before).find(({ level, message, plugin }) => /WARN|ERROR/.test(level) && plugin === "pooled" && /component/.test(message)), 20_000);
    assert.match(line.message, sentence, what);
    assert.equal(await ask(client, "pooled:version"), number, what);
    await again(what);
  };

  await told("a folder", () => mkdirSync(file), /component file is no file|folder|directory/);
  await told("a pipe", () => spawnSync("mkfifo", [file]), /no file|pipe|regular/);
  await told("a device", () => symlinkSync("/dev/zero", file), /no file|device|regular/);
  await told("a link to nowhere", () => symlinkSync("/nowhere", file), /No such file|not there|missing/);
  await told("a link to itself", () => symlinkSync(file, file), /links|loop/);
  await told("an empty file", () => writeFileSync(file, ""), /no whole component|empty|component/);
  await told("a text", () => writeFileSync(file, "no component\n".repeat(1_000)), /component/);
  await told("a component of 5 MiB", () => writeFileSync(file, Buffer.concat([version("pooled", 99), Buffer.alloc(5 * MIB)])), /component_bytes_max/);
  await told("a file of a terabyte", () => (writeFileSync(file, "\0asm"), truncateSync(file, 2 ** 40)), /component_bytes_max/);
  await told("half a component", () => writeFileSync(file, version("pooled", 99).subarray(0, 150_000)), /no whole component/);
  await told("a component that refuses", () => put(file, version("pooled", 99, { register: "fail" })), /as planned/);

  // A link is followed, and what it leads to is watched as well as the link itself.
  put(elsewhere("one.wasm"), version("pooled", 50));
  put(elsewhere("two.wasm"), version("pooled", 51));
  rmSync(file);
  symlinkSync(elsewhere("one.wasm"), file);
  await eventually("what the link leads to serves", async () => (await ask(client, "pooled:version")) === 50, 20_000);
  symlinkSync(elsewhere("two.wasm"), elsewhere("link"));
  spawnSync("mv", ["-T", elsewhere("link"), file]);
  await eventually("the link leads elsewhere", async () => (await ask(client, "pooled:version")) === 51, 20_000);
  put(elsewhere("two.wasm"), version("pooled", 52));
  await eventually("what it leads to has changed", async () => (await ask(client, "pooled:version")) === 52, 20_000);

  // It shrinks and grows while it is read, and in the end it is whole.
  rmSync(file);
  const whole = version("pooled", 60);
  for (let round = 0; round < 200; round++) {
    writeFileSync(file, whole);
    truncateSync(file, (round * 7_919) % whole.length);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(await ask(client, "pooled:version"), 52);
  writeFileSync(file, whole);
  await eventually("it is whole", async () => (await ask(client, "pooled:version")) === 60, 20_000);
  await asking.end();
});

for (const [what, start, makeUnusable] of [
  ["the disk takes no more of a file", { fileKiB: "100" }, () => {}],
  ["the folder is read-only", { unprivileged: true }, (folder) => chmodSync(folder, 0o500)],
  ["others may write to the folder", {}, (folder) => chmodSync(folder, 0o777)],
]) {
  test(`generations cannot be kept because ${what}: the swap goes on, and the log says so`, async (t) => {
    const components = new Components(t);
    const folder = path.join(components.folder, "kept");
    mkdirSync(folder, { mode: 0o700 });
    const config = { plugins: components.tables({ pooled: {} }), store: { memory: ["swapped"] }, generations: { watch: false, folder } };
    makeUnusable(folder);
    const host = await startReloadable(t, config, start);
    const client = await connect(host);

    for (let number = 2; number <= 4; number++) {
      const { status, json } = await trySwap(host, "pooled", version("pooled", number));
      assert.equal(status, 200, JSON.stringify(json));
      assert.equal(await ask(client, "pooled:version"), number);
    }

    await host.waitForLog(({ level, message, plugin }) => level === "WARN" && plugin === "pooled" && /not kept/.test(message));
    // The one before is in memory still.
    await change(host, "pooled", "rollback");
    assert.equal(await ask(client, "pooled:version"), 3);
    const { status } = await admin(host, "POST", "/plugins/pooled/rollback", {});
    assert.equal(status, 409, "the one before that is not");
    assert.equal(client.connected, true);
    assert.deepEqual(host.logged("ERROR"), []);
    if (start.fileKiB) assert.deepEqual(readdirSync(path.join(folder, "components")), [], "no half of a file is left");
    assert.equal(await host.stop(), 0);
  });
}

test("swaps during the drain of SIGTERM: the host ends in order, and soon", async (t) => {
  const host = await startSwapped(t, undefined, { ...UNWATCHED, limits: { drain_deadline: "5s" } });
  const versions = Object.fromEntries(PLUGINS.map((name) => [name, versionsOf(name)]));
  for (const name of PLUGINS) await compiled(host, name, ...versions[name].slice(1), versions[name][0]);
  const clients = [await connect(host), await connect(host, "/", { via: "polling" })];
  const gone = clients.map(disconnected);
  for (const client of clients) for (const name of PLUGINS) client.emit(`${name}:nap`, 1_500);
  const begun = Date.now();
  let isOver = false;
  const swapping = PLUGINS.map(async (name) => {
    const statuses = new Set();
    for (let index = 1; !isOver; index++) {
      const { status } = await trySwap(host, name, versions[name][index % VERSIONS]).catch(() => ({ status: "no answer" }));
      statuses.add(status);
      if (status !== 200) return statuses;
    }
    return statuses;
  });
  await ask(await connect(host), "pooled:version");

  const code = await host.stop();

  isOver = true;
  assert.equal(code, 0);
  assert.ok(Date.now() - begun < 10_000, `it ended after ${Date.now() - begun} ms`);
  for (const reason of await Promise.all(gone)) assert.match(reason, /server disconnect|transport close|transport error/);
  await Promise.all(swapping);
  assert.deepEqual(host.logged("ERROR"), []);
});

test("after a hundred swaps nothing of the generations before is left: threads, handles, instances, timers, memory", async (t) => {
  const host = await startSwapped(t, undefined, UNWATCHED);
  const clients = [await welcome(host), await welcome(host)];
  const versions = Object.fromEntries(PLUGINS.map((name) => [name, versionsOf(name)]));
  const round = async (count) => {
    for (let index = 0; index < count; index++) {
      for (const name of PLUGINS) {
        await swap(host, name, versions[name][(index + 1) % VERSIONS]);
        for (const client of clients) assert.ok((await work(client, name)) === 1);
        await ask(clients[0], `${name}:timer`, 7, 60_000);
      }
    }
  };
  // Everything that is made once is made by then.
  await round(20);
  const before = await left(host);

  await round(100);

  const after = await eventually("what was is gone", async () => {
    const now = await left(host);
    const isSame = ["threads", "handles"].every((what) => now[what] <= before[what]) && now.instances <= before.instances + 2;
    return isSame && now;
  }, 20_000).catch(async () => left(host));
  t.diagnostic(`before: ${JSON.stringify(before)}, after: ${JSON.stringify(after)}`);
  assert.ok(after.threads <= before.threads + 1, "threads");
  assert.ok(after.handles <= before.handles, "handles");
  assert.ok(after.instances <= before.instances + 2, "instances");
  assert.equal(after.timers, before.timers, "timers: one of each name and socket");
  assert.ok(after.resident < 1.05 * before.resident + 16 * MIB, `memory: ${before.resident / MIB} MiB, ${after.resident / MIB} MiB`);
  assert.equal(after.generations, 2, "the page has the generations that serve");
  assert.ok(after.files <= before.files, "files");
  for (const client of clients) assert.equal(client.connected, true);
});

/** What a process has. */
async function left(host) {
  const { text } = await request(host, { base: host.internal, path: "/metrics" });
  const sum = (name) => [...text.matchAll(new RegExp(`^${name}\\{.*\\} ([\\d.]+)$`, "gm"))].reduce((all, [, value]) => all + Number(value), 0);
  const generations = new Set([...text.matchAll(/plugin="(\w+)",generation="(\d+)"/g)].map(([all]) => all));
  const kept = path.join(path.dirname(host.file), ".innkeeper", "generations");
  return {
    threads: readdirSync(`/proc/${host.pid}/task`).length,
    handles: readdirSync(`/proc/${host.pid}/fd`).length,
    instances: sum("innkeeper_instances"),
    timers: sum("innkeeper_timers"),
    generations: generations.size,
    files: readdirSync(kept, { recursive: true }).length,
    resident: memory(host.pid).resident,
  };
}

/** Asks for a change, and is gone when the request was sent. */
async function abandoned(host, path) {
  const headers = { authorization: `Bearer ${tokenOf(host)}` };
  const asking = http.request(host.internal + path, { method: "POST", headers, agent: false });
  asking.on("error", () => {}).end();
  await new Promise((resolve) => asking.on("close", resolve).on("finish", () => setTimeout(() => asking.destroy(), 100)));
}
