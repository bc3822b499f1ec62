// A proxy whose connections can be cut and restored, to simulate an outage of the database or etcd.

import { createServer, connect, type AddressInfo, type Server as Listener, type Socket } from 'node:net';

export class Proxy {
  #listener?: Listener;
  #port = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(readonly host: string, readonly target: number) {}

  /** Forwards a free port to this host and port. */
  static async to(host: string, port: number): Promise<Proxy> {
    const proxy = new Proxy(host, port);
    await proxy.mend();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Closes all connections and accepts no new ones. */
  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener?.close(resolve) ?? resolve(undefined));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#listener = undefined;
  }

  /** Listens again, on the same port. */
  async mend(): Promise<void> {
    const listener = createServer((socket) => {
      const on = connect(this.target, this.host);
      for (const [one, other] of [[socket, on], [on, socket]] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve, reject) => listener.once('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
  }
}
