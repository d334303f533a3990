// A server of Node in the cluster: the official one, with the official adapter for Redis. Started as a process of its own, and told what to
// do over its channel: `{id, do, ...}` is answered with `{id, result}` or `{id, error}`.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const options = JSON.parse(process.argv[2]);
const publisher = createClient({ url: options.redis });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", () => {});
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(publisher, subscriber, { requestsTimeout: options.requestsTimeout ?? 3000, ...options.adapter }) });
const heard = [];

for (const name of ["/", "/other"]) {
  const namespace = io.of(name);
  namespace.on("connection", (socket) => {
    socket.on("join", (rooms, done) => { socket.join(rooms); done(); });
    socket.on("data", (key, value, done) => { socket.data[key] = value; done(); });
    socket.on("emit", (target, event, args, done) => { select(target).emit(event, ...args); done(); });
  });
  namespace.on("news", (text) => { heard.push(text); namespace.local.emit("news", text, "node"); });
  namespace.on("question", (asked, answer) => answer({ node: "node", asked }));
}

function select({ namespace = "/", rooms = [], except = [], local, volatile, timeoutMs } = {}) {
  let target = io.of(namespace).to(rooms).except(except);
  if (local) target = target.local;
  if (volatile) target = target.volatile;
  return timeoutMs ? target.timeout(timeoutMs) : target;
}

const operations = {
  emit: ({ target, name, args }) => void select(target).emit(name, ...revive(args)),
  emitWithAck: ({ target, name, args }) =>
    new Promise((resolve) => select(target).emit(name, ...revive(args), (error, responses) => resolve({ error: error?.message ?? null, responses }))),
  fetch: async ({ target }) => (await select(target).fetchSockets()).map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake })),
  rooms: async ({ target }) => [...(await io.of(target?.namespace ?? "/").adapter.allRooms())],
  join: ({ target, rooms }) => void select(target).socketsJoin(rooms),
  leave: ({ target, rooms }) => void select(target).socketsLeave(rooms),
  disconnect: ({ target, close }) => void select(target).disconnectSockets(close),
  serverSideEmit: ({ target, name, args }) => void io.of(target?.namespace ?? "/").serverSideEmit(name, ...args),
  serverSideEmitWithAck: async ({ target, name, args }) => {
    try {
      return { responses: await io.of(target?.namespace ?? "/").serverSideEmitWithAck(name, ...args) };
    } catch (error) {
      return { error: error.message, responses: error.responses };
    }
  },
  heard: () => heard,
};

/** Binary comes over the channel as `{$binary: base64}`, a date as `{$date: ms}`. */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("$binary" in value) return Buffer.from(value.$binary, "base64");
  if ("$date" in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
}

process.on("message", async ({ id, do: operation, ...rest }) => {
  try {
    process.send({ id, result: (await operations[operation](rest)) ?? null });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on("disconnect", () => process.exit(0));
http.listen(0, "127.0.0.1", () => process.send({ listening: http.address().port }));
