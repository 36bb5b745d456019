import {
  controlSocketPath,
  createLogger,
  EdgeGuard,
  loadConfig,
  loadConfigOffLoop,
  pluginInStack,
  PluginPhases,
  SystemClock,
  type Environment,
  type LoadedConfig,
  type RootLogger,
} from '@wirepath/core';
import { stackOf, type Clock, type Logger } from '@wirepath/core/plugin';
import { dirname } from 'node:path';
import { CommandError, isReportable } from '../wording/command-error.js';
import type { ProcessRole } from '../control/protocol.js';
import { refuseSameKey } from '../control/same-key.js';
import { ControlServer } from '../control/server.js';
import { errorSentence, EXIT_DONE, EXIT_FAILED } from '../wording/error-line.js';
import type { ForegroundProcess } from '../node/foreground-process.js';
import { giveUpRights } from '../node/give-up-rights.js';
import { ProcessHandler } from '../node/process-handler.js';
import { readSuspendedTimeFromKernel } from '../node/suspended-time.js';
import { aborted, Interrupt } from '../terminal/interrupt.js';
import { ServiceSignals } from '../terminal/service-signals.js';
import { UncaughtErrors } from '../terminal/uncaught.js';
import type { CommandContext } from './definition.js';
import { requireConfigFile } from './running-process.js';
import { slowPhaseTo } from './slow-plugins.js';

/** What is known of the process before it is created. */
export interface ForegroundKind {
  readonly role: ProcessRole;
  /** Null for a server. @throws CommandError CONFIG where the file describes no such process. */
  readonly publicKeyOf: (config: LoadedConfig) => string | null;
}

export type CreateProcess = (config: LoadedConfig, environment: ForegroundEnvironment) => Promise<ForegroundProcess>;

/** What the process is made with. */
export type ForegroundEnvironment = Environment & {
  readonly guard: EdgeGuard;
  readonly clock: Clock;
  readonly phases: PluginPhases;
};

/** Of thousands of peers each may have one. */
const WARNINGS_LOGGED = 50;

/** Everything is told to stop at once; what has not by then is cut off. */
const STOP_TIMEOUT_MS = 5000;

/**
 * `up` and `serve`: control socket, config, create, start, signals, reload, stop. Plugins' code runs from the second of these
 * on, and any of it may hang: the signals work from the first on, and `status` says who is waited for.
 */
export async function runInForeground(
  context: CommandContext,
  configOption: string | undefined,
  { role, publicKeyOf }: ForegroundKind,
  create: CreateProcess,
): Promise<number> {
  const { product, terminal } = context;
  using interrupt = new Interrupt();
  using uncaught = new UncaughtErrors();
  using signals = new ServiceSignals();
  const { signal } = interrupt;

  const file = await requireConfigFile(context, configOption);
  const phases = new PluginPhases({ signal, onSlow: slowPhaseTo(context) });
  const options = { configPath: file, env: terminal.env, phases };
  const socketPath = controlSocketPath(product, file, { env: terminal.env });
  const handler = new ProcessHandler({ product, role, phases });
  const control = new ControlServer({ socketPath, handler });
  interrupt.onForced = () => control.removeNow();
  let logger: RootLogger | undefined;
  let child: ForegroundProcess | undefined;
  let rights: { readonly done: Promise<void> } | undefined;
  let up = false;
  // What is wrong with the configuration goes before what is wrong with the socket.
  const claiming = control.start().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  try {
    const config = await orInterrupted(Promise.race([loadConfig(product, options), runningAlready(claiming)]), signal);
    logger = await createLogger({
      name: product.name,
      level: config.log.level,
      destination: 'stdout',
      format: 'auto',
    });
    logWarnings(logger, config);
    const clock = new SystemClock();
    const guard = EdgeGuard.create(product.name, { logger, clock });
    uncaught.reportTo((error, what) => {
      guard.for(pluginInStack(error, config.plugins) ?? product.name).failed(what, error);
    });
    const publicKey = publicKeyOf(config);
    const unclaimed = await claiming;
    if (unclaimed !== undefined) throw unclaimed.error;
    handler.knowKey(publicKey);
    if (publicKey !== null) await refuseSameKey(dirname(socketPath), socketPath, publicKey);
    child = await orInterrupted(create(config, { logger, guard, clock, phases }), signal);
    handler.serve(child);
    await orInterrupted(child.start({ signal }), signal);
    handler.up();
    up = true;
    rights = await giveUpRights({ keep: child.capabilities, paths: [file, socketPath], logger, signal });
    signals.onHangup(reloading(logger, () => loadConfigOffLoop(product, options), child));
    logger.info(`${role} is up`, { pid: process.pid, config: file, controlSocket: socketPath });
    void guard.run('reading the time', () => readSuspendedTimeFromKernel(clock));
    await aborted(signal);
    await child.drain?.({ signal: interrupt.again });
    logger.info(`${role} stops`);
  } catch (error) {
    // Stopped while starting: what is thrown then is no failure.
    if (!signal.aborted) {
      if (logger !== undefined) logFailure(logger, error, terminal.out.isTty);
      throw error;
    }
  } finally {
    await claiming;
    await rights?.done;
    await stopBounded(logger, child, control, !signal.aborted);
  }
  // A plugin that hangs may hold timers and sockets that nobody else can close.
  if (!up) process.exit(EXIT_DONE);
  return EXIT_DONE;
}

/** Rejects where another process holds the socket: its plugins are not to be waited for to say so. Resolves never. */
async function runningAlready(claiming: Promise<{ readonly error: unknown } | undefined>): Promise<never> {
  const unclaimed = await claiming;
  if (isReportable(unclaimed?.error) && unclaimed.error.code === 'ALREADY_RUNNING') throw unclaimed.error;
  return new Promise<never>(() => undefined);
}

/** Waits for what runs plugins' code, until a signal. @throws CodedError ABORTED. */
async function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = aborted(signal).then((): never => {
    throw new CommandError('ABORTED', 'stopped before it was done');
  });
  // Whichever loses the race is nobody's any more.
  stopped.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, stopped]);
}

function logWarnings(logger: Logger, { warnings }: LoadedConfig): void {
  for (const { file, keyPath, message } of warnings.slice(0, WARNINGS_LOGGED)) logger.warn(message, { file, keyPath });
  const more = warnings.length - WARNINGS_LOGGED;
  if (more > 0) logger.warn('the configuration has more warnings; check-config shows all of them', { count: more });
}

/** The error line goes to stderr; a log that machines read gets it too, with its code. */
function logFailure(logger: Logger, error: unknown, forPeople: boolean): void {
  const details = isReportable(error) ? { code: error.code, subject: error.subject, advice: error.advice } : {};
  if (!forPeople) logger.error(errorSentence(error), details);
  if (!(error instanceof Error)) return;
  // The plugin's own stack is that of the cause.
  const stack = stackOf(error);
  // What is coded says enough to whoever runs this; anything else is a fault that only the stack locates.
  if (isReportable(error)) logger.debug('stack of the error', { stack });
  else logger.error('stack of the error', { stack });
}

/** SIGHUP reads the file again; what is wrong with it is logged, and the process goes on as it was. */
function reloading(logger: RootLogger, load: () => Promise<LoadedConfig>, child: ForegroundProcess): () => void {
  let queue = Promise.resolve();
  let isWaiting = false;
  const reload = async (): Promise<void> => {
    isWaiting = false;
    try {
      const config = await load();
      logger.setLevel(config.log.level);
      logWarnings(logger, config);
      await child.reload(config);
      logger.info('the configuration was read again', { config: config.source });
    } catch (error) {
      logger.error(`the configuration was not taken over: ${errorSentence(error)}`);
    }
  };
  return () => {
    // One that has not begun will read what this one would.
    if (isWaiting) return;
    isWaiting = true;
    queue = queue.then(reload);
  };
}

async function stopBounded(
  logger: Logger | undefined,
  child: ForegroundProcess | undefined,
  control: ControlServer,
  failed: boolean,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), STOP_TIMEOUT_MS);
  });
  try {
    const outcome = await Promise.race([Promise.all([child?.stop({ failed }), control.stop()]), timeout]);
    if (outcome === 'late') {
      logger?.error('stopping took too long; what still ran was cut off', { timeoutMs: STOP_TIMEOUT_MS });
      control.removeNow();
      process.exit(EXIT_FAILED);
    }
  } catch (error) {
    throw new CommandError('INTERNAL', 'not everything could be stopped', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
