import { configJsonSchema, inFileOrder, loadConfig, PluginPhases, type LoadedConfig } from '@wirepath/core';
import { EXIT_DONE, EXIT_USAGE, isConfigProblems } from '../wording/error-line.js';
import { formatConfigSummary } from '../text/config-text.js';
import { reportWarnings } from './config-warnings.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { requireConfigFile } from './running-process.js';
import { slowPhaseTo } from './slow-plugins.js';

export interface CheckConfigOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly schema?: boolean;
}

export async function checkConfig(context: CommandContext, options: CheckConfigOptions): Promise<number> {
  const { product, terminal } = context;
  if (options.schema === true) {
    printJson(terminal, await configJsonSchema(product));
    return EXIT_DONE;
  }
  const file = await requireConfigFile(context, options.config);
  const phases = new PluginPhases({ onSlow: slowPhaseTo(context) });
  let config: LoadedConfig;
  try {
    config = await loadConfig(product, { configPath: file, env: terminal.env, phases });
  } catch (error) {
    if (!isConfigProblems(error) || options.json !== true) throw error;
    printJson(terminal, { ok: false, file, problems: error.problems, warnings: [] });
    return EXIT_USAGE;
  }
  const warnings = await inFileOrder(config.warnings, { first: file, productName: product.name });
  reportWarnings(context, { warnings });
  if (options.json === true) printJson(terminal, { ok: true, file, problems: [], warnings });
  else terminal.out.write(formatConfigSummary(config));
  return EXIT_DONE;
}
