// Any value that crosses between the servers is what it is within Node's: random values, with Node's own server beside ours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startEmitter, startNode, startNodeServer } from "./harness/cluster.mjs";
import { connect, eventually, record } from "./harness/index.mjs";
import { startRedis } from "./harness/redis.mjs";

const VALUES = Number(process.env.CLUSTER_VALUES ?? 300);
const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1_000_000);

/** A generator of numbers below a bound (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const TEXTS = ["", "a", "é", "日本", "😀", "\u0000\u001f\"\\/\u2028", "x".repeat(31), "x".repeat(32), "é".repeat(200), "x".repeat(70_000), "\ud800", "😀".repeat(40)];
const NUMBERS = [0, -0, 1, -1, 31, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 60, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53), 0.1, -1.5, 1e-7, 1e-300, 5e-324, 1.7976931348623157e308 / 3.3];

/** A value of JSON, and with `more` of what notepack can carry besides. */
function value(next, depth, { binary, more }) {
  const kind = next(depth > 0 ? 12 : 8);
  switch (kind) {
    case 0: return null;
    case 1: return next(2) === 0;
    case 2: return NUMBERS[next(NUMBERS.length)];
    case 3: return next(1_000_000) * (next(2) ? 1 : -1);
    // A client may send a megabyte at once; and half of a surrogate pair becomes U+FFFD in msgpack, whoever writes it.
    case 4: return more ? TEXTS[next(TEXTS.length)] : TEXTS[next(TEXTS.length)].slice(0, 3_000).replace("\ud800", "half");
    case 5: return binary.left-- > 0 ? Buffer.from(Array.from({ length: next(5) === 0 ? 300 : next(20) }, () => next(256))) : "no binary";
    case 6: return more ? [undefined, NaN, Infinity, new Date(next(2_000_000_000) * 1_000 + next(1_000)), new Date(-next(1_000_000) * 1_000_007), new Date(NaN), new Date(8.64e15)][next(7)] : true;
    case 7: return next(10) === 0 ? { _placeholder: false, num: 1 } : "text";
    case 8: case 9: return Array.from({ length: [0, 1, 3, 15, 16, 40][next(6)] }, () => value(next, depth - 1 - next(2), { binary, more }));
    default: return Object.fromEntries(Array.from({ length: [0, 1, 4, 15, 16][next(5)] }, (_, index) => [`${TEXTS[next(7)]}${index}`, value(next, depth - 1 - next(2), { binary, more })]));
  }
}

test(`what an emitter sends arrives here as at Node's server (CLUSTER_SEED=${SEED})`, async (t) => {
  const redis = await startRedis(t);
  const [ours, node] = await Promise.all([startNode(t, redis), startNodeServer(t, redis)]);
  const { emitter } = await startEmitter(t, redis);
  const [here, there] = await Promise.all([connect(ours), connect(node)]);
  const seen = [here, there].map((client) => record(client, "value"));
  const next = random(SEED);
  for (let index = 0; index < VALUES; index += 1) {
    const binary = { left: next(3) === 0 ? 10 : 0 };
    emitter.emit("value", index, ...Array.from({ length: 1 + next(3) }, () => value(next, 4, { binary, more: true })));
  }
  for (const list of seen) await eventually("all arrive", () => list.length === VALUES, 30_000);
  for (let index = 0; index < VALUES; index += 1) assert.deepEqual(seen[0][index], seen[1][index], `value ${index} of CLUSTER_SEED=${SEED}`);
});

test(`what a client here sends arrives at Node's server as here (CLUSTER_SEED=${SEED})`, async (t) => {
  const redis = await startRedis(t);
  const [ours, node] = await Promise.all([startNode(t, redis), startNodeServer(t, redis)]);
  const [sender, here, there] = await Promise.all([connect(ours), connect(ours), connect(node)]);
  const seen = [here, there].map((client) => record(client, "binary"));
  const next = random(SEED + 1);
  for (let index = 0; index < VALUES; index += 1) {
    const binary = { left: next(3) === 0 ? 10 : 0 };
    sender.emit("binary", index, ...Array.from({ length: 1 + next(3) }, () => value(next, 4, { binary, more: false })));
  }
  for (const list of seen) await eventually("all arrive", () => list.length === VALUES, 30_000);
  for (let index = 0; index < VALUES; index += 1) assert.deepEqual(seen[1][index], seen[0][index], `value ${index} of CLUSTER_SEED=${SEED}`);
});
