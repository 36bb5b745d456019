import { controlSocketPath, findConfig, trustedOwners, type TrustedOwners } from '@wirepath/core';
import { access, stat } from 'node:fs/promises';
import { ControlClient } from '../control/client.js';
import { CommandError } from '../wording/command-error.js';
import type { CommandContext } from './definition.js';

/**
 * Path of the rc file: `--config`, or the one that the working directory has. It is not read.
 * @throws CommandError CONFIG when there is none.
 */
export async function requireConfigFile({ product, terminal }: CommandContext, option?: string): Promise<string> {
  const file = await findConfig(product, { configPath: option, cwd: terminal.cwd });
  if (file === undefined) {
    throw new CommandError('CONFIG', 'there is no configuration in this folder', {
      subject: terminal.cwd,
      advice: 'Name one with --config FILE.',
    });
  }
  try {
    await access(file);
  } catch (cause) {
    throw new CommandError('CONFIG', 'the configuration cannot be read', {
      subject: file,
      advice: 'Check the path after --config.',
      cause,
    });
  }
  return file;
}

/** @throws CommandError NOT_RUNNING, with how to start it. */
export async function connectToRunning(
  context: CommandContext,
  configOption: string | undefined,
  signal?: AbortSignal,
): Promise<ControlClient> {
  const { product, terminal } = context;
  const file = await requireConfigFile(context, configOption);
  return ControlClient.connect({
    socketPath: controlSocketPath(product, file, { env: terminal.env }),
    startAdvice: `Start it with \`${product.name} up --config ${file}\` (a server: \`serve\`).`,
    owners: await ownersOf(file),
    signal,
  });
}

/** Root may ask the node of any user's rc file: it is that user's to run, and then its socket is that user's too. */
async function ownersOf(file: string): Promise<TrustedOwners | undefined> {
  const owners = trustedOwners();
  if (owners === undefined || process.getuid?.() !== 0) return owners;
  return { uids: new Set([...owners.uids, (await stat(file)).uid]) };
}
