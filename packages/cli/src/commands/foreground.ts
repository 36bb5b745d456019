import {
  controlSocketPath,
  createLogger,
  EdgeGuard,
  loadConfig,
  pluginInStack,
  systemClock,
  type Environment,
  type LoadedConfig,
} from '@wirepath/core';
import type { Logger } from '@wirepath/core/plugin';
import { dirname } from 'node:path';
import type { ControlMethod } from '../control/connection.js';
import { CommandError, isReportable } from '../control/failure.js';
import { CONTROL_PROTOCOL_VERSION, type ProcessRole } from '../control/protocol.js';
import { refuseSameKey } from '../control/same-key.js';
import { ControlServer } from '../control/server.js';
import { errorSentence, EXIT_DONE, EXIT_FAILED } from '../error-line.js';
import { aborted, Interrupt } from '../terminal/interrupt.js';
import { UncaughtErrors } from '../terminal/uncaught.js';
import type { CommandContext } from './definition.js';
import { requireConfigFile } from './running-process.js';

/** What runs until a signal: a node, or servers. */
export interface ForegroundProcess {
  readonly role: ProcessRole;
  /** Null for a server. */
  readonly publicKey: string | null;
  start(options: { signal: AbortSignal }): Promise<void>;
  stop(): Promise<void>;
  reload(config: LoadedConfig): Promise<void>;
  status(): unknown;
  /** Of the control socket, besides `status`. */
  readonly methods: Readonly<Record<string, ControlMethod>>;
  onChange(listener: () => void): Disposable;
}

export type CreateProcess = (config: LoadedConfig, environment: ForegroundEnvironment) => Promise<ForegroundProcess>;

/** What the process is made with. */
export type ForegroundEnvironment = Environment & { readonly guard: EdgeGuard };

/** Everything is told to stop at once; what has not by then is cut off. */
const STOP_TIMEOUT_MS = 5000;

/** `up` and `serve`: config, control socket, start, signals, reload, stop. */
export async function runInForeground(
  context: CommandContext,
  configOption: string | undefined,
  create: CreateProcess,
): Promise<number> {
  const { product, terminal } = context;
  using interrupt = new Interrupt();
  using uncaught = new UncaughtErrors();

  const file = await requireConfigFile(context, configOption);
  const load = (): Promise<LoadedConfig> => loadConfig(product, { configPath: file, env: terminal.env });
  const config = await load();
  const logger = await createLogger({
    name: product.name,
    level: config.log.level,
    destination: 'stdout',
    format: 'auto',
  });
  logWarnings(logger, config);
  const guard = EdgeGuard.create(product.name, { logger, clock: systemClock });
  uncaught.reportTo((error, what) => {
    guard.for(pluginInStack(error, config.plugins) ?? product.name).failed(what, error);
  });

  const child = await create(config, { logger, guard });
  const socketPath = controlSocketPath(product, file, { env: terminal.env });
  const control = new ControlServer({
    socketPath,
    handler: {
      hello: {
        protocol: CONTROL_PROTOCOL_VERSION,
        product: product.name,
        version: product.version,
        pid: process.pid,
        role: child.role,
        publicKey: child.publicKey,
      },
      methods: new Map(Object.entries({ ...child.methods, status: () => child.status() })),
      snapshot: () => child.status(),
      onChange: (listener) => child.onChange(listener),
    },
  });
  interrupt.onForced = () => control.removeNow();
  let stopReload: Disposable | undefined;
  try {
    await control.start();
    if (child.publicKey !== null) await refuseSameKey(dirname(socketPath), socketPath, child.publicKey);
    await child.start({ signal: interrupt.signal });
    stopReload = reloadOnHangup(logger, load, child);
    logger.info(`${child.role} is up`, { pid: process.pid, config: file, controlSocket: socketPath });
    await aborted(interrupt.signal);
    logger.info(`${child.role} stops`);
  } catch (error) {
    // Stopped while starting: what start() throws then is no failure.
    if (!interrupt.signal.aborted) {
      logFailure(logger, error, terminal.out.isTty);
      throw error;
    }
  } finally {
    stopReload?.[Symbol.dispose]();
    await stopBounded(logger, child, control);
  }
  return EXIT_DONE;
}

function logWarnings(logger: Logger, { warnings }: LoadedConfig): void {
  for (const { file, keyPath, message } of warnings) logger.warn(message, { file, keyPath });
}

/** The error line goes to stderr; a log that machines read gets it too, with its code. */
function logFailure(logger: Logger, error: unknown, forPeople: boolean): void {
  const details = isReportable(error) ? { code: error.code, subject: error.subject, advice: error.advice } : {};
  if (!forPeople) logger.error(errorSentence(error), details);
  if (!(error instanceof Error)) return;
  const { stack } = error;
  // What is coded says enough to whoever runs this; anything else is a fault that only the stack locates.
  if (isReportable(error)) logger.debug('stack of the error', { stack });
  else logger.error('stack of the error', { stack });
}

/** SIGHUP reads the file again; what is wrong with it is logged, and the process goes on as it was. */
function reloadOnHangup(logger: Logger, load: () => Promise<LoadedConfig>, child: ForegroundProcess): Disposable {
  let queue = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      const config = await load();
      logWarnings(logger, config);
      await child.reload(config);
      logger.info('the configuration was read again', { config: config.file });
    } catch (error) {
      logger.error(`the configuration was not taken over: ${errorSentence(error)}`);
    }
  };
  const onHangup = (): void => {
    queue = queue.then(reload);
  };
  process.on('SIGHUP', onHangup);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', onHangup) };
}

async function stopBounded(logger: Logger, child: ForegroundProcess, control: ControlServer): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), STOP_TIMEOUT_MS);
  });
  try {
    const outcome = await Promise.race([Promise.all([child.stop(), control.stop()]), timeout]);
    if (outcome === 'late') {
      logger.error('stopping took too long; what still ran was cut off', { timeoutMs: STOP_TIMEOUT_MS });
      control.removeNow();
      process.exit(EXIT_FAILED);
    }
  } catch (error) {
    throw new CommandError('INTERNAL', 'not everything could be stopped', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
