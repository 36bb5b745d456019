import { describePlugins, loadConfig, PluginPhases } from '@wirepath/core';
import { EXIT_DONE } from '../wording/error-line.js';
import { palette } from '../text/palette.js';
import { formatPlugins } from '../text/plugins-text.js';
import { reportWarnings } from './config-warnings.js';
import type { CommandContext } from './definition.js';
import { printJson } from './json-document.js';
import { requireConfigFile } from './running-process.js';
import { slowPhaseTo } from './slow-plugins.js';

export interface PluginsOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export async function plugins(context: CommandContext, options: PluginsOptions): Promise<number> {
  const { product, terminal } = context;
  const file = await requireConfigFile(context, options.config);
  const phases = new PluginPhases({ onSlow: slowPhaseTo(context) });
  const config = await loadConfig(product, { configPath: file, env: terminal.env, phases });
  reportWarnings(context, config);
  const descriptions = describePlugins(config);
  if (options.json === true) printJson(terminal, { file, plugins: descriptions });
  else terminal.out.write(formatPlugins(descriptions, palette(terminal.out.colors)));
  return EXIT_DONE;
}
