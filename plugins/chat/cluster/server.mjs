// The chat on a server of Node, as the Socket.IO guide writes it: the events of the plugins `auth` and `chat`, for the same clients, in the same rooms. The
// adapter for Redis is the official one, and does not know that other servers of the cluster are no Node.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import jwt from "jsonwebtoken";
import { createClient } from "redis";
import { Server } from "socket.io";

const { JWT_SECRET, NODE_SERVER_PORT, REDIS_PORT } = process.env;
const NODE = "node";
const { users } = JSON.parse(readFileSync(new URL("users.json", import.meta.url), "utf8"));

const pubClient = createClient({ url: `redis://127.0.0.1:${REDIS_PORT}` });
const subClient = pubClient.duplicate();
for (const client of [pubClient, subClient]) client.on("error", (error) => console.error("Redis:", error.message));
await Promise.all([pubClient.connect(), subClient.connect()]);

const httpServer = createServer();
const io = new Server(httpServer, { adapter: createAdapter(pubClient, subClient) });
const chat = io.of("/chat");

chat.use((socket, next) => {
  const { token } = socket.handshake.auth;
  if (!token) return next(new Error("No token"));
  try {
    const id = String(jwt.verify(token, JWT_SECRET, { algorithms: ["HS256"] }).userId);
    if (!Object.hasOwn(users, id)) throw new Error(`there is no user ${id}`);
    socket.data.user = { ...users[id], id };
    socket.data.node = NODE;
    socket.join(`user:${id}`);
    next();
  } catch {
    next(new Error("Auth failed"));
  }
});

chat.on("connection", (socket) => {
  const { user } = socket.data;
  const on = (event, handler) => socket.on(event, withErrorHandler(handler));

  on("room:join", async (room) => {
    if (socket.rooms.has(room)) return {};
    if (isOfTheServers(room)) throw new Error(`"${room}" is no room for clients`);
    const wasThere = (await roomsElsewhere()).has(room);
    socket.join(room);
    if (!wasThere) socket.to(room).emit("user:joined", user);
  });
  on("room:leave", async (room) => {
    mustBeIn(room);
    socket.leave(room);
    if (!(await roomsElsewhere()).has(room)) socket.to(room).emit("user:left", user.id);
  });
  // Of all servers, whichever they are.
  on("room:people", async (room) => {
    mustBeIn(room);
    const people = new Map();
    for (const { data } of await chat.in(room).fetchSockets()) {
      const { nodes } = people.get(data.user.id) ?? { nodes: [] };
      people.set(data.user.id, { ...data.user, nodes: [...new Set([...nodes, data.node])].sort() });
    }
    return [...people.values()];
  });
  on("chat:send", async ({ roomId, text }) => {
    mustBeIn(roomId);
    const message = keep({ roomId, text: said(text), from: user, sentAt: Date.now() });
    socket.to(roomId).emit("chat:message", message);
    return { messageId: message.id };
  });
  on("chat:history", async ({ roomId, before = Infinity }) => {
    mustBeIn(roomId);
    return { messages: messages.filter((message) => message.roomId === roomId && message.id < before).slice(-50) };
  });
  on("announce", async ({ rooms, text }) => {
    rooms.forEach(mustBeIn);
    chat.to(rooms).emit("announcement", { rooms, text: said(text), from: user });
  });
  on("notify", async ({ userId, text }) => void chat.to(`user:${userId}`).emit("notification", { text: said(text), from: user }));
  on("global", async ({ text }) => void chat.emit("global", { text: said(text), from: user }));

  socket.on("disconnecting", async () => {
    const rooms = [...socket.rooms].filter((room) => !isOfTheServers(room));
    const elsewhere = await roomsElsewhere().catch(() => new Set());
    for (const room of rooms) if (!elsewhere.has(room)) chat.to(room).emit("user:left", user.id);
  });

  function mustBeIn(room) {
    if (!socket.rooms.has(room)) throw Object.assign(new Error(`you are not in the room "${room}"`), { code: "NOT_IN_ROOM" });
  }

  /** The rooms of the user's other sockets, on any server. */
  async function roomsElsewhere() {
    const sockets = await chat.in(`user:${user.id}`).fetchSockets();
    return new Set(sockets.filter(({ id }) => id !== socket.id).flatMap(({ rooms }) => [...rooms]));
  }
});

/** What a handler returns is its ack; what it throws is an ack, too. */
function withErrorHandler(handler) {
  return async (argument, callback = () => {}) => {
    try {
      const answer = await handler(argument);
      callback(Array.isArray(answer) ? answer : { success: true, ...answer });
    } catch (error) {
      callback({ success: false, error: error.message, code: error.code ?? "ERROR" });
    }
  };
}

/** A socket's own room, and a user's. */
function isOfTheServers(room) {
  return typeof room !== "string" || room === "" || room.startsWith("user:") || /^[\w-]{20}$/.test(room);
}

function said(text) {
  if (typeof text !== "string" || text.trim() === "" || text.length > 2000) throw new Error("a text has 1 to 2000 characters");
  return text;
}

/** What was said on this server: the store of the others is not Node's. */
const messages = [];

/** Numbers a message. The others count in the store, from 1; what counts milliseconds is not in their way. */
function keep(message) {
  const id = Math.max(Date.now(), (messages.at(-1)?.id ?? 0) + 1);
  messages.push({ id, ...message });
  if (messages.length > 1000) messages.shift();
  return messages.at(-1);
}

httpServer.listen(NODE_SERVER_PORT, "127.0.0.1", () => console.log(`${NODE}: listening on 127.0.0.1:${NODE_SERVER_PORT}`));
