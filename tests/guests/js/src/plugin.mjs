// A plugin as people write one for a Socket.IO server in Node, and a hostile one beside it. What each event shows stands in
// tests/e2e/shared-js.test.mjs. The table `[plugins.<name>.config]` may name the namespace, so that the component can be loaded several
// times.

import { config, io, requires, store } from "innkeeper-plugin";
import { answers } from "./answers.mjs";
import { counting } from "./counting.mjs";
import { hostile } from "./hostile.mjs";
import { order } from "./order.mjs";
import { rooms } from "./rooms.mjs";
import { socketState } from "./socket-state.mjs";
import { stored } from "./stored.mjs";
import { waiting } from "./waiting.mjs";

const { namespace = "/", hasStore = true, storesFirst = false, overtakable = false } = config();
if (hasStore) requires("store:js", "rate-limit");

const nsp = io.of(namespace);
nsp.overtakable = overtakable;

nsp.use((socket, next) => {
  const { refuse, throws } = socket.handshake.query;
  socket.mark = "set by middleware";
  if (refuse) return next(Object.assign(new Error("not today"), { data: { because: refuse } }));
  if (throws) throw Object.assign(new Error("broken"), { data: { because: throws } });
  next();
});

const parts = [answers, counting, hostile, order, rooms, socketState, stored, waiting];
const connections = store.bucket("js");

nsp.on("connection", (socket) => {
  if (storesFirst) return storeFirst(socket);
  for (const part of parts) part(socket, nsp);
});

/** As people write it: what has to be read comes first, and only then the handlers. */
async function storeFirst(socket) {
  const count = await connections.increment("connections");
  const isFirst = await connections.compareAndSwap("first", undefined, socket.id);
  await connections.set(`socket:${socket.id}`, { count });
  socket.on("stored", async () => ({ count, isFirst, total: await connections.get("connections") }));
  for (const part of parts) part(socket, nsp);
}
