import { controlSocketPath, findConfig, runtimeFolder, trustedOwners, type TrustedOwners } from '@wirepath/core';
import { access, stat } from 'node:fs/promises';
import { ControlClient } from '../control/client.js';
import { livingSockets } from '../control/living-sockets.js';
import { CommandError } from '../wording/command-error.js';
import type { CommandContext } from './definition.js';

/**
 * Path of the rc file: `--config`, `<PREFIX>_CONFIG`, or the one that the working directory or `/etc/<name>` has. It is not read.
 * @throws CommandError CONFIG when there is none.
 */
export async function requireConfigFile({ product, terminal }: CommandContext, option?: string): Promise<string> {
  const file = await findConfigFile({ product, terminal }, option);
  if (file === undefined) {
    throw new CommandError('CONFIG', `there is no configuration in this folder, nor one in /etc/${product.name}`, {
      subject: terminal.cwd,
      advice: `Name one with --config FILE, or in ${product.environmentPrefix}_CONFIG.`,
    });
  }
  try {
    await access(file);
  } catch (cause) {
    throw new CommandError('CONFIG', 'the configuration cannot be read', {
      subject: file,
      advice: `Check the path after --config, or in ${product.environmentPrefix}_CONFIG.`,
      cause,
    });
  }
  return file;
}

function findConfigFile({ product, terminal }: CommandContext, option: string | undefined) {
  return findConfig(product, { configPath: option, cwd: terminal.cwd, env: terminal.env });
}

/**
 * To the process that runs on the rc file; where there is no file to be found, to the only one that runs.
 * @throws CommandError NOT_RUNNING, with how to start it; CONFIG where it cannot be told which is meant.
 */
export async function connectToRunning(
  context: CommandContext,
  configOption: string | undefined,
  signal?: AbortSignal,
): Promise<ControlClient> {
  const { product, terminal } = context;
  if ((await findConfigFile(context, configOption)) === undefined) {
    const [only, ...others] = await runningSockets(product, terminal.env);
    if (only !== undefined && others.length === 0) return ControlClient.connect({ ...only, signal });
    if (only !== undefined) throw severalRun(others.length + 1, product.environmentPrefix);
  }
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

/** Of this product and user, as far as they answer. */
async function runningSockets(
  product: CommandContext['product'],
  env: CommandContext['terminal']['env'],
): Promise<{ socketPath: string; startAdvice: string; owners: TrustedOwners | undefined }[]> {
  const owners = trustedOwners();
  const living = await livingSockets(runtimeFolder(product, { env }));
  return living.map(({ path: socketPath }) => ({
    socketPath,
    startAdvice: `Start it with \`${product.name} up\`.`,
    owners,
  }));
}

function severalRun(count: number, environmentPrefix: string): CommandError {
  return new CommandError('CONFIG', `${count} of them run, and none on a configuration of this folder`, {
    advice: `Name the rc file of the one that you mean with --config FILE, or in ${environmentPrefix}_CONFIG.`,
  });
}
