import { createIdentity, parsePrivateKey } from '@wirepath/core';
import type { Readable } from 'node:stream';
import { CommandError } from '../wording/command-error.js';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';

/** A key is 44 characters; more than this is not one, and is not read to its end. */
const MAX_INPUT_BYTES = 4096;

export async function pubkey({ terminal }: CommandContext): Promise<number> {
  const text = await readBounded(terminal.stdin);
  const privateKey = parsePrivateKey(text.trim());
  terminal.out.write(`${createIdentity(privateKey).publicKey}\n`);
  return EXIT_DONE;
}

async function readBounded(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
    sizeBytes += bytes.length;
    if (sizeBytes > MAX_INPUT_BYTES) {
      throw new CommandError('INVALID_KEY', 'what came on stdin is not a WireGuard key', {
        advice: 'A key is 44 characters of base64, as `genkey` prints it.',
      });
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
