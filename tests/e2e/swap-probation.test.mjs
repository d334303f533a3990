// A new generation is watched: what does worse than the one before is taken back by the host itself, and nothing else is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ask, connect, eventually } from "./harness/index.mjs";
import { admin, show, startSwapped, swap, trySwap, version } from "./harness/swap.mjs";

/** Clients, each of which sends an event every so many milliseconds: 100 in a second. */
const CLIENTS = 10;
const PACE_MS = 100;
/** How long a generation has to do well here until it is believed. */
const WATCHED_MS = 4_000;

/** Clients that work until they are told to stop. */
class Work {
  /** What each event was answered: a version, or the code of a failure. */
  answers = [];
  #isOver = false;

  static async begin(host, mode, clients = CLIENTS, pace = PACE_MS) {
    const work = new Work();
    const each = await Promise.all(Array.from({ length: clients }, () => connect(host)));
    work.ended = Promise.all(each.map((client, index) => work.#goOn(client, mode, pace, index * (pace / clients))));
    work.ended.catch(() => {});
    return work;
  }

  async #goOn(client, mode, pace, late) {
    await pause(late);
    for (let number = 1; !this.#isOver; number++) {
      const answer = await new Promise((resolve) => client.emit(`${mode}:work`, number, Buffer.from([1]), [], (...args) => resolve(args)));
      this.answers.push(answer[2]?.at(-1)?.[1] ?? answer[0].code);
      await pause(pace);
    }
    assert.equal(client.connected, true);
  }

  async end() {
    this.#isOver = true;
    await this.ended;
  }

  /** What was answered since the last such question. */
  async next(count) {
    this.answers.length = 0;
    await eventually("there are so many answers", () => this.answers.length >= count, 30_000);
  }
}

for (const mode of ["pooled", "shared"]) {
  test(`${mode}: a generation that traps on one event in five is taken back, and the log tells the story`, async (t) => {
    const host = await startSwapped(t, { [mode]: {} });
    const work = await Work.begin(host, mode);
    await work.next(200);

    await swap(host, mode, version(mode, 2, { trap: 5 }));
    const begun = performance.now();
    const line = await host.waitForLog(({ message }) => /takes over again/.test(message), "it is taken back");
    const took = performance.now() - begun;
    await eventually("the old one serves", async () => (await show(host, mode)).generation.number === 3);
    await work.next(50);
    await work.next(50);

    assert.deepEqual([...new Set(work.answers)], [1]);
    assert.equal(line.plugin, `${mode}@2`);
    t.diagnostic(`it took ${took.toFixed(0)} ms`);
    const view = await show(host, mode);
    assert.match(view.last_problem, new RegExp(`${mode}@2 was taken back`));
    assert.equal(view.status, "serving");
    const again = await trySwap(host, mode, version(mode, 2, { trap: 5 }));
    assert.equal(again.status, 409, "the same content is not taken again");
    assert.match(again.json.detail, /taken back.*again/);
    await work.end();
    const forced = await admin(host, "PUT", `/plugins/${mode}/component?again=true`, version(mode, 2, { trap: 5 }));
    assert.equal(forced.status, 200, "unless somebody says so");
    assert.equal(forced.json.generation.number, 4);
  });

  for (const [what, first, plan] of [
    ["traps as often as the one before", { trap: 5 }, { trap: 5 }],
    ["refuses half of what it gets", {}, { refuse: 2 }],
    ["does well", {}, {}],
  ]) {
    test(`${mode}: a generation that ${what} stays`, async (t) => {
      const host = await startSwapped(t, { [mode]: { plan: first } });
      const work = await Work.begin(host, mode);
      await work.next(300);

      await swap(host, mode, version(mode, 2, plan));
      const until = Date.now() + WATCHED_MS;
      await work.next(300);
      await eventually("it is watched for some time", () => Date.now() > until);

      const view = await show(host, mode);
      assert.deepEqual([view.generation.number, view.last_problem], [2, null]);
      assert.ok(work.answers.includes(2));
      await work.end();
    });
  }
}

test("a generation that computes ten times as long is taken back", async (t) => {
  const host = await startSwapped(t, { pooled: { call_ms: 30_000, run_ms: 20_000 } });
  const work = await Work.begin(host, "pooled", 4, 200);
  await work.next(60);

  await swap(host, "pooled", version("pooled", 2, { slow: 400 }));
  await host.waitForLog(({ message }) => /takes over again/.test(message), "it is taken back", 30_000);
  await eventually("the old one serves", async () => (await show(host, "pooled")).generation.number === 3);
  // What was on its way ends on its own generation.
  await work.next(20);
  await work.next(20);

  assert.deepEqual([...new Set(work.answers)], [1]);
  await work.end();
});

test("a generation that traps in each of three calls stays: that says nothing yet", async (t) => {
  const host = await startSwapped(t, { pooled: {} });
  const work = await Work.begin(host, "pooled", 1, 20);
  await work.next(100);
  await work.end();
  const client = await connect(host);
  await swap(host, "pooled", version("pooled", 2, { trap: 1 }));

  for (let call = 1; call <= 3; call++) {
    assert.equal((await client.timeout(10_000).emitWithAck("pooled:work", call, Buffer.from([1]), [])).code, "INTERNAL_ERROR");
    await pause(WATCHED_MS / 3);
  }

  assert.equal(await ask(client, "pooled:version"), 2);
  assert.equal((await show(host, "pooled")).generation.number, 2);
});
