// Memory that all sockets share, as in a process of Node.

let count = 0;
const users = new Map();

export function counting(socket, nsp) {
  socket.on("login", (name, callback) => {
    users.set(socket.id, name);
    count++;
    nsp.to("watching").emit("count", count, users.size);
    callback(count);
  });
  socket.on("leave", (callback) => {
    users.delete(socket.id);
    count--;
    nsp.to("watching").emit("count", count, users.size);
    callback(count);
  });
  socket.on("users", (callback) => callback([...users.values()].sort(), count));
  socket.on("disconnect", () => {
    if (users.delete(socket.id)) count--;
  });
}
