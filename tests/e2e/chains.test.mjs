// Several plugins on one namespace: one component, loaded three times. Each event says what the links of the chain shall do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RawSocket, ask, askAll, connect, connected, eventually, open, record, startHost } from "./harness/index.mjs";

const LINKS = ["first", "second", "third"];
const NEUTRAL = { success: false, error: "internal error", code: "INTERNAL_ERROR" };

test("the links of a chain run in configured order, all middleware before all of `connection`", async (t) => {
  const { client, marks } = await start(t);
  await ask(client, "relay", { handler: { third: "answer" } });
  assert.deepEqual(marks(), [
    ...LINKS.map((name) => `connect-middleware:${name}`),
    ...LINKS.map((name) => `connection:${name}`),
    ...LINKS.map((name) => `handler:${name}`),
  ]);
});

test("the order is that of the configuration, whatever the names are", async (t) => {
  const { client, marks } = await start(t, ["z", "a", "m"]);
  await ask(client, "relay", { handler: { m: "answer" } });
  assert.deepEqual(marks().slice(-3), ["handler:z", "handler:a", "handler:m"]);
});

for (const [way, answer] of [
  ["error", { success: false, error: "second failed", code: "FAILED" }],
  ["panic", NEUTRAL],
]) {
  test(`when the second fails (${way}), the first's writes stay, the third sees them, and there is one answer`, async (t) => {
    const { client, marks, errors } = await start(t);

    assert.deepEqual(await ask(client, "relay", { handler: { second: way } }), answer);

    assert.deepEqual(marks().slice(-2), ["handler:first", "handler:third"]);
    assert.deepEqual(errors, []);
  });

  test(`the same without an ack (${way}): one event \`error\`, behind what the third wrote`, async (t) => {
    const { host } = await start(t);
    const raw = await RawSocket.connect(host);
    raw.send('42["relay",{"handler":{"second":"%"}}]'.replace("%", way));
    raw.send('429["relay",{"handler":{"first":"answer"}}]');
    await raw.next((packet) => packet.startsWith("439["));

    const packets = raw.received.map((packet) => JSON.parse(packet.slice(2)));
    const events = packets.map(([name, value]) => (name === "marks" ? value.at(-1) : name));
    const from = events.indexOf("handler:first");
    assert.deepEqual(events.slice(from, from + 3), ["handler:first", "handler:third", "error"]);
    assert.equal(events.filter((name) => name === "error").length, 1);
  });
}

test("when two fail, the first failure is sent, and only that", async (t) => {
  const { client, errors } = await start(t);

  const answer = await ask(client, "relay", { handler: { first: "error", second: "panic", third: "error" } });

  assert.equal(answer.error, "first failed");
  await ask(client, "relay", { handler: { third: "answer" } });
  assert.deepEqual(errors, []);
});

test("when two answer, the first counts, and one packet is sent", async (t) => {
  const { host } = await start(t);
  const raw = await RawSocket.connect(host);

  raw.send('427["relay",{"handler":{"first":"skip","second":"answer","third":"answer"}}]');
  raw.send('428["relay",{"handler":{"first":"answer"}}]');
  await raw.next((packet) => packet.startsWith("438["));

  assert.deepEqual(
    raw.received.filter((packet) => packet.startsWith("43")),
    ['437["second"]'],
  );
});

test("when one has answered and a later one fails, the answer stands and nothing follows", async (t) => {
  const { client, errors } = await start(t);

  assert.equal(await ask(client, "relay", { handler: { first: "answer", second: "panic" } }), "first");

  await ask(client, "relay", { handler: { third: "answer" } });
  assert.deepEqual(errors, []);
});

test("when one fails and a later one answers, that answer is the one", async (t) => {
  const { client, errors } = await start(t);

  assert.equal(await ask(client, "relay", { handler: { first: "error", second: "answer" } }), "second");

  await ask(client, "relay", { handler: { third: "answer" } });
  assert.deepEqual(errors, []);
});

test("event middleware rewrites name, arguments and attachments; later links see only that", async (t) => {
  const { client, marks } = await start(t);

  const answer = await askAll(client, "relay", { middleware: { first: "rewrite", second: "pass" } });

  assert.deepEqual(answer, ["first", Buffer.from([1, 2, 3])]);
  const after = ["middleware:first", "middleware:second", ...LINKS.map((name) => `rewritten:${name}`)];
  // The first link has answered; the others run after it.
  await eventually("the last link has run", () => marks().at(-1) === after.at(-1));
  assert.deepEqual(marks().slice(-5), after);
});

test("a link rewrites what another has rewritten", async (t) => {
  const { client } = await start(t);
  const [by] = await askAll(client, "relay", { middleware: { first: "rewrite", third: "rewrite" } });
  assert.equal(by, "third");
});

test("the first rejection ends the chain: no later middleware, no handler, one answer", async (t) => {
  const { client, marks, errors } = await start(t);

  const answer = await ask(client, "relay", { middleware: { first: "pass", second: "reject", third: "reject" } });

  assert.deepEqual(answer, { success: false, error: "second says no", code: "REJECTED" });
  await ask(client, "relay", { handler: { first: "skip", second: "skip", third: "answer" } });
  assert.deepEqual(marks().slice(-3), ["middleware:first", "middleware:second", "handler:third"]);
  assert.deepEqual(errors, []);
});

test("middleware that breaks ends the chain too, and only its own writes are gone", async (t) => {
  const { client, marks } = await start(t);

  assert.deepEqual(await ask(client, "relay", { middleware: { first: "pass", second: "panic", third: "pass" } }), NEUTRAL);

  await ask(client, "relay", { handler: { first: "skip", second: "skip", third: "answer" } });
  assert.deepEqual(marks().slice(-2), ["middleware:first", "handler:third"]);
});

test("a plugin is in the chains of its own namespaces only", async (t) => {
  const host = await startHost(t, { plugins: ["foyer", "ledger"] });
  const [main, slow, lobby] = await Promise.all(["/", "/slow", "/lobby"].map((namespace) => connect(host, namespace)));
  const heard = record(main, "numbered");

  assert.deepEqual(await askAll(main, "number", 7), [7]);
  assert.deepEqual(await askAll(slow, "number", 8), [8, 0]);
  assert.deepEqual(await askAll(lobby, "number", 9), [9]);
  assert.deepEqual(await askAll(main, "count", 0), [0]);
  assert.deepEqual(heard, [["numbered", 7, 0]]);
});

test("the sockets of a namespace that a plugin does not serve are out of its reach, by whatever way", async (t) => {
  const host = await startHost(t, { plugins: { zoo: { namespaces: ["/zoo"] }, echo: {} } });
  const victim = open(host);
  const heard = [];
  victim.onAny((...event) => heard.push(event));
  await connected(victim);
  const client = await connect(host, "/zoo", { query: { foreign: victim.id } });

  // To write to it, to move it, to read it, to close it, to answer for it, to set a timer for it.
  const { foreign } = await ask(client, "attack", "foreign-sockets");
  assert.deepEqual(new Set(foreign), new Set(["denied"]), `${foreign}`);
  const reached = await ask(client, "attack", "foreign-namespaces");
  assert.deepEqual(new Set(Object.values(reached).flat()), new Set(["denied"]), JSON.stringify(reached));

  assert.equal(await ask(victim, "still", "here"), "here");
  assert.deepEqual(heard, []);
});

test("a narrowed grant of namespaces reaches those that it names and no other", async (t) => {
  for (const [part, denied] of [["/slow", ["/", "nowhere"]], ["/", ["nowhere"]]]) {
    const zoo = { namespaces: ["/zoo"], config: { asks: [`namespaces:${part}`] }, grants: [`namespaces:${part}`] };
    const host = await startHost(t, { plugins: { zoo, ledger: {} } });
    const reached = await ask(await connect(host, "/zoo"), "attack", "foreign-namespaces");
    const refused = Object.keys(reached).filter((namespace) => reached[namespace].every((code) => code === "denied"));
    assert.deepEqual(refused, denied, JSON.stringify(reached));
    await host.stop();
  }
});

/** A host with a chain of links, and a client that knows the marks that they left. */
async function start(t, names = LINKS) {
  const host = await startHost(t, { plugins: chain(names) });
  const client = open(host);
  const heard = record(client, "marks");
  const errors = record(client, "error");
  await connected(client);
  return { host, client, errors, marks: () => heard.at(-1)[1] };
}

function chain(names) {
  return Object.fromEntries(names.map((name) => [name, { component: "link", config: { name } }]));
}
