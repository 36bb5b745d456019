import { spawn, type ChildProcess } from 'node:child_process';
import { CodedError, type Logger, type Service } from '@wirepath/core/plugin';
import { startFailure, systemProgram } from '../../system/system-program.js';
import { UapiClient } from '../../uapi/socket/client.js';

export interface WireguardGoOptions {
  readonly interfaceName: string;
  /** @default wireguard-go */
  readonly command?: string;
  readonly logger?: Logger;
  /** Until its UAPI socket answers. @default 5000 */
  readonly startTimeoutMs?: number;
}

/** A wireguard-go of our own: started in the foreground, ended by its pid. Its device goes with it. */
export class WireguardGo implements Service {
  readonly #options: WireguardGoOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> | undefined;
  #stopped = false;

  constructor(options: WireguardGoOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws CodedError NETWORK_CONFIG when it ends at once or is not installed, PERMISSION_DENIED, TIMEOUT, ABORTED; INTERFACE_IN_USE. */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    const { interfaceName, command = 'wireguard-go', logger } = this.#options;
    const device = UapiClient.forInterface(interfaceName);
    if (await answers(device)) throw new CodedError('INTERFACE_IN_USE', undefined, { subject: interfaceName });
    if (this.#isStopped(signal)) throw new CodedError('ABORTED');
    const { file, ...environment } = systemProgram(command);
    const child = spawn(file, ['-f', interfaceName], { ...environment, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let lastWords = '';
    child.stderr.on('data', (bytes: Buffer) => (lastWords = (lastWords + bytes.toString('latin1')).slice(-1000)));
    let failure: Error | undefined;
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
      child.once('close', () => resolve());
    });
    let running = false;
    void this.#ended.then(() => {
      if (this.#child === child) this.#child = undefined;
      if (running && !this.#stopped) logger?.error('wireguard-go ended by itself', { interface: interfaceName });
    });
    const deadline = Date.now() + (this.#options.startTimeoutMs ?? 5000);
    while (!(await answers(device))) {
      const over = this.#child !== child;
      if (!over && !this.#isStopped(signal) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      const stopped = this.#isStopped(signal);
      await this.#end();
      if (stopped) throw new CodedError('ABORTED');
      if (!over) throw new CodedError('TIMEOUT', `${command} did not open its socket`, { subject: interfaceName });
      if (failure) throw startFailure(file, failure);
      throw new CodedError('NETWORK_CONFIG', `${command} ended: ${reasonIn(lastWords)}`, {
        subject: interfaceName,
      });
    }
    running = true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#end();
  }

  #isStopped(signal: AbortSignal): boolean {
    return this.#stopped || signal.aborted;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (!child || !this.#ended) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await this.#ended;
    clearTimeout(timer);
  }
}

async function answers(device: UapiClient): Promise<boolean> {
  try {
    await device.get();
    return true;
  } catch {
    // Not yet: the caller asks again until its deadline.
    return false;
  }
}

/** The line with the reason, out of a banner. */
function reasonIn(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.includes('ERROR'));
  return lines.at(-1)?.trim() ?? 'it said nothing';
}
