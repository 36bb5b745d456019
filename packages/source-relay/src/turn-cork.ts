import type { Socket } from 'node:net';

/** What one turn of the event loop writes to a stream leaves together: a message is no packet of its own for each of its parts. */
export class TurnCork {
  readonly #socket: Socket;
  #isCorked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** To be called before writing. */
  hold(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }
}
