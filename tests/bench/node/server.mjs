// Socket.IO's server for Node with the handlers of the JavaScript guest, from the same file: node server.mjs PORT

import { createServer } from "node:http";
import { Server } from "socket.io";
import { answers } from "../../guests/js/src/answers.mjs";

const http = createServer();
new Server(http).on("connection", answers);
http.listen(Number(process.argv[2]), "127.0.0.1");
