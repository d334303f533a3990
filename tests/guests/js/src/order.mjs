// In which order the events of a socket start, and what other plugins of the chain see.

export function order(socket, nsp) {
  const started = [];
  let seq = 0;

  socket.on("seq", (number) => {
    started.push(number);
    socket.emit("seen", nsp.name, number, seq++);
  });
  socket.on("seq-async", async (number) => {
    started.push(number);
    const at = seq++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    socket.emit("seen", nsp.name, number, at);
    return at;
  });
  socket.on("started", (callback) => callback(started));
}
