// The plugin `rate-limit`: points at connect and for each event, counted by the host for all instances together.

import assert from "node:assert/strict";
import test from "node:test";
import { ask, configuration, connect, next, refused, run, seed, startHost, writeConfig } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

const SECRET = "a secret of the tests that nobody could guess";

function start(t, config, more = {}) {
  const limiter = { config: { window_ms: 60_000, ...config } };
  return startHost(t, { plugins: { "rate-limit": limiter, echo: {}, ...more } });
}

for (const via of ["websocket", "polling"]) {
  test(`connecting beyond the limit of an address is refused, and so is a reconnect (${via})`, async (t) => {
    const host = await start(t, { points: 2, per: ["address"] });
    for (let count = 0; count < 2; count++) (await connect(host, "/", { via })).close();
    for (let count = 0; count < 2; count++) {
      const error = await refused(host, "/", { via });
      assert.equal(error.message, "Rate limit exceeded");
      assert.ok(error.data.retryAfterMs > 50_000 && error.data.retryAfterMs <= 60_000, JSON.stringify(error.data));
    }
  });

  test(`events beyond the limit of a socket are rejected with a code and the time to wait (${via})`, async (t) => {
    const host = await start(t, { points: 2, per: ["socket"] });
    const client = await connect(host, "/", { via });
    assert.deepEqual([await ask(client, "a", 1), await ask(client, "b", 2)], [1, 2]);
    const told = await ask(client, "c", 3);
    assert.deepEqual([told.success, told.error, told.code], [false, "Rate limit exceeded", "RATE_LIMITED"]);
    assert.ok(told.retryAfterMs > 50_000 && told.retryAfterMs <= 60_000);
    const event = next(client, "error");
    client.emit("d");
    assert.equal((await event)[0].code, "RATE_LIMITED");
    assert.equal(await ask(await connect(host, "/", { via }), "e", 5), 5, "another socket has points of its own");
  });
}

test("many sockets at once, in as many instances as it takes, get exactly the points that there are", async (t) => {
  const host = await start(t, { points: 60, per: ["address"] });
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(host)));
  const answers = await Promise.all(clients.flatMap((client) => [1, 2, 3, 4, 5].map((number) => ask(client, "x", number))));
  assert.equal(answers.filter((answer) => typeof answer === "number").length, 40);
});

test("when the window has closed there are points again", async (t) => {
  const host = await start(t, { points: 1, window_ms: 300, per: ["address"] });
  await connect(host);
  const { data } = await refused(host);
  await new Promise((resolve) => setTimeout(resolve, data.retryAfterMs));
  await connect(host);
});

test("the points of a user are those of all the user's sockets", async (t) => {
  // Each connect costs one, too.
  const plugins = { auth: {}, "rate-limit": { config: { points: 3, per: ["user"] } }, echo: {} };
  const store = { seed: seed(t, { users: { ann: {}, bob: {} } }) };
  const host = await startHost(t, { plugins, store, keys: { default: { secret: SECRET } } });
  const as = (userId) => ({ auth: { token: token({ userId, exp: inSeconds(600) }, SECRET) } });
  const [first, second] = [await connect(host, "/", as("ann")), await connect(host, "/", as("ann"))];
  assert.equal(await ask(first, "x", 1), 1);
  assert.equal((await ask(second, "x", 1)).code, "RATE_LIMITED");
  await connect(host, "/", as("bob"));
});

test("wrong tokens are counted by a limiter before auth, and cost no user a point", async (t) => {
  const limiter = (config) => ({ component: "rate-limit", grants: ["rate-limit"], namespaces: ["/", "/chat"], config });
  const plugins = { attempts: limiter({ points: 5, per: ["address"] }), auth: {}, "rate-limit": limiter({ points: 1, per: ["user"] }), echo: {} };
  const store = { seed: seed(t, { users: { ann: {} } }) };
  const host = await startHost(t, { plugins, store, keys: { default: { secret: SECRET } } });
  const auth = (secret) => ({ auth: { token: token({ userId: "ann", exp: inSeconds(600) }, secret) } });
  for (let count = 0; count < 4; count++) assert.equal((await refused(host, "/", auth(`${SECRET}?`))).message, "Auth failed");
  await connect(host, "/", auth(SECRET));
  assert.equal((await refused(host, "/", auth(`${SECRET}?`))).message, "Rate limit exceeded");
});

test("clients that are refused make no keys, so that they cannot fill the table", async (t) => {
  const host = await start(t, { points: 2 });
  for (let count = 0; count < 2; count++) await connect(host);
  for (let count = 0; count < 20; count++) await refused(host);
  const page = await (await fetch(`${host.internal}/metrics`)).text();
  assert.match(page, /^innkeeper_rate_limit_keys\{plugin="rate-limit"\} 1(\.0)?$/m);
});

test("a configuration that makes no sense keeps the plugin from being loaded, and no client reads of it", async (t) => {
  const mistakes = [
    [{ window_ms: 0 }, /config(: |\.)window_ms: a window of 0 ms counts nothing; give at least 1/],
    [{ points: 0 }, /config(: |\.)points: with 0 every client is refused; give at least 1/],
    [{ duration: 60 }, /config(: |\.)duration: .*; write window_ms = 60000/],
    [{ windowMs: 60000 }, /unknown field `windowMs`, expected one of `points`, `window_ms`, `per`, `namespaces`/],
    [{ per: ["ip"] }, /unknown variant `ip`, expected one of `address`, `user`, `socket`/],
    [{ per: [] }, /config(: |\.)per: an empty list limits nothing/],
    [{ points: "many" }, /invalid type: string "many", expected u32/],
    [{ namespaces: ["todo"] }, /"todo" is not a namespace/],
  ];
  for (const [config, told] of mistakes) {
    const host = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: { "rate-limit": { config } } }))]);
    assert.notEqual(await host.exit(), 0);
    assert.match(host.text, told);
  }
});

test("points are counted on the namespaces of the plugin's configuration", async (t) => {
  const plugins = { "rate-limit": { namespaces: ["/lobby"], config: { points: 1, per: ["address"], namespaces: ["/lobby"] } }, echo: {} };
  const host = await startHost(t, { plugins });
  await connect(host, "/lobby");
  assert.equal((await refused(host, "/lobby")).message, "Rate limit exceeded");
  for (let count = 0; count < 3; count++) await connect(host, "/");
});
