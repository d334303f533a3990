// What the sockets of a plugin of the mode `shared` notice of a swap, and what its new instance knows of them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ask, eventually, next, open, record } from "./harness/index.mjs";
import { NEUTRAL } from "./harness/unruly.mjs";
import { admin, change, compiled, show, startSwapped, stopped, swap, trySwap, version, welcome } from "./harness/swap.mjs";
import { welcomed } from "./harness/swap-traffic.mjs";

const ALONE = { shared: {} };
const shared = (number, plan) => version("shared", number, plan);

test("a new generation meets each socket once, muted, before anything else about it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [client, other] = [await welcome(host), await welcome(host)];
  const side = await welcome(host, "/side");
  const heard = [client, other, side].map((one) => record(one, "welcome"));

  await swap(host, "shared", shared(2));

  // It would be a stranger without its `connection`.
  const works = await Promise.all([1, 2, 3].map((number) => client.timeout(10_000).emitWithAck("shared:work", number, Buffer.from([1]), [])));
  assert.deepEqual(works, [1, 2, 3]);
  const { memory, kinds } = await ask(client, "shared:memory");
  assert.deepEqual(kinds, ["resumed"]);
  assert.deepEqual(Object.keys(memory.met), [client.id], "the others have not been met yet");
  assert.deepEqual((await ask(side, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard.flat(), []);
  assert.equal(await ask(client, "shared:data").then(([by]) => by), 2);
  const [, by, kind, connections] = await next(open(host), "welcome");
  assert.deepEqual([by, kind, connections], [2, "new", 4], "what `connection` counts was counted once for each");
});

test("the end of a socket can be the first that the new generation hears of it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [watcher, leaver] = [await welcome(host), await welcome(host)];
  await ask(watcher, "shared:join", "watchers");
  const { id } = leaver;
  const left = next(watcher, "left");

  await swap(host, "shared", shared(2));
  leaver.close();

  assert.deepEqual(await left, ["shared", 2, id]);
});

test("what the old instance does by itself ends with it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  const ticks = record(client, "tick");
  await ask(client, "shared:join", "watchers");
  await ask(client, "shared:interval");
  await eventually("the old one ticks", () => ticks.length > 3);

  await swap(host, "shared", shared(2));

  await ask(client, "shared:version");
  const before = ticks.length;
  const beats = record(client, "beat");
  await eventually("the plugin's own timer goes on", () => beats.length > 10);
  assert.equal(ticks.length, before);
  assert.ok(beats.every(([, name, by]) => name === "shared" && by === 2), JSON.stringify(beats));
});

test("the old instance does nothing more once it has handed its state over", async (t) => {
  const host = await startSwapped(t, { shared: { run_ms: 5_000 } });
  const client = await welcome(host);
  const ticks = record(client, "tick");
  await ask(client, "shared:interval");
  await eventually("the old one ticks", () => ticks.length > 3);

  await swap(host, "shared", shared(2, { restore: "slow" }));

  const { memory } = await ask(client, "shared:memory");
  assert.equal(memory.ticks, ticks.at(-1)[2], "what was counted last is what was handed over");
});

test("a generation that serves again after a rollback begins without the state of the one that failed", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  await ask(client, "shared:hit");
  await swap(host, "shared", shared(2));
  assert.deepEqual(await ask(client, "shared:hit"), [2, 2]);

  await change(host, "shared", "rollback");

  assert.deepEqual(await ask(client, "shared:hit"), [1, 1]);
  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
});

test("with the option `rollback-state=keep` a rollback takes the state along", async (t) => {
  const host = await startSwapped(t, { shared: { plan: { keep: true } } });
  const client = await welcome(host);
  await ask(client, "shared:hit");
  await swap(host, "shared", shared(2));
  assert.deepEqual(await ask(client, "shared:hit"), [2, 2]);

  await change(host, "shared", "rollback");

  assert.deepEqual(await ask(client, "shared:hit"), [1, 3]);
  assert.equal((await ask(client, "shared:memory")).memory.restored_from, 2);
});

test("a timer that the old generation set runs in the new one", async (t) => {
  const host = await startSwapped(t, ALONE);
  await compiled(host, "shared", shared(2), shared(1));
  const client = await welcome(host);
  await ask(client, "shared:timer", 7, 1_500);

  await swap(host, "shared", shared(2));

  assert.deepEqual(await next(client, "timed"), ["shared", 2, 7, 1]);
});

test("two swaps that are asked for at once happen one after the other", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  await ask(client, "shared:hit");

  const both = await Promise.all([swap(host, "shared", shared(2)), swap(host, "shared", shared(3))]);

  assert.deepEqual(both.map((view) => view.generation.number).toSorted(), [2, 3]);
  const [by, hits] = await ask(client, "shared:hit");
  assert.ok([2, 3].includes(by));
  assert.equal(hits, 2);
});

test("a plugin may change its mode", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  const heard = record(client, "welcome", "disconnect");
  await ask(client, "shared:data");

  assert.equal((await swap(host, "shared", version("pooled", 2))).generation.mode, "pooled");
  assert.deepEqual(await ask(client, "shared:data"), [2, 2]);
  assert.equal((await swap(host, "shared", shared(3))).generation.mode, "shared");
  assert.deepEqual(await ask(client, "shared:data"), [3, 3]);

  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard, []);
});

test("clients that come and go during swaps have one `connection` and one `disconnect` of each plugin", async (t) => {
  const host = await startSwapped(t);
  const watcher = open(host);
  await welcomed(watcher);
  await ask(watcher, "shared:join", "watchers");
  const left = record(watcher, "left");
  const versions = [1, 2, 3].map((number) => shared(number));
  await compiled(host, "shared", versions[1], versions[2], versions[0]);
  let isOver = false;
  let clients = 0;
  const comeAndGo = async () => {
    while (!isOver) {
      const client = open(host);
      clients += 1;
      const welcomes = record(client, "welcome", "error");
      await eventually("both plugins welcome it", () => welcomes.length >= 2);
      const { id } = client;
      if (clients % 2) await ask(client, "shared:version");
      assert.deepEqual(welcomes.map(([, name, , kind]) => [name, kind]).toSorted(), [["pooled", "new"], ["shared", "new"]]);
      client.close();
      await eventually("both plugins hear of its end", () => left.filter(([, , , of]) => of === id).length === 2);
    }
  };

  const coming = Promise.all(Array.from({ length: 5 }, comeAndGo));
  coming.catch(() => {});
  for (let index = 1; index <= 20; index++) await Promise.race([swap(host, "shared", versions[index % 3]), coming]);
  isOver = true;
  await coming;

  assert.equal(left.length, 2 * clients);
  t.diagnostic(`${clients} clients`);
});

test("a plugin that is unloaded answers nothing, and when it is loaded again it knows the sockets", async (t) => {
  const host = await startSwapped(t);
  const client = open(host);
  await welcomed(client);
  const heard = record(client, "welcome", "disconnect");
  const nap = ask(client, "shared:nap", 60_000);
  await ask(client, "shared:version");

  const unloaded = await change(host, "shared", "unload");

  assert.deepEqual([unloaded.status, unloaded.generation], ["unloaded", null]);
  assert.deepEqual(await nap, NEUTRAL);
  let answered = false;
  client.emit("shared:version", () => (answered = true));
  assert.deepEqual(await client.timeout(10_000).emitWithAck("pooled:late", "shared", 60_000, []), [["pooled", 1], ["pooled", 1]]);
  assert.equal(answered, false);
  assert.equal((await admin(host, "POST", "/plugins/shared/unload", {})).status, 409);
  assert.equal((await trySwap(host, "shared", shared(2))).status, 409);

  assert.equal((await change(host, "shared", "load")).generation.number, 2);
  assert.equal(await ask(client, "shared:version"), 1);
  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard, []);
});

test("a socket that ends while its call is open: the call ends on the old generation, and the new one hears of the end", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [watcher, client, other] = [await welcome(host), await welcome(host), await welcome(host)];
  await ask(watcher, "shared:join", "watchers");
  const left = record(watcher, "left");
  const { id } = client;
  const asked = next(client, "question");
  client.emit("shared:ask");
  await asked;
  const swapping = swap(host, "shared", shared(2));
  const waited = await stopped(other, swapping);

  client.close();

  // The question ends with the socket, and with it the call for which the plugin waits.
  assert.equal((await swapping).generation.number, 2);
  assert.equal(await waited(), 2);
  await eventually("its end is told", () => left.length > 0);
  assert.deepEqual(left, [["left", "shared", 2, id]]);
});

test("a client on two namespaces reads one order on each, whatever is swapped", async (t) => {
  const host = await startSwapped(t, ALONE);
  const versions = [1, 2, 3].map((number) => shared(number));
  await compiled(host, "shared", versions[1], versions[2], versions[0]);
  const main = await welcome(host);
  const side = main.io.socket("/side");
  await next(side, "welcome");
  const books = [main, side].map((socket) => record(socket, "worked"));
  let isOver = false;
  const sending = Promise.all(
    [main, side].map(async (socket) => {
      let number = 0;
      while (!isOver) {
        const burst = Array.from({ length: 5 }, () => socket.timeout(10_000).emitWithAck("shared:work", (number += 1), Buffer.from([number & 255]), []));
        await Promise.all(burst);
      }
      return number;
    }),
  );
  sending.catch(() => {});

  for (let index = 1; index <= 20; index++) await Promise.race([swap(host, "shared", versions[index % 3]), sending]);
  isOver = true;
  const sent = await sending;

  for (const [index, book] of books.entries()) {
    assert.deepEqual(book.map(([, , number]) => number), Array.from({ length: sent[index] }, (_, number) => number + 1));
  }
});

test("of thirty swaps that are asked for at once those that are taken happen one after the other", async (t) => {
  const host = await startSwapped(t);
  const components = [1, 2, 3].flatMap((number) => ["pooled", "shared"].map((mode) => [mode, version(mode, number)]));
  for (const [mode, bytes] of [...components.slice(2), ...components.slice(0, 2)]) await compiled(host, mode, bytes);
  const client = open(host);
  await welcomed(client);
  const heard = record(client, "welcome", "disconnect", "error");

  const asked = Array.from({ length: 30 }, (_, index) => components[index % components.length]).map(([mode, bytes]) => trySwap(host, mode, bytes));
  const answers = await Promise.all(asked);

  // UPLOADS_MAX: each of them takes its bytes until it has happened.
  const statuses = answers.map(({ status }) => status);
  assert.ok(statuses.every((status) => [200, 503].includes(status)), String(statuses));
  assert.ok(statuses.filter((status) => status === 200).length >= 4, String(statuses));
  for (const mode of ["pooled", "shared"]) {
    const { generation } = await show(host, mode);
    const answer = await ask(client, `${mode}:version`);
    assert.ok([1, 2, 3].includes(answer));
    const [, bytes] = components.find(([of, bytes]) => of === mode && createHash("sha256").update(bytes).digest("hex") === generation.digest);
    assert.ok(bytes.includes(`@@version:000${answer}`), "it is the version that the host shows");
  }
  assert.deepEqual(heard, []);
});

test("a `connection` that does not end in swap_grace fails as any call does, and the socket stays", async (t) => {
  const host = await startSwapped(t, { shared: { plan: { nap: 50_000 } } }, { generations: { swap_grace: "300ms" } });
  const client = await welcome(host);
  const heard = record(client, "error", "disconnect", "welcome");

  await swap(host, "shared", shared(2, { nap: 40_000 }));

  await eventually("the client hears of the failure", () => heard.length > 0);
  assert.deepEqual(heard, [["error", { code: "INTERNAL_ERROR", message: "internal error" }]]);
  // That the new one's `connection` waits holds up nothing.
  assert.equal(await ask(client, "shared:version"), 2);
  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  await swap(host, "shared", shared(3));
  assert.equal(await ask(client, "shared:version"), 3);
  assert.equal(heard.length, 1, JSON.stringify(heard));
});

test("with the option `resume=eager` a new generation meets all sockets by itself, each once", async (t) => {
  const host = await startSwapped(t, ALONE);
  const clients = await Promise.all(Array.from({ length: 30 }, (_, index) => welcome(host, index % 3 ? "/" : "/side")));
  const heard = clients.map((client) => record(client, "welcome", "disconnect", "error"));
  const met = async () => (await ask(clients[1], "shared:memory")).memory.met;

  for (let number = 2; number <= 4; number++) {
    await swap(host, "shared", shared(number, { eager: true }));
    await eventually("all are met", async () => Object.keys(await met()).length === clients.length);
    assert.deepEqual(await met(), Object.fromEntries(clients.map(({ id }) => [id, ["resumed"]]).toSorted()));
  }
  assert.deepEqual(heard.flat(), []);
});
