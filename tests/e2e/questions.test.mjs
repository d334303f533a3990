// Questions of plugins to clients, in every place where one can be asked, and acks of every kind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawSocket, ask, askAll, connect, connected, eventually, next, open, record, startHost } from "./harness/index.mjs";

const NEUTRAL = { success: false, error: "internal error", code: "INTERNAL_ERROR" };

for (const via of ["websocket", "polling"]) {
  test(`a handler asks its own client and acknowledges with the answer, on ${via}`, async (t) => {
    const { client } = await start(t, { via });
    client.on("question", (question, answer) => answer(`${question}? yes`));

    assert.equal(await ask(client, "ask", "ready"), "ready? yes");
  });
}

test("a client may emit and await an ack before it answers: the queue goes on while all calls wait for clients", async (t) => {
  const { client } = await start(t);
  client.on("question", async (question, answer) => answer(await ask(client, "note", `asked: ${question}`)));

  assert.equal(await ask(client, "ask", "ready"), "asked: ready");
});

test("a client may even answer only when its own question was answered, several deep", async (t) => {
  const { client } = await start(t);
  client.on("question", async (question, answer) => {
    const depth = Number(question);
    answer(depth > 0 ? await ask(client, "ask", String(depth - 1)) : "the bottom");
  });

  assert.equal(await ask(client, "ask", "10"), "the bottom");
});

test("the answer of another client is waited for in the same way", async (t) => {
  const { host, client } = await start(t);
  const other = await connect(host);
  await ask(other, "join", "room");
  other.on("question", async (question, answer) => answer(await ask(client, "note", question)));

  const { responses } = await ask(client, "ask-room", "room", 8_000);

  assert.deepEqual(responses, [[other.id, "all"]]);
});

test("more questions than open_calls_per_socket are asked one after the other, and all are answered", async (t) => {
  const { client } = await start(t, {}, { limits: { open_calls_per_socket: 4 } });
  const open = new Set();
  let most = 0;
  const asked = [];
  client.on("question", (question, answer) => {
    open.add(answer);
    asked.push(question);
    most = Math.max(most, open.size);
    setTimeout(() => {
      open.delete(answer);
      answer(question);
    }, 5);
  });
  const questions = Array.from({ length: 40 }, (_, i) => `q${i}`);

  const answers = await Promise.all(questions.map((question) => ask(client, "ask", question)));

  assert.deepEqual(answers, questions);
  assert.deepEqual(asked, questions);
  assert.equal(most, 4);
});

test("a question to a room returns the sockets that answered, disconnected and were silent", async (t) => {
  const { host, client } = await start(t);
  const [quick, leaver, silent] = await Promise.all([1, 2, 3].map(() => connect(host)));
  for (const member of [quick, leaver, silent]) await ask(member, "join", "room");
  const { id } = leaver;
  quick.on("question", (question, answer) => answer(`${question}: here`));
  leaver.on("question", () => leaver.disconnect());

  const answers = await ask(client, "ask-room", "room", 500);

  assert.deepEqual(answers, { responses: [[quick.id, "all: here"]], missing: [id], timedOut: [silent.id] });
});

test("a question to an empty room is answered at once", async (t) => {
  const { client } = await start(t);
  assert.deepEqual(await ask(client, "ask-room", "nobody", 60_000), { responses: [], missing: [], timedOut: [] });
});

test("a question to a room is waited for no longer than its slowest member takes", async (t) => {
  const { host, client } = await start(t);
  const members = await Promise.all(Array.from({ length: 50 }, () => connect(host)));
  for (const member of members) {
    member.on("question", (_, answer) => answer(member.id));
    await ask(member, "join", "room");
  }

  const { responses } = await ask(client, "ask-room", "room", 60_000);

  assert.deepEqual(responses.map(([id]) => id).sort(), members.map(({ id }) => id).sort());
  for (const [id, answer] of responses) assert.equal(answer, id);
});

test("a question without an answer in time has the code `timeout`, and the late answer is ignored", async (t) => {
  const { client } = await start(t);
  const late = [];
  client.on("question", (_, answer) => late.push(answer));

  assert.equal(await ask(client, "ask-within", 50), "timeout");

  late[0]("too late");
  client.removeAllListeners("question");
  client.on("question", (_, answer) => answer("in time"));
  assert.equal(await ask(client, "ask-within", 5_000), "in time");
});

test("a question without a timeout ends with the call", async (t) => {
  const { client } = await start(t, {}, { call_ms: 600 });
  client.on("question", () => {});

  const answer = await ask(client, "ask", "anybody");

  assert.deepEqual(answer, NEUTRAL);
  assert.equal(await ask(client, "note", "still here"), "still here");
});

test("a question to a client that disconnects has the code `disconnected`, and its handler runs to the end", async (t) => {
  const { host } = await start(t);
  const watcher = await watch(host);
  const client = await connect(host);
  const { id } = client;
  client.on("question", () => client.disconnect());

  client.emit("vigil");

  await eventually("the watcher received both", () => watcher.heard.length === 2);
  assert.deepEqual(watcher.heard, [
    ["vigil ended", id, "disconnected"],
    ["left", id, "client namespace disconnect"],
  ]);
});

test("the same when its connection breaks", async (t) => {
  const { host } = await start(t);
  const watcher = await watch(host);
  const raw = await RawSocket.connect(host);
  raw.send('42["vigil"]');
  await raw.next((packet) => packet.includes("question"));

  raw.socket.terminate();

  await eventually("the watcher received both", () => watcher.heard.length === 2);
  assert.deepEqual(
    watcher.heard.map(([name, , how]) => [name, how]),
    [
      ["vigil ended", "disconnected"],
      ["left", "transport close"],
    ],
  );
});

test("what a handler wrote before its question stays when it breaks after it; the rest is gone", async (t) => {
  const { client } = await start(t);
  const heard = record(client, "before", "after");
  client.on("question", (_, answer) => answer("yes"));

  assert.deepEqual(await ask(client, "ask-and-break"), NEUTRAL);

  assert.equal(await ask(client, "note", "next"), "next");
  assert.deepEqual(heard, [["before"]]);
});

test("an ack that was kept is given later, by another handler", async (t) => {
  const { client } = await start(t);
  const given = ask(client, "keep");

  assert.equal(await ask(client, "give", "at last"), true);

  assert.equal(await given, "at last");
});

test("the first ack counts, and only one packet is sent", async (t) => {
  const { host } = await start(t);
  const raw = await RawSocket.connect(host);

  raw.send('427["twice"]');
  raw.send('428["note","end"]');

  await raw.next((packet) => packet === '438["end"]');
  assert.deepEqual(raw.received, ["437[1]", '42["noted","end"]']);
});

test("an event without an answer is never acknowledged", async (t) => {
  const { host } = await start(t);
  const raw = await RawSocket.connect(host);

  raw.send('427["keep"]');
  raw.send('428["no such event"]');
  raw.send('429["note","end"]');

  await raw.next((packet) => packet === '439["end"]');
  assert.deepEqual(raw.received, ['42["noted","end"]']);
});

test("an answer to no question is ignored", async (t) => {
  const { host } = await start(t);
  const raw = await RawSocket.connect(host);

  raw.send('4399["unasked"]');
  raw.send('429["note","end"]');

  await raw.next((packet) => packet === '439["end"]');
});

test("connect middleware cannot ask its own client: the code is `pending`, and the client is connected", async (t) => {
  const { host } = await start(t);
  const client = open(host, "/porter");
  const refused = next(client, "refused");
  const questions = record(client, "question");

  await connected(client);

  assert.deepEqual(await refused, ["pending"]);
  assert.deepEqual(questions, []);
});

test("`connection` can: first the client is connected and gets what was written before, then it is asked", async (t) => {
  const { host } = await start(t);
  const raw = await RawSocket.open(host);

  raw.send("40/greeter,");

  assert.match(await raw.next(), /^40\/greeter,\{"sid"/);
  assert.equal(await raw.next(), '42/greeter,["first"]');
  const [, id] = /^42\/greeter,(\d+)\["who\?"\]$/.exec(await raw.next());
  raw.send(`43/greeter,${id}["ann"]`);
  assert.equal(await raw.next(), '42/greeter,["hello","ann"]');
});

test("events that arrive while `connection` waits for the client run beside it", async (t) => {
  const { host } = await start(t);
  const client = open(host, "/greeter");
  client.on("who?", async (answer) => {
    const before = await ask(client, "name");
    answer(before === null ? "bob" : "asked too late");
  });

  assert.deepEqual(await next(client, "hello"), ["bob"]);
  assert.equal(await ask(client, "name"), "bob");
});

test("questions and answers carry any JSON", async (t) => {
  const { client } = await start(t);
  const [answer] = await askAll(client, "note", 'quotes " and \\ and \u2028 and 😀 and \u0000');
  assert.equal(answer, 'quotes " and \\ and \u2028 and 😀 and \u0000');
});

/** A host with the guest, and a client. */
async function start(t, options = {}, { limits, ...plugin } = {}) {
  const host = await startHost(t, { plugins: { asker: { run_ms: 200, ...plugin } }, limits });
  return { host, client: await connect(host, "/", options) };
}

async function watch(host) {
  const client = await connect(host);
  await ask(client, "join", "watchers");
  return { client, heard: record(client, "vigil ended", "left") };
}
