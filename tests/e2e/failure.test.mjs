// A failure affects its own call alone: its writes are dropped, the client gets one answer in neutral words, and the next event
// works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawSocket, ask, connect, connected, next, open, record, refused, startHost } from "./harness/index.mjs";

const FAULTY = { plugins: { faulty: { run_ms: 100, call_ms: 600, memory_bytes_max: 8 << 20 } } };
/** Ways in which a plugin breaks, as opposed to saying no. `sleep` is one more; what it wrote has left before it breaks. */
const BREAKS = ["panic", "loop", "memory"];
/** Ways in which a plugin says no without words for the client: what the host refused, and the error of a library. */
const UNEXPECTED = ["host", "library"];
const NEUTRAL = { success: false, error: "internal error", code: "INTERNAL_ERROR" };
const NEUTRAL_EVENT = ["error", { message: "internal error", code: "INTERNAL_ERROR" }];
const AS_WRITTEN = { data: true, joined: true };
const UNTOUCHED = { data: false, joined: false };

test("an error of a handler is the ack if the client asked for one, its data beside it and never over it", async (t) => {
  const { client, heard } = await start(t);

  const answer = await ask(client, "fail", "error");

  assert.deepEqual(answer, { success: false, error: "no such seat", code: "NOT_FOUND", message: "mine", seat: 41 });
  assert.deepEqual(await ask(client, "fail", "words"), { success: false, error: "only words", code: "INTERNAL_ERROR" });
  assert.deepEqual(await ask(client, "fail", "list"), { success: false, error: "data is a list", code: "INTERNAL_ERROR" });
  assert.deepEqual(await ask(client, "state"), UNTOUCHED);
  assert.deepEqual(heard, []);
});

test("an error of a handler is the event `error` if the client asked for no ack", async (t) => {
  const { client, heard } = await start(t);

  client.emit("fail", "error");
  client.emit("fail", "words");

  assert.deepEqual(await ask(client, "state"), UNTOUCHED);
  assert.deepEqual(heard, [
    ["error", { code: "NOT_FOUND", message: "no such seat", success: true, error: "mine", seat: 41 }],
    ["error", { code: "INTERNAL_ERROR", message: "only words" }],
  ]);
});

test("arguments that do not fit are reported to the client as such", async (t) => {
  const { client } = await start(t);

  const answer = await ask(client, "fail", 5);

  assert.equal(answer.code, "INVALID_ARGUMENT");
  assert.match(answer.error, /^fail: argument 1: /);
});

for (const way of [...BREAKS, ...UNEXPECTED]) {
  test(`a handler that breaks (${way}) leaves nothing behind, is answered once, in neutral words, and the next event works`, async (t) => {
    const { client, heard } = await start(t);

    assert.deepEqual(await ask(client, "fail", way), NEUTRAL);
    assert.deepEqual(await ask(client, "state"), UNTOUCHED);
    assert.deepEqual(heard, []);
    client.emit("fail", way);
    assert.deepEqual(await ask(client, "state"), UNTOUCHED);
    assert.deepEqual(heard, [NEUTRAL_EVENT]);
    assert.equal(await ask(client, "fail", "not at all"), "well");
  });
}

test("a handler that waits longer than call_ms is ended; what was sent before it waited stays", async (t) => {
  const { client, heard } = await start(t);

  assert.deepEqual(await ask(client, "fail", "sleep"), NEUTRAL);

  assert.deepEqual(await ask(client, "state"), AS_WRITTEN);
  assert.deepEqual(heard, [["written"]]);
});

test("what was flushed before a failure stays, and what was written after it goes", async (t) => {
  for (const way of ["error", "panic"]) {
    const { client, heard } = await start(t);

    client.emit("fail-late", way);

    assert.deepEqual(await ask(client, "state"), UNTOUCHED);
    assert.deepEqual(
      heard.map(([name]) => name),
      ["kept", "error"],
    );
  }
});

test("an ack that a failed handler made is taken back: the failure is the one answer", async (t) => {
  const { client, heard } = await start(t);
  const acks = [];

  client.emit("fail-answered", "error", (...args) => acks.push(args[0].code));
  client.emit("fail-answered", "panic", (...args) => acks.push(args[0].code));

  await ask(client, "state");
  assert.deepEqual(acks, ["NOT_FOUND", "INTERNAL_ERROR"]);
  assert.deepEqual(heard, []);
});

test("after the answer to a failure, an ack that was kept counts no more", async (t) => {
  const { client } = await start(t);
  const acks = [];

  client.emit("fail-keeping", "panic", (...args) => acks.push(args));

  assert.equal(await ask(client, "answer-kept"), true);
  await ask(client, "state");
  assert.deepEqual(acks, [[NEUTRAL]]);
});

test("event middleware that rejects keeps its writes, and no handler runs", async (t) => {
  const { client, heard } = await start(t, "/guard");

  const answer = await ask(client, "guarded", "error");
  assert.deepEqual(answer, { success: false, error: "no such seat", code: "NOT_FOUND", message: "mine", seat: 41 });
  client.emit("guarded", "words");

  assert.deepEqual(await ask(client, "state"), AS_WRITTEN);
  assert.deepEqual(heard, [["written"], ["written"], ["error", { code: "INTERNAL_ERROR", message: "only words" }]]);
  assert.equal(await ask(client, "guarded", "not at all"), true);
});

for (const way of [...BREAKS, ...UNEXPECTED]) {
  test(`event middleware that breaks (${way}) lets nothing through and loses its writes`, async (t) => {
    const { client, heard } = await start(t, "/guard");

    assert.deepEqual(await ask(client, "guarded", way), NEUTRAL);
    client.emit("guarded", way);

    assert.deepEqual(await ask(client, "state"), UNTOUCHED);
    assert.deepEqual(heard, [NEUTRAL_EVENT]);
  });
}

test("connect middleware that rejects sends the client the reason; its writes to others stay, those to the client are gone", async (t) => {
  const { host, client: observer } = await start(t);
  const attempt = next(observer, "attempt");

  const error = await refused(host, "/connect-error");

  assert.equal(error.message, "no such seat");
  assert.deepEqual(error.data, { success: true, error: "mine", code: "MINE", message: "mine", seat: 41 });
  assert.deepEqual(await attempt, ["error"]);
  const raw = await RawSocket.open(host);
  raw.send("40/connect-error,");
  await raw.next((packet) => packet.startsWith("44/connect-error,"), "the refusal");
  raw.send("40");
  await raw.next((packet) => packet.startsWith("40{"), "the connection lives on");
  assert.deepEqual(raw.received, []);
});

for (const way of [...BREAKS, ...UNEXPECTED]) {
  test(`connect middleware that breaks (${way}) refuses every client, in neutral words, and loses its writes`, async (t) => {
    const { host, client: observer, heard } = await start(t);

    const error = await refused(host, `/connect-${way}`);

    assert.deepEqual([error.message, error.data], ["internal error", undefined]);
    await ask(observer, "state");
    assert.deepEqual(heard, []);
  });
}

test("connect middleware that waits longer than call_ms refuses the client", async (t) => {
  const { host } = await start(t);

  const error = await refused(host, "/connect-sleep");

  assert.deepEqual([error.message, error.data], ["internal error", undefined]);
});

for (const way of ["error", ...BREAKS, ...UNEXPECTED]) {
  test(`\`connection\`, \`disconnecting\` and \`disconnect\` that fail (${way}) cost their writes and nothing else`, async (t) => {
    const { host, client: observer, heard: observed } = await start(t);
    const client = open(host, `/socket-${way}`);
    const heard = record(client, "dropped", "error");
    await connected(client);

    assert.deepEqual(await ask(client, "state"), UNTOUCHED);
    assert.deepEqual(
      heard.map(([name, { code, message }]) => [name, code, message]),
      [way === "error" ? ["error", "NOT_FOUND", "no such seat"] : ["error", "INTERNAL_ERROR", "internal error"]],
    );
    client.disconnect();

    for (const hook of ["connection", "disconnecting", "disconnect"]) {
      const failed = (line) => line.level !== "INFO" && line.plugin === "faulty@1" && line.message.startsWith(`${hook} failed`);
      await host.waitForLog(failed, `the log has the failure of ${hook}`);
    }
    await ask(observer, "state");
    assert.deepEqual(observed, []);
  });
}

test("the log says which plugin broke, for which socket and event, and why; the client receives none of it", async (t) => {
  const { host, client } = await start(t);

  const told = JSON.stringify(await ask(client, "fail", "panic"));

  const line = await host.waitForLog((line) => line.message?.startsWith('event "fail" failed'), "the failure is in the log");
  assert.deepEqual([line.level, line.plugin, line.sid, line.ns], ["ERROR", "faulty@1", client.id, "/"]);
  assert.match(line.message, /wasm/);
  assert.match(host.text, /a detail of the plugin/);
  assert.doesNotMatch(told, /detail|wasm|faulty|trap/);
  await ask(client, "fail", "loop");
  await host.waitForLog((line) => line.message?.includes("run_ms"), "the log names the deadline");
  await ask(client, "fail", "sleep");
  await host.waitForLog((line) => line.message?.includes("call_ms"), "the log names the other deadline");
});

test("an error of a library is in the log with its text, its event and its socket; the client receives none of it", async (t) => {
  const { host, client } = await start(t);

  assert.deepEqual(await ask(client, "fail", "library"), NEUTRAL);

  const line = await host.waitForLog((line) => line.message?.includes("invalid digit"), "the error is in the log");
  assert.deepEqual([line.level, line.plugin, line.sid, line.event], ["ERROR", "faulty@1", client.id, "fail"]);
});

test("a silent failure does not appear among an operator's lines", async (t) => {
  for (const level of ["info", "debug"]) {
    const host = await startHost(t, { ...FAULTY, log: level });
    const client = await connect(host);
    const heard = record(client, "error");
    client.emit("fail", "silence", () => assert.fail("nothing answers it"));
    await ask(client, "state");
    assert.deepEqual(heard, []);
    const isIt = (line) => line.message?.includes("not for the client");
    if (level === "debug") await host.waitForLog(isIt, "the failure is in the log");
    const said = host.logged(isIt);
    assert.deepEqual(said.map((line) => [line.level, line.sid]), level === "info" ? [] : [["DEBUG", client.id]]);
  }
});

test("waiting again and again for what is there already does not stop the clock of the running time", async (t) => {
  const { host, client } = await start(t);

  assert.deepEqual(await ask(client, "fail", "naps"), NEUTRAL);
  await host.waitForLog((line) => line.message?.includes("run_ms"), "the log names the deadline");
  assert.equal(await ask(client, "fail", "not at all"), "well");
});

test("many traps at once: every client is answered, and the log does not fill up", async (t) => {
  const { host, client } = await start(t);

  const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(client, "fail", "panic")));

  for (const answer of answers) assert.deepEqual(answer, NEUTRAL);
  assert.deepEqual(await ask(client, "state"), UNTOUCHED);
  const lines = host.logged((line) => line.plugin === "faulty@1" && line.level === "ERROR");
  assert.ok(lines.length <= 150, `${lines.length} lines for 1,000 traps`);
});

test('a call that gets no instance in call_ms is answered with "try again", and later calls work', async (t) => {
  const host = await startHost(t, { plugins: { faulty: { instances_max: 1, waiting_max: 0, run_ms: 100, call_ms: 400 } } });
  const clients = await Promise.all(Array.from({ length: 60 }, () => connect(host)));

  const answers = await Promise.all(clients.map((client) => ask(client, "nap", 50)));

  const codes = answers.map((answer) => (answer === true ? "slept" : answer.code));
  assert.deepEqual([...new Set(codes)].filter((code) => !["slept", "SATURATED", "INTERNAL_ERROR"].includes(code)), []);
  assert.ok(codes.includes("slept") && codes.includes("SATURATED"), codes.join());
  const saturated = answers.find((answer) => answer.code === "SATURATED");
  assert.deepEqual(saturated, { success: false, error: "the server is busy, try again", code: "SATURATED" });
  assert.equal(await ask(clients[0], "nap", 1), true);
});

/** A host with the guest, and a client that notes what it hears. */
async function start(t, namespace = "/") {
  const host = await startHost(t, FAULTY);
  const client = await connect(host, namespace);
  const heard = record(client, "written", "kept", "error", "handler ran", "attempt", "not sent", "dropped");
  return { host, client, heard };
}
