import { CommandError } from '../wording/command-error.js';
import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { isRunning } from './is-running.js';
import type { Node } from '@wirepath/core';
import { unstartedNode, unstartedNodeOf } from './unstarted-node.js';

export interface DownOptions {
  readonly config?: string;
  /** Instead of an rc file, which may not be readable any more. */
  readonly interface?: string;
  readonly json?: boolean;
}

/** Lifts what a node left that was killed, or whose kill switch is `always`. */
export async function down(context: CommandContext, options: DownOptions): Promise<number> {
  const { terminal } = context;
  const { node, file } = await whoseRemains(context, options);
  try {
    const removed = node.killSwitch?.lift() ?? [];
    if (options.json === true) printJson(terminal, { config: file, removed });
    else if (removed.length === 0) terminal.out.write('nothing was left to remove\n');
    else terminal.out.write(removed.map((what) => `removed ${what}\n`).join(''));
    return EXIT_DONE;
  } finally {
    await node.stop();
  }
}

async function whoseRemains(
  context: CommandContext,
  options: DownOptions,
): Promise<{ readonly node: Node; readonly file: string | null }> {
  if (options.interface !== undefined) {
    if (options.config !== undefined)
      throw new CommandError('CONFIG', '--config and --interface name the same thing: give one of them');
    return { node: await unstartedNodeOf(context, options.interface), file: null };
  }
  if (await isRunning(context, options.config)) {
    throw new CommandError('ALREADY_RUNNING', 'the node runs, and needs what this would remove', {
      advice: `Stop it first: Ctrl-C, SIGTERM, or \`systemctl stop\`. Then \`${context.product.name} down\` lifts what stays.`,
    });
  }
  return unstartedNode(context, options.config);
}
