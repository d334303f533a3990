// Namespaces by pattern: made for the first client, gone with the last.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WAYS, ask, connect, connected, configuration, disconnected, eventually, manager, next, open, record, refused, run, startHost, writeConfig } from "./harness/index.mjs";

// As the source of an expression of JavaScript.
const ROOMS = "^\\/room-\\d+$";
const ROUNDS = 100;

test("every name that a pattern matches whole is a namespace of its own, and no other name is one", async (t) => {
  const host = await start(t);
  const [one, two] = await Promise.all(["/room-1", "/room-2"].map((name) => connect(host, name)));
  const heard = record(two, "shout");
  const own = record(one, "shout");
  one.emit("shout", "hello");
  await eventually("the word comes back", () => own.length === 1);
  two.emit("shout", "and you");
  await eventually("the other word comes back", () => heard.length > 0);
  assert.deepEqual(heard, [["shout", "and you"]]);
  assert.deepEqual(own, [["shout", "hello"]]);

  for (const name of ["/room-", "/room-x", "/room-1x", "/x/room-1", `/room-${"1".repeat(300)}`]) {
    assert.equal((await refused(host, name)).message, "Invalid namespace", name);
  }
  assert.match(await metrics(host), /^innkeeper_limit_hits_total\{limit="NAMESPACE_NAME_BYTES_MAX",plugin=""\} 1$/m);
});

test("an emit to a pattern reaches all its namespaces", async (t) => {
  const host = await start(t);
  const main = await connect(host);
  const rooms = await Promise.all([1, 2, 3].map((number) => connect(host, `/room-${number}`, { via: WAYS[number - 1] })));
  const heard = rooms.map((room) => record(room, "announced"));
  const none = record(main, "announced");
  assert.equal(await ask(main, "announce", "from outside"), true);
  assert.equal(await ask(rooms[0], "announce", "from inside"), true);
  for (const list of heard) {
    await eventually("both arrive", () => list.length === 2);
    assert.deepEqual(list, [["announced", "from outside"], ["announced", "from inside"]]);
  }
  assert.deepEqual(none, []);
});

test("clients that come at once to a new name are in one namespace", async (t) => {
  const host = await start(t);
  for (let round = 0; round < ROUNDS; round++) {
    const clients = WAYS.map((via) => open(host, `/room-${round}`, { via }));
    await Promise.all(clients.map(connected));
    const ids = clients.map((client) => client.id).sort();
    for (const client of clients) assert.deepEqual((await ask(client, "who")).sort(), ids);
    const heard = clients.map((client) => next(client, "shout"));
    clients[0].emit("shout", "all");
    for (const [word] of await Promise.all(heard)) assert.equal(word, "all");
    clients.forEach((client) => client.close());
  }
});

test("a client that comes while the last one goes is in a namespace that serves it", async (t) => {
  const host = await start(t);
  const main = await connect(host);
  const [came, went] = [new Set(), new Set()];
  main.on("came", (_, id) => came.add(id));
  main.on("went", (_, id) => went.add(id));
  const sides = [manager(host), manager(host, { via: "polling" })];
  let last = await connected(sides[0].socket("/room-1").connect());
  for (let round = 1; round <= ROUNDS; round++) {
    const comes = sides[round % 2].socket("/room-1");
    const heard = next(comes, "shout");
    comes.connect();
    last.disconnect();
    await connected(comes);
    comes.emit("shout", `${round}`);
    assert.deepEqual(await heard, [`${round}`]);
    // The one that goes may be on its way yet.
    await eventually("it is alone there", async () => `${await ask(comes, "who")}` === comes.id);
    last = comes;
  }
  last.disconnect();
  await eventually("each that came has gone", () => came.size === ROUNDS + 1 && went.size === came.size);
});

test("names that clients choose leave nothing in the metrics, and their events are counted", async (t) => {
  const host = await start(t, { limits: { namespaces_per_connection_max: 1_000 } });
  const one = manager(host);
  const sockets = Array.from({ length: 300 }, (_, number) => one.socket(`/room-${number}`));
  await Promise.all(sockets.map((socket) => connected(socket.connect())));
  const full = await metrics(host);
  assert.match(full, /^innkeeper_sockets\{namespace="other"\} 300\.0$/m);
  assert.ok(!full.includes("room-"));
  const heard = next(sockets[0], "shout");
  sockets[0].emit("shout", "x");
  await heard;
  sockets.forEach((socket) => socket.disconnect());
  const received = /^innkeeper_events_received_total\{namespace="other",event="other"\} 1$/m;
  await eventually("all have gone", async () => !/^innkeeper_sockets\{namespace="other"\} [1-9]/m.test(await metrics(host)));
  assert.match(await metrics(host), received);
});

test("the plugins whose patterns match form a chain, if each of them lists its pattern", async (t) => {
  const guard = (table) => ({ component: "patterned", config: { patterns: ["/.*"] }, ...table });
  const game = (table) => ({ component: "patterned", config: { patterns: ["/game-.+"], names: ["/lobby"] }, ...table });
  const check = async (plugins) => {
    const checked = run(t, ["config", "check", "--config", writeConfig(t, configuration({ plugins }))]);
    return [await checked.exit(), checked.text];
  };
  const [code, text] = await check({ guard: guard(), game: game({ namespaces: ["/", "/lobby", "/game-.+"] }) });
  assert.equal(code, 2);
  assert.match(text, /plugins\.guard\.namespaces: registers the namespace "\/", and so does "game"/);
  assert.match(text, /write namespaces = \["\/", "\/\.\*"\] in \[plugins\.guard\]/);

  const listed = { guard: guard({ namespaces: ["/", "/.*"] }), game: game({ namespaces: ["/", "/lobby", "/game-.+"] }) };
  assert.deepEqual((await check(listed))[0], 0);
  const host = await startHost(t, { plugins: listed });
  for (const [name, plugins] of [["/game-1", [["/.*"], ["/game-.+"]]], ["/lobby", [["/.*"], ["/game-.+"]]], ["/else", [["/.*"]]]]) {
    const client = open(host, name);
    const welcomes = record(client, "welcome");
    await connected(client);
    await ask(client, "who");
    assert.deepEqual(welcomes.map(([, patterns]) => patterns), plugins, name);
  }
});

test("a pattern that is none, is too large or one of too many is refused with the reason", async (t) => {
  for (const [patterns, told] of [
    [["/("], /its registration says the pattern "\/\(", which is no regular expression: unclosed group/],
    [["/(?=x)"], /look-around/],
    [["/(?:[a-z]{1,999}){1,99}"], /which is too large: compiled it has more than 262144 bytes/],
    [[`/${"x".repeat(1_024)}`], /its registration says a pattern of 1025 bytes, and at most 1024 are allowed/],
    [Array.from({ length: 33 }, (_, number) => `/${number}-.*`), /its registration says 33 patterns of namespaces, and at most 32 are allowed/],
  ]) {
    const config = configuration({ plugins: { rooms: { component: "patterned", config: { patterns } } } });
    const checked = run(t, ["config", "check", "--config", writeConfig(t, config)]);
    assert.equal(await checked.exit(), 2);
    assert.match(checked.text, told);
  }
});

test("a client that is disconnected from a namespace of a pattern connects to it again", async (t) => {
  const host = await start(t);
  const one = manager(host);
  const socket = one.socket("/room-1");
  for (let round = 0; round < 20; round++) {
    await connected(socket.connect());
    assert.deepEqual(await ask(socket, "who"), [socket.id]);
    const gone = disconnected(socket);
    socket.disconnect();
    await gone;
  }
});

function start(t, options) {
  return startHost(t, { plugins: { rooms: { component: "patterned", namespaces: ["/", ROOMS], config: { patterns: [ROOMS] } } }, ...options });
}

async function metrics(host) {
  return (await fetch(`${host.internal}/metrics`)).text();
}
