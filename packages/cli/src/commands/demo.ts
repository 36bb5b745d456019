import { runScenarios, SCENARIOS } from '../demo/run-scenarios.js';
import type { ScenarioResult } from '../demo/scenario.js';
import { EXIT_DONE, EXIT_FAILED } from '../wording/error-line.js';
import { Interrupt } from '../terminal/interrupt.js';
import { Progress } from '../terminal/progress.js';
import { formatDemo } from '../text/demo-text.js';
import { palette } from '../text/palette.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';

export interface DemoOptions {
  readonly json?: boolean;
}

/** What a shell expects of a command that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

export async function demo({ product, terminal }: CommandContext, { json }: DemoOptions): Promise<number> {
  const { out, err } = terminal;
  using interrupt = new Interrupt();
  const startedAt = performance.now();
  let results: ScenarioResult[];
  try {
    // With --json, stdout is for the document alone.
    using progress = new Progress(json === true ? err : out);
    results = await runScenarios(product, SCENARIOS, {
      signal: interrupt.signal,
      step: (text) => progress.step(text),
    });
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    throw error;
  }
  const ok = results.every((result) => result.ok);
  if (json === true) printJson(terminal, { ok, durationMs: performance.now() - startedAt, scenarios: results });
  else out.write(formatDemo(results, palette(out.colors)));
  return ok ? EXIT_DONE : EXIT_FAILED;
}
