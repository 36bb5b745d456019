import { promises as dns } from 'node:dns';
import { open } from 'node:fs/promises';

/** What the system has on names; tests replace it. */
export interface NameSystem {
  /** Text of a file, its first `maxBytes`; undefined where it is not there or not for us to read. */
  readText(path: string, maxBytes: number): Promise<string | undefined>;
  /** Servers that Node found, where the system has no resolv.conf: `192.0.2.53`, `[2001:db8::53]:5353`. */
  servers(): readonly string[];
  /**
   * The system's own look-up (getaddrinfo), with all that it goes by: mDNS, directories, names of containers. Nothing that it
   * sends can be marked, and nothing ends it early.
   */
  lookup(host: string): Promise<readonly string[]>;
}

export const nameSystem: NameSystem = {
  async readText(path, maxBytes) {
    try {
      await using file = await open(path);
      const { size } = await file.stat();
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(Math.min(maxBytes, size)), position: 0 });
      return buffer.toString('utf8', 0, bytesRead);
    } catch {
      // Not every system has every one of them.
      return undefined;
    }
  },
  servers: () => dns.getServers(),
  lookup: async (host) => (await dns.lookup(host, { all: true })).map(({ address }) => address),
};
