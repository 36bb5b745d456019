import { readdirSync, openSync, readSync, closeSync } from 'node:fs';
import { endianness, networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/** What this package reads of the machine. The one place that touches it; tests hand in texts. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly endianness: 'LE' | 'BE';
  /** As `os.networkInterfaces()`: interfaces that are up and running. */
  interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** Text of a file of procfs or sysfs; undefined where it is missing or may not be read. */
  readText(path: string): string | undefined;
  /** Names in a folder; none where it is missing. */
  list(folder: string): readonly string[];
}

/**
 * A router with full tables has megabytes of routes; reading them at every change would cost more than all else. IPv4
 * lists the default routes first.
 */
const MAX_FILE_SIZE_BYTES = 4 * 1024 * 1024;

/** Reads synchronously: procfs and sysfs answer from memory, in microseconds. */
export const thisMachine: Machine = {
  platform: process.platform,
  endianness: endianness(),
  interfaces: networkInterfaces,
  readText(path) {
    try {
      return readBounded(path);
    } catch {
      // Missing and forbidden are the same here: what the file would tell is not known.
      return undefined;
    }
  },
  list(folder) {
    try {
      return readdirSync(folder);
    } catch {
      // As above.
      return [];
    }
  },
};

/** Files of procfs say that they are empty, so they are read until they end. */
function readBounded(path: string): string {
  const file = openSync(path, 'r');
  try {
    const parts: Buffer[] = [];
    for (let sizeBytes = 0; sizeBytes < MAX_FILE_SIZE_BYTES;) {
      const part = Buffer.allocUnsafe(64 * 1024);
      const lengthBytes = readSync(file, part, 0, part.length, null);
      if (lengthBytes === 0) break;
      parts.push(part.subarray(0, lengthBytes));
      sizeBytes += lengthBytes;
    }
    return Buffer.concat(parts).toString('utf8');
  } finally {
    closeSync(file);
  }
}
