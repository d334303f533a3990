// Rooms, broadcasts, and questions to many.

export function rooms(socket, nsp) {
  socket.on("join", (room) => {
    socket.join(room);
    socket.to(room).emit("joined", socket.id);
    return [...socket.rooms].sort();
  });
  socket.on("leave-room", (room, callback) => {
    socket.leave(room);
    callback([...socket.rooms].sort());
  });
  socket.on("say", (room, text) => {
    nsp.to(room).except("muted").emit("said", text);
  });
  socket.on("fetch", async (room) => {
    const found = await nsp.in(room).fetchSockets();
    return found.map(({ id, data, rooms, handshake }) => ({ id, data, rooms: [...rooms].sort(), query: handshake.query.name }));
  });
  socket.on("ask-room", async (room, timeout) => {
    try {
      return { responses: await nsp.to(room).timeout(timeout).emitWithAck("question", "how many?") };
    } catch (error) {
      return { message: error.message, responses: error.responses };
    }
  });
  socket.on("ask-other", async (id, value) => {
    const others = await nsp.in(id).fetchSockets();
    return others[0].emitWithAck("question", value);
  });
  socket.on("ask-me", async (value, timeout) => {
    const to = timeout === null ? socket : socket.timeout(timeout);
    try {
      return { answer: await to.emitWithAck("question", value) };
    } catch (error) {
      return { message: error.message };
    }
  });
  socket.on("ask-me-callback", (value, callback) => {
    socket.timeout(10_000).emit("question", value, (error, answer) => callback(error, answer));
  });
  socket.on("kick", (id) => {
    nsp.in(id).disconnectSockets();
  });
}
