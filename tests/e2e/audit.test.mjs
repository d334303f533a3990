// The plugin `audit`: which sockets connect and disconnect, and why, in the server's log.

import assert from "node:assert/strict";
import test from "node:test";
import { WAYS, configuration, connect, run, startHost, writeConfig } from "./harness/index.mjs";

for (const via of WAYS) {
  test(`connections and disconnections are logged with the reason (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["audit", "chat"] });
    for (const namespace of ["/", "/chat"]) {
      const client = await connect(host, namespace, { via });
      const { id } = client;
      await host.waitForLog(({ message }) => message === `Connected: ${id}`, "the connection is logged");
      client.disconnect();
      const line = await host.waitForLog(({ message }) => message?.startsWith(`Disconnected: ${id}`), "the disconnection is logged");
      assert.equal(line.message, `Disconnected: ${id}, client namespace disconnect`);
      assert.equal(line.plugin, "audit@1");
    }
  });
}

test("the namespaces are those of the plugin's configuration, and anything else in it is refused", async (t) => {
  const plugins = (config) => ({ audit: { namespaces: ["/game"], config } });
  const host = await startHost(t, { plugins: plugins({ namespaces: ["/game"] }) });
  const { id } = await connect(host, "/game");
  await host.waitForLog(({ message }) => message === `Connected: ${id}`, "the connection is logged");
  const refused = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: plugins({ level: "debug" }) }))]);
  assert.notEqual(await refused.exit(), 0);
  assert.match(refused.text, /unknown field `level`, expected `namespaces`/);
});
