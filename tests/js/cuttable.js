// A TCP proxy whose connections can be cut, as a network does it.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after } from "node:test";

/** @returns `url` through the proxy, and `cut()`, which ends every connection of the moment without a word. */
export async function cuttable(url) {
  const { hostname, port } = new URL(url);
  const open = new Set();
  const cut = () => open.forEach((socket) => socket.destroy());
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => {});
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, cut };
}
