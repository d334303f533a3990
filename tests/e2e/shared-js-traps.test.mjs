// A plugin in JavaScript that loops, takes all memory, floods or never ends: what becomes of it, and of everybody else.

import assert from "node:assert/strict";
import { ask, connect, connected, eventually, open, record, startHost } from "./harness/index.mjs";
import { SharedGuest, testWhatIsHostile } from "./harness/shared-guest.mjs";

const guest = new SharedGuest("js");

testWhatIsHostile(guest, ["spin", "spin-later", "endless-promises", "hoard", "recurse"], "recurse");

guest.test("js: the `disconnecting` handler of a new instance reads the rooms of a socket that ends", async (t) => {
  const host = await guest.start(t);
  const [client, leaver] = [await connect(host), await connect(host)];
  await ask(leaver, "join", "room");
  const { id } = leaver;

  await ask(client, "recurse");
  leaver.close();

  await eventually("the instance has heard of the end", async () => (await ask(client, "end-of", id))?.reason);
  const end = await ask(client, "end-of", id);
  assert.deepEqual([end.rooms, end.reason], [[id, "everybody", "room"].sort(), "client namespace disconnect"]);
});

guest.test("js: timers that double without end starve nobody on another plugin", async (t) => {
  const host = await startHost(t, {
    plugins: { js: { ...guest.plugin, namespaces: ["/"] }, other: { component: "js", namespaces: ["/other"], config: { namespace: "/other", hasStore: false } } },
    store: { memory: ["js"] },
  });
  const [client, other] = [await connect(host), await connect(host, "/other")];

  assert.equal(await ask(client, "timer-flood"), "flooding");

  for (let i = 0; i < 200; i++) assert.equal(await ask(other, "echo-async", i), i);
});

guest.test("js: `connection` that stores before it registers its handlers has stored once and has its handlers after a trap", async (t) => {
  const host = await guest.start(t, { config: { storesFirst: true } });
  const [clients, heard] = [[], []];
  for (let i = 0; i < 3; i++) {
    clients.push(open(host));
    heard.push(record(clients[i], "welcome", "from the timer"));
    await connected(clients[i]);
    await eventually("its handlers are registered", () => heard[i].length > 0);
  }
  for (const [index, client] of clients.entries()) {
    assert.deepEqual(await ask(client, "stored"), { count: index + 1, isFirst: index === 0, total: 3 });
  }
  await eventually("their timers have run", () => heard.every((list) => list.some(([event]) => event === "from the timer")));
  for (const list of heard) list.length = 0;

  await ask(clients[0], "recurse");

  // The present value stands for what an increment would give, and nothing was swapped.
  for (const client of clients) assert.deepEqual(await ask(client, "stored"), { count: 3, isFirst: false, total: 3 });
  assert.equal(await ask(clients[1], "echo-async", "alive"), "alive");
  await eventually("their timers run again", () => heard.every((list) => list.length > 0));
  for (const list of heard) assert.deepEqual(list, [["from the timer", true]]);
});
