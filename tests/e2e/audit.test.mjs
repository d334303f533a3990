// The plugin `audit`: which sockets connect and disconnect, and why, in the server's log.

import assert from "node:assert/strict";
import test from "node:test";
import { WAYS, connect, startHost } from "./harness/index.mjs";

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
