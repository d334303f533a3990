// In which order the events of a socket start, and what other plugins of the chain see.

export function order(socket) {
  const started = [];
  let seq = 0;

  socket.on("seq", (number) => {
    started.push(number);
    return seq++;
  });
  socket.on("seq-async", async (number) => {
    started.push(number);
    const at = seq++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    return at;
  });
  // As the guest `unruly` has it, to stand in a chain with it.
  socket.on("step", async (number, ms) => {
    socket.emit("begins", "js", number);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    socket.emit("ends", "js", number);
  });
  socket.on("started", (callback) => callback(started));
}
