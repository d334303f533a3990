// One version of a plugin after the other, under traffic: clients notice nothing but other answers.
//
// SWAP_CLIENTS=2000 SWAPS=100 is what a release has to pass.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { WAYS, ask, connect, connected, open } from "./harness/index.mjs";
import { Generations, compiled, show, startSwapped, swap, version } from "./harness/swap.mjs";
import { Traffic } from "./harness/swap-traffic.mjs";

const CLIENTS = Number(process.env.SWAP_CLIENTS ?? 100);
const SWAPS = Number(process.env.SWAPS ?? 20);
/** Steps of all clients in a second. */
const STEPS = Number(process.env.SWAP_STEPS ?? 200);
/** So many versions of each plugin take turns. */
const VERSIONS = 4;
/** How long a shared plugin may stop: 20 in a release, on a machine that has nothing else to do. */
const STOP_MS = Number(process.env.SWAP_STOP_MS ?? 500);
const PLUGINS = ["pooled", "shared"];

const isWrong = ({ level, message }) => level === "ERROR" || (level === "WARN" && !message.startsWith("this plugin computes for more"));

test(`${CLIENTS} clients with traffic, ${SWAPS} swaps of a pooled and a shared plugin in a chain: nothing is lost, doubled, late or older`, async (t) => {
  const tables = { pooled: { call_ms: 30_000 }, shared: { call_ms: 30_000, open_calls_max: 20_000, shared_instances: 2 } };
  // A machine that is busy otherwise is no reason for a call to fail.
  const host = await startSwapped(t, tables, { generations: { swap_grace: "20s" } });
  const versions = Object.fromEntries(PLUGINS.map((name) => [name, Array.from({ length: VERSIONS }, (_, index) => version(name, index + 1))]));
  for (const name of PLUGINS) await compiled(host, name, ...versions[name].slice(1), versions[name][0]);
  const begun = { pooled: 0, shared: 0 };
  const traffic = [];
  for (let first = 0; first < CLIENTS; first += 50) {
    const some = Array.from({ length: Math.min(50, CLIENTS - first) }, (_, index) => client(host, first + index, begun));
    traffic.push(...(await Promise.all(some)));
  }
  let isOver = false;

  const running = Promise.all(traffic.map((one) => one.run(() => isOver, (1_000 * CLIENTS) / STEPS)));
  running.catch(() => {});
  const took = { pooled: [], shared: [] };
  try {
    for (let index = 1; index <= SWAPS; index++) {
      for (const name of PLUGINS) {
        begun[name] = index;
        const before = performance.now();
        await Promise.race([swap(host, name, versions[name][index % VERSIONS]), running]);
        took[name].push(performance.now() - before);
        await pause(20);
      }
    }
  } catch (error) {
    for (const name of PLUGINS) t.diagnostic(`${name}: swaps took ${figures(took[name])} ms, events ${figures(traffic.flatMap((one) => one.took[name]))} ms`);
    t.diagnostic(`the log has: ${JSON.stringify(host.logged(isWrong).slice(0, 5))}`);
    throw error;
  } finally {
    isOver = true;
  }
  const steps = (await running).reduce((sum, one) => sum + one, 0);

  for (const name of PLUGINS) {
    const works = traffic.flatMap((one) => one.took[name]);
    t.diagnostic(`${name}: swaps took ${figures(took[name])} ms, events ${figures(works)} ms (least, median, p90, most)`);
  }
  t.diagnostic(`${steps} steps`);
  assert.ok(traffic.every((one) => one.welcomes === 2), "each plugin welcomed each client once");
  assert.deepEqual(host.logged(isWrong).slice(0, 5), []);
  for (const name of PLUGINS) assert.equal((await show(host, name)).generation.number, 1 + VERSIONS + SWAPS);
});

async function client(host, index, begun) {
  const socket = open(host, "/", { via: WAYS[index % WAYS.length] });
  const generations = Object.fromEntries(PLUGINS.map((name) => [name, new Generations(VERSIONS, () => begun[name], `${name}, client ${index}`)]));
  const traffic = new Traffic(socket, generations);
  await connected(socket);
  return traffic;
}

function figures(list) {
  const sorted = list.toSorted((one, other) => one - other);
  return [0, 0.5, 0.9, 1].map((part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(1)).join(" / ");
}

test("where no call is open, a shared plugin stops for a moment only", async (t) => {
  const host = await startSwapped(t, { shared: {} });
  const versions = [1, 2].map((number) => version("shared", number));
  await compiled(host, "shared", versions[1], versions[0]);
  const client = await connect(host);
  const took = [];
  let isOver = false;

  // One event after the other: the longest of them has met the stop.
  const asking = (async () => {
    while (!isOver) {
      const before = performance.now();
      await ask(client, "shared:version");
      took.push(performance.now() - before);
    }
  })();
  const [stops, others] = [[], []];
  const longest = () => took.splice(0).reduce((one, other) => Math.max(one, other), 0);
  for (let index = 1; index <= 20; index++) {
    await pause(50);
    others.push(longest());
    await swap(host, "shared", versions[index % 2]);
    // The event that met the swap has its answer.
    await ask(client, "shared:version");
    stops.push(longest());
  }
  isOver = true;
  await asking;

  t.diagnostic(`the longest event during each swap took ${figures(stops)} ms, in the 50 ms before ${figures(others)} ms`);
  assert.ok(stops.toSorted((one, other) => one - other)[10] < STOP_MS, `half of the swaps stop it for ${STOP_MS} ms`);
});
