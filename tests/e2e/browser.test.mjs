// Pages of another origin, in a real browser: what they may load, and who may connect.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { openTab, sees, startBrowser } from "./harness/browser.mjs";
import { ROOT, startHost } from "./harness/index.mjs";

const CLIENT = path.join(ROOT, "tests/node_modules/socket.io-client/dist");

test("a page of a listed origin imports the official client and connects, with a subprotocol if it wants one", async (t) => {
  const pages = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(pages, { recursive: true, force: true }));
  const site = await startHost(t, { server: { static_folder: pages } });
  const port = new URL(site.url).port;
  // `localhost` and the address are two origins.
  const cors = { origin: `http://localhost:${port}` };
  const host = await startHost(t, { plugins: ["echo"], server: { client_folder: CLIENT, cors } });
  writeFileSync(path.join(pages, "index.html"), page(host));

  const browser = await startBrowser(t);
  const tab = await openTab(browser, `http://localhost:${port}/`);
  await sees(tab, "#polling", "connected");
  await sees(tab, "#websocket", "connected");
  await sees(tab, "#protocol", "chat");

  const foreign = await openTab(browser, site.url);
  await sees(foreign, "#websocket", "refused");
  await host.waitForLog((line) => /another origin/.test(line.message) && line.origin.includes(site.url), "the log names the origin");
  assert.deepEqual(foreign.errors, []);
});

function page(host) {
  return `<!doctype html><p id="polling"></p><p id="websocket"></p><p id="protocol"></p>
<script type="module">
  import { io } from "${host.url}/socket.io/socket.io.esm.min.js";
  const show = (id, text) => (document.querySelector("#" + id).textContent = text);
  for (const transport of ["polling", "websocket"]) {
    const socket = io("${host.url}", { transports: [transport], reconnection: false });
    socket.on("connect", () => (show(transport, "connected"), socket.close()));
    socket.on("connect_error", () => show(transport, "refused"));
  }
  const offered = new WebSocket("ws://${host.address}/socket.io/?EIO=4&transport=websocket", ["chat", "superchat"]);
  offered.onopen = () => (show("protocol", offered.protocol), offered.close());
</script>`;
}
