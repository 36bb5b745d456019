import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Of -20 to 19: how far it is put before the fuzzer itself. */
const AHEAD = 10;

/**
 * Favours the process by weight, so that an echo that comes late tells of the product and not of the fuzzer: ahead of this
 * process's niceness, as a session (Linux's autogroups weigh these, and niceness only within one) and as a process. It
 * needs root; no real-time class, for a process that spins must not take the machine with it.
 */
function favour(pid) {
  const niceness = Math.max(-20, getPriority() - AHEAD);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
    setPriority(pid, niceness);
  } catch {
    // Not permitted, or a kernel without autogroups: then it runs as everything does.
  }
}

/** The process under test, asked over IPC. That it ends before it is told to is the first thing that a fuzz run can find. */
export class SubjectProcess {
  #child;
  #questions = new Map();
  #nextId = 1;
  #stderr = '';
  /** How it ended, when it did. */
  ended;
  onEnd = () => undefined;

  constructor({ proxy }) {
    const file = fileURLToPath(new URL('./subject.mjs', import.meta.url));
    const args = ['--expose-gc', file, ...(proxy ? ['proxy'] : [])];
    // A process group of its own: what it started ends with it, whatever ends it.
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], detached: true });
    favour(this.#child.pid);
    this.#child.stderr?.on('data', (text) => (this.#stderr = (this.#stderr + text).slice(-4000)));
    this.ready = new Promise((resolve, reject) => {
      this.#child.on('message', (message) => {
        if (message.ready) resolve();
        else this.#questions.get(message.id)?.resolve(message.answer);
        this.#questions.delete(message.id);
      });
      this.#child.on('close', (code, signal) => {
        this.ended = { code, signal, stderr: this.#stderr };
        const error = new Error(`the process under test has ended: ${signal ?? `exit ${code}`}\n${this.#stderr}`);
        reject(error);
        for (const question of this.#questions.values()) question.reject(error);
        this.onEnd(error);
      });
    });
  }

  ask(question) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#questions.set(id, { resolve, reject });
      this.#child.send({ id, question });
    });
  }

  /** In order, or by force where that hangs. @returns how it ended. */
  async stop() {
    if (this.ended === undefined) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve));
      this.onEnd = () => undefined;
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
      // It may end before it answers; how it ended is what counts.
      await Promise.race([this.ask('stop').catch(() => undefined), closed]);
      await closed;
      clearTimeout(timer);
    }
    this.#endGroup();
    return this.ended;
  }

  #endGroup() {
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  }
}
