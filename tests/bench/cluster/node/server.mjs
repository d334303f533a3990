// Socket.IO's server for Node with the official adapter, as its documentation sets it up: node server.mjs PORT redis://127.0.0.1:PORT

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, url] = process.argv.slice(2);
const publisher = createClient({ url });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", (error) => console.error(error));
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
new Server(http, { adapter: createAdapter(publisher, subscriber) }).on("connection", (socket) => {
  socket.on("bench:echo", (payload, done) => done(payload));
  socket.on("room:join", (room) => socket.join(room));
  socket.on("bench:publish", (payload) => socket.to("bench").emit("bench:message", payload));
});
http.listen(Number(port), "127.0.0.1");
