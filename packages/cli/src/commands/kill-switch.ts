import { EXIT_DONE } from '../wording/error-line.js';
import type { CommandContext } from './definition.js';
import { isRunning } from './is-running.js';
import { printJson } from './json-document.js';
import { unstartedNode } from './unstarted-node.js';

export interface KillSwitchOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** Loads the kill switch of an rc file and leaves it there: before the network comes up, and the node after it. */
export async function killSwitch(context: CommandContext, options: KillSwitchOptions): Promise<number> {
  const { terminal } = context;
  const runs = await isRunning(context, options.config);
  const { node, file } = await unstartedNode(context, options.config);
  try {
    // A running node has loaded its own, which knows more.
    const loaded = runs || (node.killSwitch?.loadToStay() ?? false);
    if (options.json === true) printJson(terminal, { config: file, loaded, running: runs });
    else if (runs) terminal.out.write('the node runs, and sees to its kill switch itself\n');
    else terminal.out.write(loaded ? 'the kill switch is loaded\n' : 'no kill switch is configured\n');
    return EXIT_DONE;
  } finally {
    await node.stop({ failed: true });
  }
}
