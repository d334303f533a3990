// The admin interface as an operator's program uses it: what runs is read page by page, sockets are disconnected, events are emitted.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import {
  WAYS, admin, ask, asked, connect, connected, disconnected, eventually, limitHits, manager, next, record, startHost, tokenOf,
} from "./harness/index.mjs";

/** All entries of a list, page by page. */
async function pages(host, path, name, limit) {
  const all = [];
  for (let after = null; ; ) {
    const separator = path.includes("?") ? "&" : "?";
    const page = await asked(host, `${path}${separator}limit=${limit}${after === null ? "" : `&after=${encodeURIComponent(after)}`}`);
    assert.ok(page[name].length <= limit);
    all.push(...page[name]);
    if (page.next === null) return all;
    assert.equal(page[name].length, limit, "only the last page is shorter");
    after = page.next;
  }
}

test("namespaces, rooms, sockets and connections are read page by page", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const clients = [];
  for (const via of [...WAYS, "websocket"]) clients.push(await connect(host, "/", { via }));
  const gate = await connect(host, "/gate", { query: { word: "open" } });
  for (const [index, client] of clients.entries()) {
    await ask(client, "join", "all");
    for (let number = 0; number < 3; number++) await ask(client, "join", `room/${index}:${number} ü`);
  }

  const namespaces = await pages(host, "/namespaces", "namespaces", 1);
  assert.deepEqual(namespaces, [
    { name: "/", sockets: 4, rooms: 13, plugins: ["behave"] },
    { name: "/gate", sockets: 1, rooms: 0, plugins: ["behave"] },
  ]);

  const sockets = await pages(host, "/namespaces/%2F/sockets", "sockets", 3);
  const ids = clients.map(({ id }) => id).sort();
  assert.deepEqual(sockets.map(({ sid }) => sid), ids);
  const first = sockets.find(({ sid }) => sid === clients[0].id);
  const { connection, since_ms, ...rest } = first;
  assert.deepEqual(rest, { sid: clients[0].id, namespace: "/", transport: "websocket", address: "127.0.0.1", rooms: 4 });
  assert.ok(connection > 0 && Math.abs(Date.now() - since_ms) < 60_000);

  const rooms = await pages(host, "/namespaces/%2F/rooms", "rooms", 5);
  assert.equal(rooms.length, 13);
  assert.deepEqual(rooms[0], { name: "all", sockets: 4 });
  const prefixed = await pages(host, `/namespaces/%2F/rooms?prefix=${encodeURIComponent("room/1:")}`, "rooms", 2);
  assert.deepEqual(prefixed, [0, 1, 2].map((number) => ({ name: `room/1:${number} ü`, sockets: 1 })));
  const inRoom = (room) => pages(host, `/namespaces/%2F/rooms/${encodeURIComponent(room)}/sockets`, "sockets", 3);
  assert.deepEqual((await inRoom("all")).map(({ sid }) => sid), ids);
  assert.deepEqual((await inRoom("room/2:0 ü")).map(({ sid }) => sid), [clients[2].id]);
  assert.deepEqual((await inRoom(gate.id)), [], "a socket of another namespace");
  assert.deepEqual(await inRoom("nowhere"), []);

  const connections = await pages(host, "/connections", "connections", 2);
  assert.deepEqual(connections.map(({ id }) => id), [...connections.map(({ id }) => id)].sort((one, other) => one - other));
  assert.equal(connections.length, 5);
  const own = connections.find(({ id }) => id === connection);
  assert.deepEqual([own.transport, own.address, own.sockets], ["websocket", "127.0.0.1", 1]);
  assert.ok(Math.abs(Date.now() - own.since_ms) < 60_000);

  for (const path of ["/namespaces/%2Fnone/sockets", "/namespaces/none/rooms", "/namespaces/%2Fnone/rooms/x/sockets"]) {
    assert.equal((await admin(host, path)).status, 404, path);
  }
  for (const path of ["/namespaces/%2F/sockets?after=x", "/connections?after=x", "/namespaces/%2F/rooms?limit=1001", "/namespaces?limit=x"]) {
    assert.equal((await admin(host, path)).status, 400, path);
  }
  assert.equal(await limitHits(host, "ADMIN_PAGE_ENTRIES_MAX"), 1);
});

test("a socket is shown with its rooms and its data, and without what proves an identity", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const secrets = { auth: { token: "s3cret" }, extraHeaders: { authorization: "Bearer s3cret", cookie: "s3cret=1", "x-plain": "shown" } };
  const client = await connect(host, "/", { ...secrets, query: { plain: "a b" } });
  await ask(client, "join", "lobby");
  await ask(client, "data:set", "profile", { name: "Ann", big: 1e21 });
  const answer = await admin(host, `/sockets/${client.id}`);
  assert.ok(!answer.text.includes("s3cret"), answer.text);
  const { json } = answer;
  assert.deepEqual([json.sid, json.namespace, json.rooms.sort()], [client.id, "/", ["lobby", client.id].sort()]);
  assert.deepEqual(json.data, { profile: { name: "Ann", big: 1e21 } });
  assert.deepEqual(json.handshake.headers.filter(([name]) => name === "x-plain"), [["x-plain", "shown"]]);
  assert.deepEqual(json.handshake.query.filter(([name]) => name === "plain"), [["plain", "a b"]]);
  assert.equal(json.handshake.address, "127.0.0.1");
  const { id } = client;
  client.disconnect();
  await eventually("it is gone", async () => (await admin(host, `/sockets/${id}`)).status === 404);
  assert.equal((await admin(host, "/sockets/none")).status, 404);
});

for (const via of WAYS) {
  test(`a socket, a room and a namespace are disconnected (${via})`, async (t) => {
    const host = await startHost(t, { plugins: { behave: {} } });
    const clients = [];
    for (let number = 0; number < 5; number++) clients.push(await connect(host, "/", { via }));
    const [one, ann, bob, ...others] = clients;
    for (const client of [ann, bob]) await ask(client, "join", "a/b");
    const left = clients.map(disconnected);
    const { id } = one;
    const disconnect = (path, json) => asked(host, `${path}/disconnect`, { method: "POST", json });
    assert.deepEqual(await disconnect(`/sockets/${id}`), { disconnected: 1 });
    assert.equal(await left[0], "io server disconnect");
    assert.deepEqual(await disconnect("/namespaces/%2F/rooms/a%2Fb", { close: true }), { disconnected: 2 });
    await Promise.all(left.slice(1, 3));
    assert.equal((await asked(host, "/namespaces/%2F/rooms/a%2Fb/sockets")).sockets.length, 0);
    for (const client of others) assert.equal(await ask(client, "id"), client.id);
    assert.deepEqual(await disconnect("/namespaces/%2F", { close: false }), { disconnected: 2 });
    for (const reason of await Promise.all(left.slice(3))) assert.equal(reason, "io server disconnect");
    assert.deepEqual(await disconnect("/namespaces/%2F"), { disconnected: 0 });
    assert.equal((await admin(host, `/sockets/${id}/disconnect`, { method: "POST" })).status, 404);
    const told = () => host.logged((line) => /^disconnect: server namespace disconnect/.test(line.message));
    await eventually("the handlers of all five have run", () => told().length === 5);
  });
}

test("close ends the connection with all of its sockets", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const shared = manager(host, { query: { word: "open" } });
  const [main, gate] = [shared.socket("/"), shared.socket("/gate")];
  await Promise.all([main, gate].map((socket) => (socket.connect(), connected(socket))));
  const gone = [main, gate].map(disconnected);
  assert.deepEqual(await asked(host, `/sockets/${main.id}/disconnect`, { json: { close: true } }), { disconnected: 1 });
  await Promise.all(gone);
  await eventually("the connection is gone", async () => (await asked(host, "/connections")).connections.length === 0);
});

for (const via of WAYS) {
  test(`an event is emitted to rooms, except others, with binary (${via})`, async (t) => {
    const host = await startHost(t, { plugins: { behave: {} } });
    const [ann, bob, carol] = [await connect(host, "/", { via }), await connect(host, "/", { via }), await connect(host, "/", { via })];
    for (const client of [ann, bob]) await ask(client, "join", "lobby");
    const seen = [ann, bob, carol].map((client) => record(client, "news", "end"));
    const emit = (json) => asked(host, "/emit", { json: { namespace: "/", ...json } });
    const args = ["text", 1.5, { deep: [{ _base64: "AAEC" }, { _base64: "/+8=", kept: true }] }, { _base64: "_-8" }, null];
    assert.deepEqual(await emit({ event: "news", rooms: ["lobby"], except: [bob.id], args }), { delivered_to: 1 });
    assert.deepEqual(await emit({ event: "news", rooms: ["lobby", carol.id], flags: ["local", "volatile"] }), { delivered_to: 3 });
    assert.deepEqual(await emit({ event: "end" }), { delivered_to: 3 });
    await eventually("all have the last one", () => seen.every((events) => events.at(-1)?.[0] === "end"));
    const received = ["news", "text", 1.5, { deep: [Buffer.from([0, 1, 2]), { _base64: "/+8=", kept: true }] }, Buffer.from([0xff, 0xef]), null];
    assert.deepEqual(seen[0][0], received);
    assert.deepEqual(seen[1].filter(([event]) => event === "news").length <= 1, true, "a volatile one may be dropped");
    assert.ok(!seen[1].some(([, first]) => first === "text") && !seen[2].some(([, first]) => first === "text"));
  });
}

test("what a plugin would be refused is refused here too", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} }, limits: { attachments_max: 2 } });
  const refused = async (json, status, detail) => {
    const answer = await admin(host, "/emit", { json: { namespace: "/", event: "x", ...json } });
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json.detail, detail);
    return answer.json;
  };
  for (const event of ["connect", "disconnect", "disconnecting", "connect_error"]) await refused({ event }, 422, /reserved event name/);
  assert.equal((await refused({ event: "x".repeat(1025) }, 422, /at most 1024 bytes/)).code, "limit");
  await refused({ rooms: ["x".repeat(1025)] }, 422, /a room's name/);
  await refused({ rooms: Array.from({ length: 10_001 }, (_, number) => `${number}`) }, 422, /at most 10000 different names/);
  await refused({ args: [1, 2, 3].map(() => ({ _base64: "AA==" })) }, 422, /at most 2 attachments/);
  await refused({ args: [{ _base64: "?" }] }, 400, /is no base64/);
  await refused({ args: { no: "array" } }, 422, /not a JSON array/);
  await refused({ namespace: "/none" }, 404, /no namespace/);
  await refused({ flags: ["compress"] }, 400, /unknown variant `compress`/);
  await refused({ ack: { timeout_ms: 0 } }, 400, /ack.timeout_ms/);
  await refused({ namespace: undefined }, 400, /missing field `namespace`/);
  const deep = (depth) => `{"namespace":"/","event":"x","args":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const sent = (depth) => admin(host, "/emit", { body: deep(depth), headers: { "content-type": "application/json" } });
  assert.deepEqual([(await sent(512)).status, (await sent(513)).status, (await sent(100_000)).status], [200, 422, 422]);
  assert.equal(await limitHits(host, "attachments_max"), 1);
  assert.equal(await limitHits(host, "JSON_DEPTH_MAX"), 2);
});

for (const via of WAYS) {
  test(`acks are awaited: each socket is in one list, and binary comes back (${via})`, async (t) => {
    const host = await startHost(t, { plugins: { behave: {} } });
    const [ann, bob, carol] = [await connect(host, "/", { via }), await connect(host, "/", { via }), await connect(host, "/", { via })];
    ann.on("question", (value, answer) => answer({ said: value, bytes: Buffer.from([1, 2, 3]) }, "second"));
    bob.on("question", () => bob.disconnect());
    carol.on("question", () => {});
    const ask = (json) => asked(host, "/emit", { json: { namespace: "/", event: "question", args: ["?"], ...json } });
    const answers = await ask({ ack: { timeout_ms: 1_000 } });
    assert.deepEqual(answers, {
      responses: [{ sid: ann.id, args: [{ said: "?", bytes: { _base64: "AQID" } }, "second"] }],
      missing: [answers.missing[0]],
      timed_out: [carol.id],
      unanswered: 0,
      nodes_missing: 0,
    });
    assert.equal(answers.missing.length, 1);
    // All have answered: nobody waits for the time.
    const started = Date.now();
    assert.deepEqual((await ask({ rooms: [ann.id], ack: { timeout_ms: 600_000 } })).responses.map(({ sid }) => sid), [ann.id]);
    assert.ok(Date.now() - started < 60_000);
    const none = { responses: [], missing: [], timed_out: [], unanswered: 0, nodes_missing: 0 };
    assert.deepEqual(await ask({ rooms: ["nowhere"], ack: { timeout_ms: 600_000 } }), none);
  });
}

test("whoever asks and goes leaves no open question behind", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const client = await connect(host);
  const question = next(client, "question");
  const headers = { authorization: `Bearer ${tokenOf(host)}`, "content-type": "application/json" };
  const sent = http.request(`${host.internal}/emit`, { method: "POST", headers, agent: false });
  sent.on("error", () => {}).end(JSON.stringify({ namespace: "/", event: "question", ack: { timeout_ms: 600_000 } }));
  const answer = (await question).at(-1);
  sent.destroy();
  const line = await host.waitForLog((line) => line.request === "POST /emit", "the audit has a line");
  assert.deepEqual([line.target, line.outcome], ["innkeeper::audit", "the connection ended before the answer"]);
  answer("too late");
  assert.equal(await ask(client, "id"), client.id);
});

test("what changes something is a line of the log: what, from where, and what became of it", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const { id } = await connect(host);
  await asked(host, "/emit", { json: { namespace: "/", event: "news", args: ["a secret of the company"] } });
  await asked(host, `/sockets/${id}/disconnect`, { json: {} });
  await admin(host, "/plugins/behave/unload", { method: "POST" });
  await admin(host, "/namespaces");
  await eventually("there are three lines", () => host.logged((line) => line.target === "innkeeper::audit").length === 3);
  const lines = host.logged((line) => line.target === "innkeeper::audit");
  assert.deepEqual(lines.map(({ request, status }) => [request, status]).slice(0, 2), [["POST /emit", 200], [`POST /sockets/${id}/disconnect`, 200]]);
  assert.equal(lines[2].request, "POST /plugins/behave/unload");
  assert.match(lines[0].outcome, /^"news" to 1 sockets of \/$/);
  for (const line of lines) assert.match(line.peer, /^127\.0\.0\.1:\d+$/);
  assert.ok(!host.text.includes("a secret of the company"));
});

test("the log of a plugin: what it said last, and then what it says", async (t) => {
  const host = await startHost(t, { plugins: { behave: {} } });
  const first = await connect(host);
  const id = first.id;
  first.disconnect();
  const lines = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
  await eventually("the line of its disconnect is kept", async () => {
    const { status, text, headers } = await admin(host, "/plugins/behave/logs");
    return status === 200 && headers["content-type"] === "application/x-ndjson" && lines(text).some((line) => line.message.endsWith(id));
  });
  const second = await connect(host);
  const followed = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${tokenOf(host)}` };
    http.get(`${host.internal}/plugins/behave/logs?follow=true`, { headers, agent: false }, resolve).on("error", reject);
  });
  let text = "";
  followed.setEncoding("utf8").on("data", (part) => (text += part)).on("error", () => {});
  await eventually("the lines before are there", () => text.includes(id));
  const later = second.id;
  second.disconnect();
  await eventually("the new line comes", () => text.includes(later));
  assert.ok(lines(text).every((line) => line.plugin.startsWith("behave")));
  followed.destroy();
  assert.equal((await admin(host, "/plugins/nobody/logs")).status, 404);
});
