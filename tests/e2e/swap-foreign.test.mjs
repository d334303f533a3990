// Plugins in JavaScript and Python are swapped: what waits ends where it began, and the next generation meets the sockets that are there.

import assert from "node:assert/strict";
import { ask, connect, connected, eventually, open, record } from "./harness/index.mjs";
import { SharedGuest } from "./harness/shared-guest.mjs";
import { change } from "./harness/swap.mjs";

const js = new SharedGuest("js");
const python = new SharedGuest("python");

for (const guest of [js, python]) {
  const { name } = guest;
  /** The same component once more: another instance with a memory of its own. */
  const again = (host) => change(host, name, "swap", { again: true });

  guest.test(`${name}: what waits ends on the generation where it began, and sockets carry on`, async (t) => {
    const host = await guest.start(t);
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(host)));
    await Promise.all(clients.map((client, index) => ask(client, "data", "number", index)));
    const heard = clients.map((client) => record(client, "welcome", "disconnect"));
    const waiting = clients.map((client, index) => ask(client, "sleep", index));

    const { generation } = await again(host);

    assert.equal(generation.number, 2);
    const slept = await Promise.all(waiting);
    assert.deepEqual(slept.map(([value]) => value), clients.map((_, index) => index));
    for (const [index, client] of clients.entries()) {
      assert.equal(await ask(client, "echo-async", index), index);
      const answer = await ask(client, "data", "again", true);
      assert.equal((Array.isArray(answer) ? answer[0] : answer).number, index, "socket.data stays");
    }
    assert.deepEqual(heard, clients.map(() => []), "nobody is greeted twice, and nobody is disconnected");
  });
}

js.test("js: `connection` that stores before it registers its handlers has them after a swap, and has stored once", async (t) => {
  const host = await js.start(t, { config: { storesFirst: true } });
  const clients = [];
  for (let i = 0; i < 3; i++) {
    clients.push(open(host));
    const heard = record(clients[i], "welcome", "from the timer");
    await connected(clients[i]);
    await eventually("its handlers are registered", () => heard.length > 0);
  }
  for (const client of clients) assert.equal((await ask(client, "stored")).total, 3);

  await change(host, "js", "swap", { again: true });

  // The present value stands for what an increment would give, and nothing was stored again.
  for (const client of clients) assert.deepEqual(await ask(client, "stored"), { count: 3, isFirst: false, total: 3 });
});
