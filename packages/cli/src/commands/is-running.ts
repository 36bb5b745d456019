import { CommandError } from '../wording/command-error.js';
import { Interrupt } from '../terminal/interrupt.js';
import type { CommandContext } from './definition.js';
import { connectToRunning, requireConfigFile } from './running-process.js';

/** Whether a process runs on the rc file. @throws CommandError CONFIG, PERMISSION_DENIED, TIMEOUT, CONTROL_SOCKET. */
export async function isRunning(context: CommandContext, config: string | undefined): Promise<boolean> {
  using interrupt = new Interrupt();
  try {
    using client = await connectToRunning(context, await requireConfigFile(context, config), interrupt.signal);
    return client.hello !== undefined;
  } catch (error) {
    if (error instanceof CommandError && error.code === 'NOT_RUNNING') return false;
    throw error;
  }
}
