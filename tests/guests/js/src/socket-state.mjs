// What a socket has: its handshake, its data, its end; and what `connection` does again after a trap.

import { io } from "innkeeper-plugin";

/** How each socket ended, for a while. */
const ends = [];

export function socketState(socket, nsp) {
  socket.data.since ??= "the first connection";
  socket.join("everybody");
  socket.emit("welcome", socket.recovered, socket.mark ?? null);
  const timer = setTimeout(() => socket.emit("from the timer", socket.recovered), 20);
  socket.once("stop-timer", () => clearTimeout(timer));

  socket.on("handshake", (callback) => {
    const { query, auth, address, headers, issued, url } = socket.handshake;
    callback({ query, auth, address, hasHost: "host" in headers, isRecent: Math.abs(Date.now() - issued) < 60_000, url, transport: socket.conn.transport.name });
  });
  socket.on("data", (key, value, callback) => {
    socket.data[key] = value;
    callback({ ...socket.data }, key in socket.data);
  });
  socket.on("forget", (key, callback) => {
    delete socket.data[key];
    callback({ ...socket.data });
  });
  socket.on("state", (callback) => callback({ recovered: socket.recovered, mark: socket.mark ?? null, nsp: socket.nsp.name, data: { ...socket.data } }));
  socket.on("disconnect-me", (close) => {
    socket.disconnect(close);
  });
  socket.on("disconnecting", () => {
    ends.push({ id: socket.id, rooms: [...socket.rooms].sort() });
  });
  socket.on("disconnect", (reason, details) => {
    Object.assign(ends.find((end) => end.id === socket.id) ?? {}, { reason, details, left: [...socket.rooms] });
    nsp.emit("gone", socket.id, reason);
  });
  socket.on("end-of", (id, callback) => callback(ends.find((end) => end.id === id) ?? null));

  // Not for every socket: the benchmark measures events that no middleware sees.
  socket.on("guard", (callback) => {
    socket.use(([event], next) => {
      if (event === "forbidden") return next(new Error("not for you"));
      if (event === "slow") return setTimeout(next, 5);
      next();
    });
    socket.use(async ([event]) => {
      if (event === "rejected") throw new Error("not for you either");
    });
    callback();
  });
  for (const event of ["forbidden", "rejected", "slow"]) socket.on(event, () => "passed");
  socket.on("error", (error) => socket.emit("told", error.message));

  socket.on("watch", (callback) => {
    const seen = [];
    socket.onAny((event, ...args) => seen.push([event, args.length]));
    socket.on("watched", (callback) => callback(seen));
    callback();
  });
}

/** What survives a swap. */
let kept = "nothing";
io.onSnapshot(() => ({ kept }));
io.onRestore((state) => (kept = state.kept));
