// Every operation of the cluster, from each kind of node to this server and back. docs/cluster.md has the table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonManager, startEmitter, startNode, startNodeServer } from "./harness/cluster.mjs";
import { ask, asked, connect, eventually, next, record, run } from "./harness/index.mjs";
import { PYTHON } from "./harness/python.mjs";
import { startRedis } from "./harness/redis.mjs";

/** Two servers of ours, two of Node, an emitter and a manager of python-socketio, in one cluster, with a client on each server. */
async function cluster(t, options = {}) {
  const redis = await startRedis(t);
  const [one, two, node, other] = await Promise.all([
    startNode(t, redis, { node: "one_", adapter: { python_channel: "socketio", ...options.adapter }, ...options.host }),
    startNode(t, redis, { node: "two_", adapter: { python_channel: "socketio", ...options.adapter }, ...options.host }),
    startNodeServer(t, redis, options.node),
    startNodeServer(t, redis, options.node),
  ]);
  const { emitter } = await startEmitter(t, redis);
  const python = pythonManager(t, PYTHON, redis);
  await subscribed(redis, 4);
  return { redis, one, two, node, other, emitter, python };
}

/** So many servers listen on the channels of this namespace. */
function subscribed(redis, servers, namespace = "/") {
  const channel = `socket.io-request#${namespace}#`;
  return eventually(`${servers} servers are in the cluster`, async () => (await redis.cli("PUBSUB", "NUMSUB", channel)).split("\n")[1] === String(servers));
}

/** What our server does for its client. */
const does = (socket, operation, target) => ask(socket, "do", operation, target ?? null);

/** The ways to ask for an operation: what each kind of node does. `Innkeeper` acts through a client of the first host. */
function actors({ one, node, emitter, python }) {
  const select = (namespace, { rooms = [], except = [], volatile } = {}) => {
    let target = (namespace === "/" ? emitter : emitter.of(namespace)).to(rooms).except(except);
    if (volatile) target = target.volatile;
    return target;
  };
  return {
    Innkeeper: async () => {
      const socket = await connect(one);
      const call = (operation) => (target, rest) => does(socket, { do: operation, ...rest }, target);
      return { socket, emit: call("emit"), join: call("join"), leave: call("leave"), disconnect: call("disconnect"), serverSideEmit: call("server-side-emit") };
    },
    Node: async () => {
      const call = (operation) => (target, rest) => node.do(operation, { target, ...rest });
      return { emit: call("emit"), join: call("join"), leave: call("leave"), disconnect: call("disconnect"), serverSideEmit: call("serverSideEmit") };
    },
    emitter: async () => ({
      emit: (target = {}, { name, args }) => void select(target.namespace ?? "/", target).emit(name, ...args),
      join: (target = {}, { rooms }) => void select(target.namespace ?? "/", target).socketsJoin(rooms),
      leave: (target = {}, { rooms }) => void select(target.namespace ?? "/", target).socketsLeave(rooms),
      disconnect: (target = {}, { close }) => void select(target.namespace ?? "/", target).disconnectSockets(close),
      serverSideEmit: (target = {}, { name, args }) => void (target.namespace ? emitter.of(target.namespace) : emitter).serverSideEmit(name, ...args),
    }),
    python: async () => ({
      emit: ({ namespace = "/", rooms, except } = {}, { name, args }) =>
        python("emit", { event: name, data: args, tuple: true, namespace, room: rooms ?? null, skip_sid: except ?? null }),
      join: async ({ rooms: [sid], namespace = "/" }, { rooms }) => { for (const room of rooms) await python("enter_room", { sid, namespace, room }).catch(() => {}); },
    }),
  };
}

for (const from of ["Innkeeper", "Node", "emitter", "python"]) {
  test(`broadcasts of ${from} reach the clients of every server, with rooms, except and binary`, async (t) => {
    const servers = await cluster(t);
    const actor = await actors(servers)[from]();
    const targets = from === "python" ? [servers.one, servers.two] : [servers.one, servers.two, servers.node, servers.other];
    const clients = await Promise.all(targets.map((server) => connect(server)));
    const seen = clients.map((client) => record(client, "x", "end"));
    for (const [index, client] of clients.entries()) {
      const rooms = [["all"], ["all", "muted"], ["all"], ["all", "muted"]][index];
      if (client.io.uri === servers.node.url || client.io.uri === servers.other.url) await client.emitWithAck("join", rooms);
      else await does(client, { do: "join-own", rooms });
    }
    await actor.emit({}, { name: "x", args: ["everybody", { a: [1, null, "é"] }] });
    await actor.emit({ rooms: ["all"] }, { name: "x", args: ["room"] });
    await actor.emit({ rooms: ["all", "none"], except: ["muted"] }, { name: "x", args: ["except"] });
    await actor.emit({ rooms: ["none"] }, { name: "x", args: ["nobody"] });
    await actor.emit({ rooms: [clients[1].id] }, { name: "x", args: ["one socket"] });
    await actor.emit({}, { name: "end", args: [] });
    for (const [index, list] of seen.entries()) {
      await eventually(`client ${index} has seen the end`, () => list.at(-1)?.[0] === "end");
      const expected = [["x", "everybody", { a: [1, null, "é"] }], ["x", "room"]];
      if (index % 2 === 0) expected.push(["x", "except"]);
      if (index === 1) expected.push(["x", "one socket"]);
      assert.deepEqual(list, [...expected, ["end"]], `client ${index}`);
    }
  });
}

test("what Node emits is what clients here get: binary, dates, undefined and what JSON does not have", async (t) => {
  const { one, node, emitter } = await cluster(t);
  const client = await connect(one);
  const arrived = record(client, "x");
  const args = [{ $binary: "AQID" }, { deep: [{ $binary: "" }, { $date: 1_700_000_000_123 }] }, { _placeholder: "no" }];
  await node.do("emit", { name: "x", args });
  await eventually("it arrives", () => arrived.length === 1);
  const [, binary, { deep }, plain] = arrived[0];
  assert.deepEqual([Buffer.from(binary), Buffer.from(deep[0]), deep[1], plain], [Buffer.from([1, 2, 3]), Buffer.alloc(0), "2023-11-14T22:13:20.123Z", { _placeholder: "no" }]);
  emitter.emit("x", undefined, { gone: undefined, kept: null }, NaN, 2 ** 60, -1.5, 1e-7, { _placeholder: true, num: 0 });
  await eventually("the second arrives", () => arrived.length === 2);
  assert.deepEqual(arrived[1].slice(1), [null, { kept: null }, null, 2 ** 60, -1.5, 1e-7, { _placeholder: true, num: 0 }]);
});

test("binary of clients here reaches clients of Node's server", async (t) => {
  const { one, two, node } = await cluster(t);
  const [sender, ours, theirs] = await Promise.all([connect(one), connect(two), connect(node)]);
  const all = [ours, theirs].map((client) => next(client, "binary"));
  sender.emit("binary", { b: [Buffer.from([1, 2]), "text"] }, Buffer.from("x"));
  for (const arrived of all) {
    const [first, second] = await arrived;
    assert.deepEqual([Buffer.from(first.b[0]), first.b[1], Buffer.from(second)], [Buffer.from([1, 2]), "text", Buffer.from("x")]);
  }
});

for (const from of ["Innkeeper", "Node", "emitter"]) {
  test(`joins, leaves and disconnects of ${from} act on the sockets of every server, in order with emits`, async (t) => {
    const servers = await cluster(t);
    const actor = await actors(servers)[from]();
    // A server of Node acts on its own sockets when its request has come back to it, which is later than its next emit.
    const acted = from === "Node" ? [servers.one, servers.two] : [servers.one, servers.two, servers.node];
    const clients = await Promise.all(acted.map((server) => connect(server)));
    const seen = clients.map((client) => record(client, "x", "disconnect"));
    const ids = clients.map((client) => client.id);
    await actor.join({ rooms: ids }, { rooms: ["club", "vip"] });
    await actor.emit({ rooms: ["club"] }, { name: "x", args: ["joined"] });
    await actor.leave({ rooms: ["club"] }, { rooms: ["vip"] });
    await actor.emit({ rooms: ["vip"] }, { name: "x", args: ["left"] });
    await actor.emit({ rooms: ["club"] }, { name: "x", args: ["end"] });
    for (const list of seen) {
      await eventually("the end arrives", () => list.at(-1)?.[1] === "end");
      assert.deepEqual(list, [["x", "joined"], ["x", "end"]]);
    }
    await actor.disconnect({ rooms: ["club"] }, { close: false });
    for (const list of seen) await eventually("everybody is disconnected", () => list.at(-1)[1] === "io server disconnect");
    assert.ok(!actor.socket || actor.socket.connected);
  });
}

test("python-socketio's manager joins, leaves and disconnects sockets here, and its binary arrives", async (t) => {
  const { one, python, redis } = await cluster(t);
  const client = await connect(one);
  const seen = record(client, "x", "disconnect");
  await python("enter_room", { sid: client.id, namespace: "/", room: "club" });
  await python("emit", { event: "x", data: { $binary: "AQI=" }, namespace: "/", room: "club" });
  await python("emit", { event: "x", data: null, namespace: "/", room: "club" });
  await python("leave_room", { sid: client.id, namespace: "/", room: "club" });
  await python("emit", { event: "x", data: "left", namespace: "/", room: "club" });
  await python("emit", { event: "x", data: [1, 2], namespace: "/" });
  await eventually("all arrive", () => seen.length === 3);
  assert.deepEqual([Buffer.from(seen[0][1]), seen[1], seen[2]], [Buffer.from([1, 2]), ["x"], ["x", [1, 2]]]);
  await python("enter_room", { sid: client.id, namespace: "/", room: "closing" });
  await python("close_room", { room: "closing", namespace: "/" });
  await python("emit", { event: "x", data: "closed", namespace: "/", room: "closing" });
  // A manager that only writes has no method for this; one of a server publishes it.
  await redis.cli("PUBLISH", "socketio", JSON.stringify({ method: "disconnect", sid: client.id, namespace: "/", host_id: "p" }));
  await eventually("it is disconnected", () => seen.length === 4);
  assert.deepEqual(seen[3].slice(0, 2), ["disconnect", "io server disconnect"]);
});

test("fetchSockets finds the sockets of all servers, from both sides, with data, rooms and handshake", async (t) => {
  const { one, two, node } = await cluster(t);
  const connected = await Promise.all([one, two, node].map((server, index) => connect(server, "/", { auth: { token: `t${index}` }, query: { q: `v${index}` } })));
  await does(connected[0], { do: "join-own", rooms: ["club"] });
  await does(connected[1], { do: "data", key: "name", value: { first: "Bob" } });
  await connected[2].emitWithAck("join", ["club"]);
  await connected[2].emitWithAck("data", "name", "Carol");
  const fetched = await does(connected[0], { do: "fetch" });
  const theirs = await node.do("fetch");
  assert.equal(fetched.nodesMissing, 0);
  for (const [sockets, from] of [[fetched.sockets, "Innkeeper"], [theirs, "Node"]]) {
    const byId = Object.fromEntries(sockets.map((socket) => [socket.id, socket]));
    assert.equal(sockets.length, 3, from);
    for (const [index, client] of connected.entries()) {
      const { rooms, data, handshake } = byId[client.id];
      assert.deepEqual(rooms.sort(), (index === 1 ? [client.id] : [client.id, "club"]).sort(), `${from} ${index}`);
      assert.deepEqual(data, [{}, { name: { first: "Bob" } }, { name: "Carol" }][index], `${from} ${index}`);
      assert.equal(handshake.auth.token, `t${index}`);
      const query = Array.isArray(handshake.query) ? Object.fromEntries(handshake.query) : handshake.query;
      assert.equal(query.q, `v${index}`);
      assert.equal(handshake.address.replace("::ffff:", ""), "127.0.0.1");
      assert.ok(Math.abs((handshake.issued ?? handshake.issuedMs ?? handshake.issued_ms) - Date.now()) < 60_000);
    }
  }
  const inClub = await does(connected[1], { do: "ids" }, { rooms: ["club"] });
  assert.deepEqual(inClub.sort(), [connected[0].id, connected[2].id].sort());
  const except = await does(connected[1], { do: "ids" }, { except: ["club"] });
  assert.deepEqual(except, [connected[1].id]);
  assert.equal(await does(connected[1], { do: "count" }), 3);
  assert.equal(await does(connected[1], { do: "count" }, { local: true }), 1);
  assert.deepEqual(await does(connected[1], { do: "rooms" }), ["club"]);
  assert.deepEqual((await node.do("rooms")).filter((room) => !connected.some(({ id }) => id === room)), ["club"]);
});

test("emits with acks ask the clients of all servers, from both sides", async (t) => {
  const { one, two, node } = await cluster(t);
  const clients = await Promise.all([one, two, node].map((server) => connect(server)));
  for (const [index, client] of clients.entries()) client.on("vote", (question, answer) => answer({ from: index, question }));
  const target = { timeoutMs: 3_000 };
  const { responses, rest } = await does(clients[0], { do: "emit-with-ack", name: "vote", args: ["?"] }, target);
  const from = (list) => list.map((response) => response.from).sort();
  assert.deepEqual(from(responses), [0, 1, 2]);
  assert.deepEqual([rest.unanswered, rest.nodesMissing, rest.missing, rest.timedOut], [0, 0, [], []]);
  assert.equal(rest.named.filter((socket) => socket === clients[0].id).length, 1);
  assert.equal(rest.named.filter((socket) => socket === null).length, 2);
  const theirs = await node.do("emitWithAck", { target, name: "vote", args: ["?"] });
  assert.deepEqual([theirs.error, from(theirs.responses)], [null, [0, 1, 2]]);
  clients[1].off("vote");
  const partial = await does(clients[0], { do: "emit-with-ack", name: "vote", args: ["?"] }, { timeoutMs: 500 });
  assert.deepEqual([from(partial.responses), partial.rest.unanswered, partial.rest.nodesMissing], [[0, 2], 1, 0]);
  const nodes = await node.do("emitWithAck", { target: { timeoutMs: 500 }, name: "vote", args: ["?"] });
  assert.match(nodes.error, /timed out/);
  const local = await does(clients[0], { do: "emit-with-ack", name: "vote", args: ["?"] }, { local: true, ...target });
  assert.deepEqual(from(local.responses), [0]);
});

test("server events go to the other servers, and are answered by each of them", async (t) => {
  const { one, two, node, emitter } = await cluster(t);
  const clients = await Promise.all([one, two, node].map((server) => connect(server)));
  const seen = clients.map((client) => record(client, "news"));
  await does(clients[0], { do: "server-side-emit", name: "news", args: [{ from: "ours" }] });
  await eventually("the others have it", () => seen[1].length === 1 && seen[2].length === 1);
  await node.do("serverSideEmit", { name: "news", args: ["theirs"] });
  await eventually("ours have it", () => seen[0].length === 1 && seen[1].length === 2);
  emitter.serverSideEmit("news", "emitted");
  await eventually("all have it", () => seen[0].length === 2 && seen[1].length === 3 && seen[2].length === 2);
  assert.deepEqual(seen[0], [["news", "theirs", "one_"], ["news", "emitted", "one_"]]);
  assert.deepEqual(seen[1], [["news", { from: "ours" }, "two_"], ["news", "theirs", "two_"], ["news", "emitted", "two_"]]);
  assert.deepEqual(seen[2].map(([, text]) => text), [{ from: "ours" }, "emitted"]);
  const ours = await does(clients[0], { do: "server-side-emit-with-ack", name: "question", args: [7] });
  const answers = (list) => list.map(({ node, asked }) => `${node} ${asked}`).sort();
  assert.deepEqual([answers(ours.responses), ours.nodesMissing], [["node 7", "node 7", "two_ 7"], 0]);
  const theirs = await node.do("serverSideEmitWithAck", { name: "question", args: [8] });
  assert.deepEqual(answers(theirs.responses), ["node 8", "one_ 8", "two_ 8"]);
  const silent = await does(clients[0], { do: "server-side-emit-with-ack", name: "silence", args: [] }, { timeoutMs: 300 });
  assert.deepEqual([silent.responses, silent.nodesMissing], [[], 3]);
  const failed = await connect(one);
  const error = await does(failed, { do: "server-side-emit-with-ack", name: "silence", args: [] }, { timeoutMs: 300, allNodes: true });
  assert.deepEqual([error.success, error.code], [false, "INTERNAL_ERROR"]);
});

for (const from of ["Innkeeper", "Node"]) {
  test(`large messages of ${from} and small ones arrive in order at every server`, async (t) => {
    const servers = await cluster(t);
    const actor = await actors(servers)[from]();
    const seen = (await Promise.all([servers.two, servers.node].map((server) => connect(server)))).map((client) => record(client, "x"));
    const lengths = [1, 900_000, 2, 3, 300_000, 4, 250_000, 5, 262_144, 6];
    await Promise.all(lengths.map((length) => actor.emit({}, { name: "x", args: [length, "é".repeat(length / 2)] })));
    for (const list of seen) {
      await eventually("all arrive", () => list.length === lengths.length);
      assert.deepEqual(list.map(([, length, { length: half }]) => [length, half]), lengths.map((length) => [length, Math.floor(length / 2)]));
    }
  });
}

test("namespaces do not mix, and one of them with a strange name is no pattern", async (t) => {
  const { one, two, node } = await cluster(t);
  const [main, other, theirs] = await Promise.all([connect(two), connect(two, "/other"), connect(node, "/other")]);
  const seen = [main, other, theirs].map((client) => record(client, "x", "end"));
  const sender = await connect(one);
  await does(sender, { do: "emit", name: "x", args: [] }, { namespace: "/other" });
  await does(sender, { do: "emit", name: "end", args: [] });
  await does(sender, { do: "emit", name: "end", args: [] }, { namespace: "/other" });
  for (const list of seen) await eventually("the end arrives", () => list.at(-1)?.[0] === "end");
  assert.deepEqual(seen, [[["end"]], [["x"], ["end"]], [["x"], ["end"]]]);
});

test("acks with binary travel between the servers, one argument each", async (t) => {
  const { one, node } = await cluster(t);
  const [ours, theirs] = await Promise.all([connect(one), connect(node)]);
  ours.on("vote", (answer) => answer({ bytes: [Buffer.from([1, 2])] }, "not this"));
  theirs.on("vote", (answer) => answer());
  const { error, responses } = await node.do("emitWithAck", { target: { timeoutMs: 3_000 }, name: "vote", args: [] });
  assert.equal(error, null);
  const answered = responses.find((response) => response?.bytes);
  assert.deepEqual([responses.length, Buffer.from(answered.bytes[0].data)], [2, Buffer.from([1, 2])]);
});

test("POST /emit reaches the clients of every server, and awaits their acks", async (t) => {
  const { one, two, node } = await cluster(t);
  const clients = await Promise.all([one, two, node].map((server) => connect(server)));
  const seen = clients.map((client) => record(client, "x"));
  clients.forEach((client, index) => client.on("vote", (answer) => answer(index)));
  const { delivered_to } = await asked(one, "/emit", { json: { namespace: "/", event: "x", args: [{ _base64: "AQI=" }] } });
  assert.equal(delivered_to, 1);
  for (const list of seen) await eventually("it arrives", () => list.length === 1);
  assert.deepEqual(Buffer.from(seen[2][0][1]), Buffer.from([1, 2]));
  const answers = await asked(one, "/emit", { json: { namespace: "/", event: "vote", ack: { timeout_ms: 5_000 } } });
  assert.deepEqual(answers.responses.map(({ args }) => args[0]).sort(), [0, 1, 2]);
  assert.deepEqual([answers.responses.filter(({ sid }) => sid === null).length, answers.unanswered, answers.nodes_missing], [2, 0, 0]);
  await asked(one, "/emit", { json: { namespace: "/", event: "x", flags: ["local"] } });
  await asked(one, "/emit", { json: { namespace: "/", event: "x", args: ["end"] } });
  for (const list of seen) await eventually("the end arrives", () => list.at(-1)[1] === "end");
  assert.deepEqual(seen.map((list) => list.length), [3, 2, 2]);
});

test("`innkeeper plugin list --cluster` shows the plugins of every server of this kind", async (t) => {
  const { one } = await cluster(t);
  const { nodes, nodes_missing } = await asked(one, "/nodes");
  assert.deepEqual([nodes.map(({ node }) => node).sort(), nodes_missing, nodes[0].node], [["one_", "two_"], 0, "one_"]);
  const listed = run(t, ["plugin", "list", "--cluster", "--config", one.file, "--url", one.internal]);
  await listed.ended;
  assert.match(listed.stdout, /^NODE +VERSION +PLUGIN +STATUS +GENERATION +DIGEST *\none_ +\d.* clustered +\w+ +1 +[0-9a-f]{12} *\ntwo_ +\d/, listed.text);
});

test("servers whose answers go to the one that asked alone work together with the others", async (t) => {
  const { one, two, node } = await cluster(t, { adapter: { publish_on_specific_response_channel: true, answer_auth: false }, node: { adapter: { publishOnSpecificResponseChannel: true } } });
  const clients = await Promise.all([one, two, node].map((server) => connect(server, "/", { auth: { secret: 1 }, extraHeaders: { cookie: "c=1" } })));
  const { sockets } = await does(clients[0], { do: "fetch" });
  assert.equal(sockets.length, 3);
  const theirs = Object.fromEntries((await node.do("fetch")).map((socket) => [socket.id, socket.handshake]));
  assert.deepEqual([theirs[clients[0].id].auth, theirs[clients[0].id].headers.cookie], [{}, undefined]);
  assert.deepEqual([theirs[clients[2].id].auth, theirs[clients[2].id].headers.cookie], [{ secret: 1 }, "c=1"]);
});

test("a namespace that clients make is in the cluster while it is there", async (t) => {
  const redis = await startRedis(t);
  const [one, two] = await Promise.all(["one_", "two_"].map((node) => startNode(t, redis, { node, plugins: { rooms: { component: "patterned", namespaces: ["/", "/room-[0-9]+"], config: { patterns: ["/room-[0-9]+"] } } } })));
  const channel = (name) => `socket.io-request#${name}#`;
  const subscribers = async (name) => Number((await redis.cli("PUBSUB", "NUMSUB", channel(name))).split("\n")[1]);
  const [ours, theirs] = await Promise.all([connect(one, "/room-1"), connect(two, "/room-1")]);
  await eventually("both are there", async () => (await subscribers("/room-1")) === 2);
  const { client } = await startEmitter(t, redis);
  const { encode } = (await import("notepack.io")).default;
  const seen = [ours, theirs].map((socket) => record(socket, "x"));
  await client.publish("socket.io#/room-1#", encode(["emitter", { type: 2, data: ["x", 1], nsp: "/room-1" }, { rooms: [], except: [], flags: {} }]));
  for (const list of seen) await eventually("it arrives", () => list.length === 1);
  ours.close();
  await eventually("one has gone", async () => (await subscribers("/room-1")) === 1);
});
