// What must hurt nobody else.

import { log } from "innkeeper-plugin";

const hoard = [];

export function hostile(socket) {
  socket.on("spin", () => {
    for (;;);
  });
  socket.on("spin-later", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (;;);
  });
  socket.on("hoard", () => {
    for (;;) hoard.push(new Uint8Array(1 << 20).fill(1));
  });
  socket.on("endless-promises", async () => {
    for (;;) await undefined;
  });
  socket.on("recurse", () => {
    const deeper = (n) => 1 + deeper(n + 1);
    return deeper(0);
  });
  socket.on("never", () => new Promise(() => {}));
  socket.on("questions", (count) => {
    // Nobody waits for them.
    for (let i = 0; i < count; i++) setTimeout(() => {}, 60_000);
    return "asked";
  });
  socket.on("timer-flood", () => {
    const again = () => {
      setTimeout(again, 0);
      setTimeout(again, 0);
    };
    again();
    return "flooding";
  });
  socket.on("reject-nobody", (callback) => {
    Promise.reject(new Error("nobody waits for this"));
    callback("fine");
  });
  socket.on("log", (level, message) => log[level](message, { from: "the guest" }));
}
