import { printable } from '@wirepath/core/plugin';
import type { SafeOutput } from './terminal.js';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;

/** What goes on right now: one animated line on a terminal, one plain line per step elsewhere. */
export class Progress implements Disposable {
  readonly #output: SafeOutput;
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #step = '';

  constructor(output: SafeOutput) {
    this.#output = output;
  }

  step(text: string): void {
    this.#step = printable(text);
    if (!this.#output.isTty) {
      this.#output.write(`${this.#step}\n`);
      return;
    }
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  /** Takes the animated line away. */
  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#output.clear('line');
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    this.#output.clear('line');
    this.#output.write(`${FRAMES[this.#frame] ?? ''} ${this.#step}`);
  }
}
