// What becomes of arguments between a client and the types of a handler: in any number, with bytes in them, and of odd JSON.

import assert from "node:assert/strict";
import test from "node:test";
import { RawSocket, ask, askAll, connect, next, record, startHost } from "./harness/index.mjs";

const BYTES = Buffer.from([1, 2, 255]);

test("bytes where a handler takes JSON are refused in words, and nothing is relayed in their place", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  const told = record(client, "told");
  await ask(client, "join", "room");

  for (const value of [BYTES, { deep: [{ bytes: BYTES }] }, Buffer.from("a text")]) {
    const { success, code, error } = await ask(client, "to", "room", value);
    assert.deepEqual([success, code], [false, "INVALID_ARGUMENT"]);
    assert.match(error, /^to: argument 2: binary data, expected any valid JSON value; .*`Binary`/);
  }
  const { code } = await ask(client, "join", Buffer.from("text"));
  assert.equal(code, "INVALID_ARGUMENT");

  client.emit("to", "room", { _placeholder: true, num: 0 });
  await ask(client, "rooms");
  assert.deepEqual(told, [["told", { _placeholder: true, num: 0 }]], "what looks like bytes and is none is data");
});

test("bytes in the ack of a client where a plugin reads JSON are an error too", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  client.on("question", (_, answer) => answer({ bytes: BYTES }));
  assert.deepEqual(await ask(client, "ask:me", "bytes", 5_000), { code: "INVALID_ARGUMENT" });
});

test("all arguments behind the first are relayed unread, bytes included", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  await ask(client, "join", "room");
  for (const rest of [[], [1], ["a", { b: [BYTES] }, null, Buffer.alloc(0)], [BYTES, BYTES]]) {
    const relayed = next(client, "relayed");
    client.emit("relay", "room", ...rest);
    assert.deepEqual(await relayed, [client.id, ...rest]);
  }
});

test("arguments come and go in any number, in events and acks", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  for (const rest of [[], [1], Array.from({ length: 40 }, (_, number) => ({ number }))]) {
    const back = next(client, "spread");
    assert.deepEqual(await askAll(client, "spread", "first", ...rest), rest.toReversed());
    assert.deepEqual(await back, ["first", ...rest]);
    assert.deepEqual(await askAll(client, "whole", ...rest, BYTES), ["whole", ...rest, BYTES]);
  }
});

test("a plugin reads all values of a client's ack", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  for (const values of [[], ["one"], ["one", { two: BYTES }, 3]]) {
    client.once("question", (_, answer) => answer(...values));
    assert.deepEqual(await askAll(client, "ask:all"), values);
  }
});

test("a number that a plugin hands on is the number that came, to the last digit", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  for (const number of [-1.25e300, 0.1 + 0.2, 5e-324, Number.MAX_VALUE, 1e21, 123456789.12345679, 2.2250738585072014e-308]) {
    assert.deepEqual(await askAll(client, "several", number, [-number]), [[-number], number, 3]);
  }
});

test("objects keep the order of their keys, as in JavaScript", async (t) => {
  const raw = await RawSocket.connect(await startHost(t, { plugins: ["behave"] }));
  raw.send('421["several",{"z":1,"a":{"y":1,"b":2},"m":3},1]');
  assert.equal(await raw.next((packet) => packet.startsWith("431"), "the ack"), '431[1,{"z":1,"a":{"y":1,"b":2},"m":3},3]');
});

test("half of a surrogate pair, a text cut in the middle of an emoji, reads as U+FFFD", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  assert.deepEqual(await askAll(client, "several", "🦀".slice(0, 1), { "🦀": ["\udc00🦀"] }), [{ "🦀": ["\ufffd🦀"] }, "\ufffd", 3]);
  // What is not read keeps it.
  const relayed = next(client, "relayed");
  client.emit("relay", client.id, "\ud83d");
  assert.deepEqual(await relayed, [client.id, "\ud83d"]);
});

test("what nests deeper than 127 levels is refused in words, where it is read", async (t) => {
  const client = await connect(await startHost(t, { plugins: ["behave"] }));
  const nested = (depth) => Array.from({ length: depth }).reduce((inner) => [inner], "core");
  assert.deepEqual(await askAll(client, "several", nested(127), 1), [1, nested(127), 3]);
  const { code, error } = await ask(client, "several", nested(128), 1);
  assert.deepEqual([code, error], ["INVALID_ARGUMENT", "several: argument 1: it nests deeper than 127 levels"]);
  const relayed = next(client, "relayed");
  client.emit("relay", client.id, nested(500));
  assert.deepEqual(await relayed, [client.id, nested(500)]);
});
