// A plugin as people write one for a Socket.IO server in Node, and a hostile one beside it. What each event shows stands in
// tests/e2e/shared-js.test.mjs. The table `[plugins.<name>.config]` may name the namespace, so that the component can be loaded several
// times.

import { config, io, requires } from "innkeeper-plugin";
import { answers } from "./answers.mjs";
import { counting } from "./counting.mjs";
import { hostile } from "./hostile.mjs";
import { order } from "./order.mjs";
import { rooms } from "./rooms.mjs";
import { socketState } from "./socket-state.mjs";
import { stored } from "./stored.mjs";
import { waiting } from "./waiting.mjs";

const { namespace = "/", hasStore = true, overtakable = false } = config();
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

nsp.on("connection", (socket) => {
  for (const part of [answers, counting, hostile, order, rooms, socketState, stored, waiting]) part(socket, nsp);
});
