// A plugin in JavaScript that loops, takes all memory, floods or never ends: what becomes of it, and of everybody else.

import assert from "node:assert/strict";
import { ask, connect, eventually, startHost } from "./harness/index.mjs";
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
